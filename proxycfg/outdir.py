"""Writing generated files: all or nothing, and never over somebody's edits."""

from __future__ import annotations

import contextlib
import difflib
import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from proxycfg.errors import BadUsage
from proxycfg.generate import HEADING_BYTES, edited_by_hand, made_here
from proxycfg.record import record


def read_existing(out: Path, files: Iterable[str]) -> dict[str, str | None]:
    """The text of each file as it is now below ``out``; None where there is none.

    :raises BadUsage: if something is there that is not a readable text file.
    """
    return {name: _read(out / name) for name in files}


def _read(path: Path) -> str | None:
    try:
        # Reading a pipe would wait for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            said = "is a folder" if path.is_dir() else "is a pipe or a device"
            raise BadUsage(f"{path}: {said}, where a file should be written; choose another --out")
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise BadUsage(f"{path}: a file stands where a folder is needed; choose another --out") from None
    except (OSError, UnicodeDecodeError) as error:
        said = _said(error) if isinstance(error, OSError) else "not UTF-8 text"
        raise BadUsage(f"{path}: cannot read what is there: {said}; move it away, or choose another --out") from None


def hand_edited(existing: Mapping[str, str | None]) -> list[str]:
    """The files that exist and are not as they were generated."""
    return [name for name, text in existing.items() if text is not None and edited_by_hand(text)]


def stale(out: Path, targets: Iterable[str], files: Collection[str]) -> dict[str, str]:
    """Files of these targets below ``out`` that a former run made and none of ``files`` replaces, with their text.

    Another layout of the spec, or a target that it names no more, leaves them behind; a proxy that includes the folder still runs them.
    """
    found: dict[str, str] = {}
    for target in targets:
        for folder, _, names in os.walk(out / target):
            for path in (Path(folder) / name for name in sorted(names)):
                name = path.relative_to(out).as_posix()
                if name not in files and (text := _made(path)) is not None:
                    found[name] = text
    return found


def _made(path: Path) -> str | None:
    """The text of a file that we made; None of any other, of which no more than its beginning is read."""
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return None
        with path.open("rb") as stream:
            beginning = stream.read(HEADING_BYTES)
            return (beginning + stream.read()).decode() if made_here(beginning.decode(errors="replace")) else None
    except (OSError, UnicodeDecodeError):
        return None


def diff(existing: Mapping[str, str | None], files: Mapping[str, str | None]) -> str:
    """A unified diff from what is there to what would be (None: nothing), as ``patch -p1`` takes it; empty when nothing would change."""
    pieces: list[str] = []
    for name, new in files.items():
        old = existing[name]
        if old == new:
            continue
        before, after = (
            f"{side}/{name}" if text is not None else "/dev/null" for side, text in (("a", old), ("b", new))
        )
        lines = difflib.unified_diff(_lines(old or ""), _lines(new or ""), before, after)
        pieces += [line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines]
    return "".join(pieces)


def _lines(text: str) -> list[str]:
    # Not splitlines, which takes more for line ends than any proxy or patch does.
    lines = text.split("\n")
    return [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])


@record(slots=True)
class _Change:
    """One file on its way: ``staged`` is the new text beside its place, ``kept`` the old one, to go back to."""

    path: Path
    staged: Path
    kept: Path | None = None
    done: bool = False


def write(out: Path, files: Mapping[str, str]) -> None:
    """Write every file below ``out``, or none of them.

    Each text is complete beside its place before the first one moves into it, so nobody ever reads half a file; when a move
    fails, or the run is interrupted, those that went before are taken back, and so are folders that were made for them.

    A file keeps the permissions, and where possible the owner, that it had. A symbolic link stays one: the file that it leads to
    is replaced, since whoever made the link wants the config there. A pipe or device, such as ``/dev/stdout``, is written to.

    :raises BadUsage: if the files cannot be written; nothing has changed then.
    """
    changes: list[_Change] = []
    made: list[Path] = []
    straight: list[tuple[Path, str]] = []
    complete = False
    path = out
    try:
        for name, text in files.items():
            path = out / name
            _make_folder(path.parent, made)
            place = _place(path)
            if place is None:
                straight.append((path, text))
                continue
            if any(change.path == place for change in changes):
                raise BadUsage(f"{path}: leads to the same file as another that would be written; nothing was changed")
            changes.append(_stage(place, text))
        for change in changes:
            path = change.path
            change.kept = _keep(path)
            # Noted before it is so: taking back what was not done does no harm.
            change.done = True
            change.staged.replace(path)
        complete = True
    except OSError as error:
        raise BadUsage(f"{path}: cannot write: {_said(error)}; nothing was changed") from None
    finally:
        _clean(changes, made, complete=complete)
    for path, text in straight:
        try:
            path.write_text(text, encoding="utf-8")
        except BrokenPipeError:
            raise
        except OSError as error:
            raise BadUsage(f"{path}: cannot write: {_said(error)}") from None


def _make_folder(folder: Path, made: list[Path]) -> None:
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    ground = missing[-1].parent if missing else folder
    if not ground.is_dir():
        raise BadUsage(f"{ground}: is a file, where a folder is needed; choose another place; nothing was changed")
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        made.append(path)


def _place(path: Path) -> Path | None:
    """Where the text really goes: at the end of links; None for a pipe or device, which cannot be replaced."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG
    if stat.S_ISDIR(mode):
        raise BadUsage(
            f"{path}: is a folder, where a file should be written; choose another place; nothing was changed"
        )
    return Path(os.path.realpath(path)) if stat.S_ISREG(mode) else None


def _stage(path: Path, text: str) -> _Change:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".new")
    staged = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes files private; a config is as readable as any other, or as its predecessor was.
        if path.exists():
            before = path.stat()
            with contextlib.suppress(PermissionError):
                os.chown(staged, before.st_uid, before.st_gid)
            staged.chmod(stat.S_IMODE(before.st_mode))
        else:
            staged.chmod(0o666 & ~_umask())
    except BaseException:
        staged.unlink()
        raise
    return _Change(path, staged)


def _keep(path: Path) -> Path | None:
    """The file once more under another name, until the new one is in its place; None where there is none."""
    if not path.exists():
        return None
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".old")
    os.close(handle)
    kept = Path(name)
    kept.unlink()
    try:
        kept.hardlink_to(path)
    except OSError:
        # Not every file system has hard links.
        shutil.copy2(path, kept)
    return kept


def _clean(changes: Iterable[_Change], made: Iterable[Path], *, complete: bool) -> None:
    for change in changes:
        if change.done and not complete:
            if change.kept is not None:
                change.kept.replace(change.path)
            elif not change.staged.exists():
                change.path.unlink()
        for left in (change.staged, change.kept):
            if left is not None:
                left.unlink(missing_ok=True)
    if not complete:
        for folder in reversed(list(made)):
            with contextlib.suppress(OSError):
                folder.rmdir()


def _said(error: OSError) -> str:
    return error.strerror or str(error)


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
