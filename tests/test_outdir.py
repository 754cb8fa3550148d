"""Writing files: all or nothing, whatever happens on the way."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from proxycfg import outdir
from proxycfg.errors import BadUsage

FILES = {"nginx/nginx.conf": "new nginx\n", "envoy/envoy.yaml": "new envoy\n", "envoy/more/certs.yaml": "new é\n"}


def _tree(root: Path) -> dict[str, tuple[str, int, bytes]]:
    """Everything below a folder: kind, permissions and content of each."""
    found = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (stat.filemode(mode)[0], stat.S_IMODE(mode), content)
    return found


def _texts(root: Path) -> dict[str, str]:
    return {name: content.decode() for name, (kind, _, content) in _tree(root).items() if kind == "-"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder in which one of the files, and something of the user's, is there already."""
    (tmp_path / "out/nginx").mkdir(parents=True)
    (tmp_path / "out/nginx/nginx.conf").write_text("old nginx\n")
    (tmp_path / "out/nginx/mine.conf").write_text("mine\n")
    return tmp_path / "out"


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    """UTF-8, line ends as they are, and nothing beside them."""
    outdir.write(tmp_path / "a/b", FILES)

    assert {f"a/b/{name}": text for name, text in FILES.items()} == _texts(tmp_path)


def test_files_replace_those_of_the_same_name_alone(out: Path) -> None:
    """What else is in the folder stays."""
    outdir.write(out, FILES)

    assert {**FILES, "nginx/mine.conf": "mine\n"} == _texts(out)


def test_nothing_to_write_makes_no_folder(tmp_path: Path) -> None:
    """An unchanged run leaves no trace."""
    outdir.write(tmp_path / "a", {})

    assert {} == _tree(tmp_path)


# ---- failure at any point ----

_OPERATIONS: list[tuple[Any, str]] = [
    (tempfile, "mkstemp"), (os, "fsync"), (os, "chown"), (Path, "chmod"), (Path, "mkdir"), (Path, "hardlink_to"),
    (Path, "replace"),
]  # fmt: skip


@contextmanager
def _failing(number: int, error: BaseException) -> Iterator[list[str]]:
    """Let the given operation on the disk fail, by its number; yields the names of all that were tried."""
    tried: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for place, name in _OPERATIONS:
            real = getattr(place, name)

            def counted(*args: Any, _real: Callable[..., Any] = real, _name: str = name, **kwargs: Any) -> Any:
                tried.append(_name)
                if len(tried) - 1 == number:
                    raise error
                return _real(*args, **kwargs)

            patch.setattr(place, name, counted)
        yield tried


def _operations(out: Path) -> list[str]:
    """What a run that succeeds does."""
    copy = out.with_name("copy")
    shutil.copytree(out, copy)
    with _failing(-1, OSError()) as tried:
        outdir.write(copy, FILES)
    shutil.rmtree(copy)
    return tried


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()])
def test_whatever_fails_nothing_has_changed(out: Path, error: BaseException) -> None:
    """Disk full, interrupt or out of memory at each step: the old files are there, whole, and no others."""
    before = _tree(out)
    operations = _operations(out)
    survived = []
    for number, name in enumerate(operations):
        with _failing(number, error):
            try:
                outdir.write(out, FILES)
            except (BadUsage, KeyboardInterrupt, MemoryError):
                assert before == _tree(out), f"after {name}, operation {number}"
            else:
                # Where links or owners cannot be had, there is another way.
                survived.append(name)
                shutil.rmtree(out)
                _restore(out, before)

    assert len(operations) >= 15
    assert set(survived) <= ({"hardlink_to"} if isinstance(error, OSError) else set())


def _restore(root: Path, tree: dict[str, tuple[str, int, bytes]]) -> None:
    root.mkdir()
    for name, (kind, mode, content) in tree.items():
        path = root / name
        if kind == "d":
            path.mkdir()
        else:
            path.write_bytes(content)
        path.chmod(mode)


