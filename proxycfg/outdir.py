"""Writing generated files: all or nothing, and never over somebody's edits."""

from __future__ import annotations

import contextlib
import difflib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from proxycfg.errors import BadUsage
from proxycfg.generate import edited_by_hand


def read_existing(out: Path, files: Mapping[str, str]) -> dict[str, str | None]:
    """The text of each file as it is now below ``out``; None where there is none.

    :raises BadUsage: if something is there that is not a readable text file.
    """
    return {name: _read(out / name) for name in files}


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise BadUsage(f"{path}: cannot read what is there: {said}; move it away, or choose another --out") from None


def hand_edited(existing: Mapping[str, str | None]) -> list[str]:
    """The files that exist and are not as they were generated."""
    return [name for name, text in existing.items() if text is not None and edited_by_hand(text)]


def diff(existing: Mapping[str, str | None], files: Mapping[str, str]) -> str:
    """A unified diff from what is there to what would be written; empty when nothing would change."""
    pieces: list[str] = []
    for name, new in files.items():
        old = existing[name]
        if old == new:
            continue
        before = "/dev/null" if old is None else f"a/{name}"
        lines = difflib.unified_diff((old or "").splitlines(), new.splitlines(), before, f"b/{name}", lineterm="")
        pieces += [f"{line}\n" for line in lines]
        if old is not None and old.splitlines() == new.splitlines():
            pieces.append(f"{name}: line endings or the end of the file differ\n")
    return "".join(pieces)


def write(out: Path, files: Mapping[str, str]) -> None:
    """Write every file below ``out`` atomically: each is complete beside its place before the first one moves into it.

    :raises BadUsage: if the folder cannot be written; nothing has changed then.
    """
    staged: list[tuple[str, Path]] = []
    try:
        for name, text in files.items():
            path = out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                raise BadUsage(f"{path}: is a folder, where a file should be written; choose another --out")
            handle, staging = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            staged.append((staging, path))
            with os.fdopen(handle, "wb") as stream:
                stream.write(text.encode())
                stream.flush()
                os.fsync(stream.fileno())
            # mkstemp makes files private; a config is as readable as any other, or as its predecessor was.
            mode = path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~_umask()
            os.chmod(staging, mode)
        for staging, path in staged:
            os.replace(staging, path)
    except OSError as error:
        raise BadUsage(f"{error.filename or out}: cannot write: {error.strerror}; nothing was changed") from None
    finally:
        for staging, _ in staged:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(staging)


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