def test_a_file_system_without_links_will_do(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file is copied instead, and still comes back when a later one fails."""
    before = _tree(out)

    def refuse(*_: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    real, calls = Path.replace, [0]

    def second_fails(self: Path, target: Path) -> Path:
        calls[0] += 1
        if calls[0] == 2:
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", second_fails)
    with pytest.raises(BadUsage, match=r"envoy\.yaml: cannot write: Input/output error; nothing was changed"):
        outdir.write(out, FILES)
    assert before == _tree(out)
    monkeypatch.setattr(Path, "replace", real)
    outdir.write(out, FILES)
    assert {**FILES, "nginx/mine.conf": "mine\n"} == _texts(out)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_folder_that_cannot_be_written_is_named(out: Path) -> None:
    """Nothing has changed."""
    before = _tree(out)
    (out / "nginx").chmod(0o555)
    try:
        with pytest.raises(BadUsage, match=r"nginx\.conf: cannot write: Permission denied; nothing was changed"):
            outdir.write(out, FILES)
    finally:
        (out / "nginx").chmod(0o755)

    assert before == _tree(out)


def test_a_reader_sees_the_old_file_or_the_new_one(out: Path) -> None:
    """A proxy that reloads in the middle never reads half a config."""
    texts = [letter * 200_000 for letter in "ab"]
    outdir.write(out, {"nginx/nginx.conf": texts[0]})
    seen: set[str] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add((out / "nginx/nginx.conf").read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(30):
        outdir.write(out, {"nginx/nginx.conf": texts[number % 2]})
    done.set()
    reader.join()

    assert seen <= set(texts)


# ---- what stands in the way ----


def test_a_file_where_a_folder_is_needed_is_named(tmp_path: Path) -> None:
    """Above or below ``--out``."""
    (tmp_path / "out").write_text("mine\n")
    before = _tree(tmp_path)
    for folder in ("out", "out/deeper"):
        with pytest.raises(BadUsage, match=r"out: is a file, where a folder is needed"):
            outdir.write(tmp_path / folder, FILES)
        with pytest.raises(BadUsage, match="a file stands where a folder is needed"):
            outdir.read_existing(tmp_path / folder, FILES)

    assert before == _tree(tmp_path)


def test_a_folder_where_a_file_should_be_written_is_named(out: Path) -> None:
    """Whether it is empty or not."""
    (out / "envoy/envoy.yaml").mkdir(parents=True)
    before = _tree(out)
    with pytest.raises(BadUsage, match=r"envoy\.yaml: is a folder, where a file should be written"):
        outdir.write(out, FILES)
    with pytest.raises(BadUsage, match=r"envoy\.yaml: is a folder, where a file should be written"):
        outdir.read_existing(out, FILES)

    assert before == _tree(out)


def test_a_link_is_written_through(out: Path) -> None:
    """It stays a link, and the file that it leads to is replaced: there its owner wants the config."""
    real = out.with_name("deploy.conf")
    real.write_text("old\n")
    real.chmod(0o640)
    (out / "nginx/nginx.conf").unlink()
    (out / "nginx/nginx.conf").symlink_to("../../deploy.conf")
    outdir.write(out, FILES)

    assert (out / "nginx/nginx.conf").is_symlink()
    assert ("new nginx\n", 0o640) == (real.read_text(), stat.S_IMODE(real.stat().st_mode))
    assert {"out", "deploy.conf"} == {path.name for path in out.parent.iterdir()}


def test_a_link_to_a_file_not_yet_there_makes_it(out: Path) -> None:
    """In a folder that is there."""
    (out / "nginx/nginx.conf").unlink()
    (out / "nginx/nginx.conf").symlink_to("../../deploy.conf")
    outdir.write(out, FILES)

    assert "new nginx\n" == out.with_name("deploy.conf").read_text()


@pytest.mark.parametrize("target", ["../../nowhere/deploy.conf", "nginx.conf"])
def test_a_link_to_nowhere_is_refused(out: Path, target: str) -> None:
    """Into a folder that is not there, or in a circle."""
    (out / "nginx/nginx.conf").unlink()
    (out / "nginx/nginx.conf").symlink_to(target)
    before = _tree(out)
    with pytest.raises(BadUsage, match=r"nginx\.conf: cannot write: .*; nothing was changed"):
        outdir.write(out, FILES)

    assert before == _tree(out)


def test_a_linked_folder_is_a_folder(out: Path) -> None:
    """``--out`` may be a link, and so may a target's folder."""
    out.with_name("link").symlink_to("out")
    (out / "real").mkdir()
    (out / "envoy").symlink_to("real")
    outdir.write(out.with_name("link"), FILES)

    assert "new envoy\n" == (out / "real/envoy.yaml").read_text()
    assert (out / "envoy").is_symlink()


def test_two_files_that_are_one_are_refused(out: Path) -> None:
    """The second would be written over the first."""
    (out / "envoy").mkdir()
    (out / "envoy/envoy.yaml").symlink_to("../nginx/nginx.conf")
    before = _tree(out)
    with pytest.raises(BadUsage, match=r"envoy\.yaml: leads to the same file"):
        outdir.write(out, FILES)

    assert before == _tree(out)


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    """As ``--output /dev/stdout`` and ``>(…)`` want it; a device is never replaced by a file."""
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE, text=True) as reader:
        outdir.write(tmp_path, {"pipe": "text\n"})
        assert reader.stdout is not None
        assert "text\n" == reader.stdout.read()
    outdir.write(Path("/dev"), {"null": "text\n"})

    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert ["pipe"] == [path.name for path in tmp_path.iterdir()]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_device_is_bad_usage() -> None:
    """Said like any other place that cannot be written."""
    with pytest.raises(BadUsage, match="/dev/full: cannot write: No space left on device"):
        outdir.write(Path("/dev"), {"full": "text\n"})


def test_what_is_there_is_not_read_from_a_pipe(tmp_path: Path) -> None:
    """It would wait for ever."""
    (tmp_path / "nginx").mkdir()
    os.mkfifo(tmp_path / "nginx/nginx.conf")
    with pytest.raises(BadUsage, match=r"nginx\.conf: is a pipe or a device"):
        outdir.read_existing(tmp_path, FILES)


# ---- permissions and names ----


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o664])
def test_permissions_are_kept(out: Path, mode: int) -> None:
    """Of a file that was there."""
    (out / "nginx/nginx.conf").chmod(mode)
    outdir.write(out, FILES)

    assert mode == stat.S_IMODE((out / "nginx/nginx.conf").stat().st_mode)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_new_files_are_as_readable_as_any_other(tmp_path: Path, umask: int, mode: int) -> None:
    """What the umask allows; and it is as before afterwards."""
    before = os.umask(umask)
    try:
        outdir.write(tmp_path, {"a": "b"})
    finally:
        after = os.umask(before)

    assert (mode, umask) == (stat.S_IMODE((tmp_path / "a").stat().st_mode), after)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_is_kept(out: Path) -> None:
    """A config that root writes anew stays readable to the one whose it is."""
    os.chown(out / "nginx/nginx.conf", 12345, 23456)
    outdir.write(out, FILES)
    found = (out / "nginx/nginx.conf").stat()

    assert (12345, 23456) == (found.st_uid, found.st_gid)


@pytest.mark.parametrize("name", ["x" * 255, "é.conf", "a b.conf", ".hidden", "-o"])
def test_any_name_will_do(tmp_path: Path, name: str) -> None:
    """Names at the limit of the file system too: what is made on the way has shorter ones."""
    outdir.write(tmp_path, {name: "text"})
    outdir.write(tmp_path, {name: "again"})

    assert {name: "again"} == _texts(tmp_path)


# ---- what is there ----


def test_what_is_there_is_read_as_it_is(out: Path) -> None:
    """Line ends included; nothing where nothing is."""
    (out / "nginx/nginx.conf").write_bytes(b"a\r\nb\r")

    assert {
        "nginx/nginx.conf": "a\r\nb\r",
        "envoy/envoy.yaml": None,
        "envoy/more/certs.yaml": None,
    } == outdir.read_existing(out, FILES)


def test_what_is_no_text_is_not_written_over(out: Path) -> None:
    """Somebody put it there."""
    (out / "nginx/nginx.conf").write_bytes(b"\xff\xfe")
    with pytest.raises(BadUsage, match=r"nginx\.conf: cannot read what is there: not UTF-8 text; move it away"):
        outdir.read_existing(out, FILES)


# ---- differences ----


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("a\n", "a\n", ""),
        (None, "a\nb\n", "--- /dev/null\n+++ b/f\n@@ -0,0 +1,2 @@\n+a\n+b\n"),
        ("a\nb\n", "a\nc\n", "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"),
        ("a", "a\n", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"),
        ("a\r\n", "a\n", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\r\n+a\n"),
        ("a\x0cb\n", "a\x0cc\n", "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-a\x0cb\n+a\x0cc\n"),
        ("", "a\n", "--- a/f\n+++ b/f\n@@ -0,0 +1 @@\n+a\n"),
    ],
)  # fmt: skip
def test_a_difference_is_a_unified_diff(old: str | None, new: str, expected: str) -> None:
    """Empty where nothing would change; line ends and a missing last one are differences."""
    assert expected == outdir.diff({"f": old}, {"f": new})


@pytest.mark.skipif(shutil.which("patch") is None, reason="no patch(1) here")
def test_a_difference_can_be_applied(out: Path) -> None:
    """``patch -p1`` makes of what is there what would be written."""
    (out / "envoy").mkdir()
    (out / "envoy/envoy.yaml").write_text("old envoy, without an end")
    text = outdir.diff(outdir.read_existing(out, FILES), FILES)
    subprocess.run(["patch", "-s", "-p1", "-d", out], input=text, text=True, check=True)

    assert {**FILES, "nginx/mine.conf": "mine\n"} == _texts(out)
