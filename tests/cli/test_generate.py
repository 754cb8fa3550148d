"""``proxycfg generate``: what goes to which stream, with which code, and what is left on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from proxycfg import __version__, specfile
from proxycfg.commands import Exit
from tests.cli.conftest import UPSTREAMS, Cli, files, spec, stdin
from tests.specs import ROUTES

FILES = ["generated/nginx/more/streams.conf", "generated/nginx/nginx.conf"]

# ---- generate ----


def test_generate_writes_and_lists_its_files(cli: Cli) -> None:
    """One path a line on standard output, nothing on standard error."""
    code, out, err = cli("generate", "routes.yaml", "--target", "nginx")

    assert (Exit.OK, "generated/nginx/nginx.conf\ngenerated/nginx/more/streams.conf\n", "") == (code, out, err)
    assert FILES == files()


def test_a_second_run_changes_nothing(cli: Cli) -> None:
    """Not even the time of a file, so that nothing reloads for nothing."""
    cli("generate", "routes.yaml", "--target", "nginx")
    before = {name: Path(name).stat().st_mtime_ns for name in FILES}
    code, out, _ = cli("generate", "routes.yaml", "--target", "nginx")

    assert (Exit.OK, "generated/nginx/nginx.conf (unchanged)\ngenerated/nginx/more/streams.conf (unchanged)\n") == (
        code,
        out,
    )
    assert before == {name: Path(name).stat().st_mtime_ns for name in FILES}


@pytest.mark.parametrize(
    ("option", "targets"),
    [
        ([], ["envoy", "nginx"]), (["-t", "envoy"], ["envoy"]), (["-t", "nginx,envoy"], ["envoy", "nginx"]),
        (["-t", "envoy", "-t", "nginx"], ["envoy", "nginx"]),
        (["-t", "nginx", "-t", "nginx"], ["nginx"]), (["-t", "nginx, envoy"], ["envoy", "nginx"]),
    ],
)  # fmt: skip
def test_targets_are_chosen_by_option(cli: Cli, option: list[str], targets: list[str]) -> None:
    """Repeated or with commas; all without."""
    cli("generate", "routes.yaml", *option)

    assert targets == sorted(path.name for path in Path("generated").iterdir())


def test_a_single_config_can_be_printed(cli: Cli) -> None:
    """The main file alone on standard output, as it would be written; nothing on disk."""
    code, out, err = cli("generate", "routes.yaml", "--target", "nginx", "--out", "-")
    assert (Exit.OK, [], "") == (code, files(), err)
    cli("generate", "routes.yaml", "--target", "nginx")

    assert Path("generated/nginx/nginx.conf").read_text() == out


def test_an_empty_output_folder_is_refused(cli: Cli) -> None:
    """An unset variable in a script would otherwise fill the current folder."""
    code, out, err = cli("generate", "routes.yaml", "--target", "nginx", "--out", "")

    assert (Exit.USAGE, "", []) == (code, out, files())
    assert "--out is empty: name a folder, or write --out . for the current one" in err


def test_a_spec_can_come_from_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Problems are then at <stdin>."""
    stdin(monkeypatch, (UPSTREAMS + ROUTES).encode())
    code, out, _ = cli("generate", "-", "--target", "nginx", "--out", "-")
    assert Exit.OK == code
    assert "#   proxycfg generate - --target nginx" in out
    stdin(monkeypatch, b"routes: []\n")

    assert "<stdin>:1:9: `routes` must not be empty" in cli("generate", "-")[2]


@pytest.mark.parametrize(
    ("level", "option", "code"),
    [
        ("Error", [], 1), ("Warning", [], 0), ("Info", [], 0), ("Warning", ["--fail-on", "warning"], 1),
        ("Info", ["--fail-on", "warning"], 0),
        ("Info", ["--fail-on", "info"], 1), ("Error", ["--fail-on", "never"], 0), ("Other", ["--fail-on", "info"], 0),
    ],
)  # fmt: skip
def test_findings_decide_the_exit_code(cli: Cli, level: str, option: list[str], code: int) -> None:
    """At or above the level: 1. The files are written all the same."""
    spec(f"routes: [{{path: /a, upstream: api, headers: {{request: {{X-{level}: a}}}}}}]\n")

    assert code == cli("generate", "routes.yaml", "-t", "nginx", *option)[0]
    assert FILES == files()


def test_findings_are_said_on_standard_error(cli: Cli) -> None:
    """With place and reason, and that the files were written; --quiet leaves the errors."""
    spec("routes: [{path: /a, upstream: api, headers: {request: {X-Error: a, X-Info: b}}}]\n")
    error = "routes.yaml:2:45: error[error-rule] nginx: error at /a\n  = it was asked for\n"
    info = "routes.yaml:2:45: info[info-rule] nginx: info at /a\n  = it was asked for\n"
    anyway = "1 error: the files were written all the same, and do not keep what the spec asks for there"

    assert f"{error}{info}{anyway}; exit status 1.\n" == cli("generate", "routes.yaml", "-t", "nginx")[2]
    assert f"{error}{info}{anyway}.\n" == cli("generate", "routes.yaml", "-t", "nginx", "--fail-on", "never")[2]
    assert (Exit.FOUND, "", error) == cli("generate", "routes.yaml", "-t", "nginx", "-q")
    assert error + info == cli("generate", "routes.yaml", "-t", "nginx", "-o", "-")[2]
    assert error + info == cli("generate", "routes.yaml", "-t", "nginx", "--diff")[2]


def _sums(name: str) -> dict[str, object]:
    data = Path(name).read_bytes()
    return {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_the_report_can_be_json(cli: Cli) -> None:
    """All of it on standard output, as the contract spells it: findings, and each file with what became of it."""
    spec("routes: [{path: /a, upstream: api, headers: {request: {X-Warning: a}}}]\n")
    code, out, err = cli("generate", "routes.yaml", "-t", "nginx", "--format", "json")
    report = json.loads(out)

    assert (Exit.OK, "", 1, True) == (code, err, report["version"], report["written"])
    assert {"name": "proxycfg", "version": __version__} == report["tool"]
    assert [{**_sums(name), "status": "created", "changed": True} for name in reversed(FILES)] == report["files"]
    assert ["warning-rule"] == [finding["rule"] for finding in report["findings"]]
    assert {"file": "routes.yaml", "start": {"line": 2, "column": 45}, "end": {"line": 2, "column": 70}} == report[
        "findings"
    ][0]["location"]


def test_json_says_what_became_of_each_file(cli: Cli) -> None:
    """Changed, unchanged, or left over from a target that the spec names no more."""
    cli("generate", "routes.yaml")
    spec("targets: {nginx: {}}\nroutes: [{path: /other, upstream: api}]\n")
    cli("generate", "routes.yaml")
    Path("generated/nginx/nginx.conf").write_text("mine\n")
    report = json.loads(cli("generate", "routes.yaml", "--format", "json", "--force")[1])

    assert {
        "generated/nginx/nginx.conf": "changed", "generated/nginx/more/streams.conf": "unchanged",
        "generated/envoy/envoy.conf": "stale", "generated/envoy/more/streams.conf": "stale",
    } == {file["path"]: file["status"] for file in report["files"]}  # fmt: skip


def test_a_difference_can_be_json(cli: Cli) -> None:
    """Each file with its own; nothing is written, and the exit code is that of the text."""
    code, out, err = cli("generate", "routes.yaml", "-t", "nginx", "--diff", "--format", "json")
    report = json.loads(out)
    text = cli("generate", "routes.yaml", "-t", "nginx", "--diff")[1]

    assert (Exit.FOUND, "", False, []) == (code, err, report["written"], files())
    assert text == "".join(file["diff"] for file in report["files"])
    cli("generate", "routes.yaml", "-t", "nginx")
    assert Exit.OK == cli("generate", "routes.yaml", "-t", "nginx", "--diff", "--format", "json")[0]


def test_verbose_tells_what_was_done_and_why(cli: Cli) -> None:
    """On standard error: the spec, a line for each route with what decided its timer, each file with size and checksum, the time."""
    spec(
        "routes:\n- {path: /a, protocol: sse, upstream: api, heartbeat: 30s}\n- {path: /b, upstream: api}\n"
        "- {path: /c, upstream: api, idle_timeout: 7s, max_duration: 1h}\n"
    )
    code, out, err = cli("generate", "routes.yaml", "-t", "nginx", "-v")
    lines = err.splitlines()

    assert (Exit.OK, "generated/nginx/nginx.conf\ngenerated/nginx/more/streams.conf\n") == (code, out)
    assert "read routes.yaml: 3 routes to 1 upstream" == lines[0]
    assert ["heartbeat", "default of http", "idle_timeout"] == [
        re.findall(r"\((.*?)\)", line)[1] for line in lines if line.startswith("nginx /")
    ]
    sums = _sums("generated/nginx/nginx.conf")
    assert f"generated/nginx/nginx.conf: {sums['bytes']} bytes, sha256 {sums['sha256']}" in lines
    assert re.fullmatch(r"done in \d+\.\d\d s", lines[-1])
    assert "" == cli("generate", "routes.yaml", "-t", "nginx", "-v", "-q")[2]


# ---- the heading ----


@pytest.mark.parametrize(
    ("place", "out"),
    [
        ("routes.yaml", "generated"), ("conf/routes.yaml", "generated"), ("conf/my routes.yaml", "a/b/c"),
        ("-x.yaml", "."), ("deploy/routes.yaml", "deploy"), ("conf/routes.yaml", "linked"),
    ],
)  # fmt: skip
def test_the_command_in_the_heading_makes_the_same_again(cli: Cli, tmp_path: Path, place: str, out: str) -> None:
    """Run where it says: wherever the spec lies, and whatever the output folder is called."""
    Path(place).parent.mkdir(exist_ok=True)
    Path(place).write_text(UPSTREAMS + ROUTES)
    Path("elsewhere/deep").mkdir(parents=True)
    Path("linked").symlink_to("elsewhere/deep")
    cli("generate", "-t", "nginx", "--out", out, "--", place)
    made = Path(out) / "nginx/nginx.conf"
    before = made.read_text()
    command = shlex.split(before.splitlines()[1].removeprefix("#"))
    made.unlink()
    with contextlib.chdir(Path(out).resolve()):
        code = cli(*command[1:])[0]

    assert ("proxycfg", Exit.OK, before) == (command[0], code, made.read_text())


def test_the_bytes_hang_on_where_the_spec_lies_and_on_nothing_else(cli: Cli, tmp_path: Path) -> None:
    """Not on the name of the output folder, nor on where people stand, nor on how they write a path."""
    cli("generate", "routes.yaml", "-t", "nginx")
    cli("generate", str(tmp_path / "routes.yaml"), "-t", "nginx", "--out", str(tmp_path / "b"))
    Path("c").mkdir()
    with contextlib.chdir("c"):
        cli("generate", ".././routes.yaml", "-t", "nginx", "--out", ".")
    printed = cli("generate", "routes.yaml", "-t", "nginx", "--out", "-")[1]

    assert {printed} == {Path(f"{out}/nginx/nginx.conf").read_text() for out in ("generated", "b", "c")}


# ---- drift ----


def test_no_drift_is_silent(cli: Cli) -> None:
    """Nothing on either stream, exit code 0."""
    cli("generate", "routes.yaml", "-t", "nginx")

    assert (Exit.OK, "", "") == cli("generate", "routes.yaml", "-t", "nginx", "--diff")


def test_drift_is_printed_and_fails(cli: Cli) -> None:
    """A unified diff on standard output, exit code 1, nothing written."""
    cli("generate", "routes.yaml", "-t", "nginx")
    spec("routes: [{path: /other, protocol: sse, upstream: api}]\n")
    before = Path(FILES[1]).read_text()
    code, out, err = cli("generate", "routes.yaml", "-t", "nginx", "--diff")

    assert (Exit.FOUND, "", before) == (code, err, Path(FILES[1]).read_text())
    assert "--- a/nginx/nginx.conf\n+++ b/nginx/nginx.conf\n" in out
    assert "-route /events to api\n+route /other to api\n" in out


def test_what_was_never_generated_is_drift(cli: Cli) -> None:
    """Every line of it; and the folder is not made."""
    code, out, _ = cli("generate", "routes.yaml", "-t", "nginx", "--diff")

    assert Exit.FOUND == code
    assert out.startswith("--- /dev/null\n+++ b/nginx/nginx.conf\n@@ -0,0 ")
    assert not Path("generated").exists()


def test_an_edit_by_hand_is_drift(cli: Cli) -> None:
    """Shown, not refused: --diff writes nothing."""
    cli("generate", "routes.yaml", "-t", "nginx")
    with Path(FILES[1]).open("a") as stream:
        stream.write("mine\n")

    code, out, _ = cli("generate", "routes.yaml", "-t", "nginx", "--diff")

    assert (Exit.FOUND, "-mine\n") == (code, out[-6:])


@pytest.mark.parametrize("option", [[], ["-t", "nginx"]])
def test_what_a_former_run_left_behind_is_drift(cli: Cli, option: list[str]) -> None:
    """A file that we made and that today's spec does not: shown as one to delete, as `patch` would; told where files are written."""
    cli("generate", "routes.yaml", "-t", "nginx")
    old = Path(FILES[1]).rename("generated/nginx/site.conf").read_text()
    Path("generated/nginx/mine.conf").write_text("server {}\n")
    said = "generated/nginx/site.conf: left over from another layout or target, and not written any more; delete it\n"
    assert (Exit.OK, said) == cli("generate", "routes.yaml", *option)[::2]
    code, out, err = cli("generate", "routes.yaml", "--diff", *option)

    assert (Exit.FOUND, "") == (code, err)
    assert out.startswith(f"--- a/nginx/site.conf\n+++ /dev/null\n@@ -1,{old.count(chr(10))} +0,0 @@\n")
    assert "mine.conf" not in out
    Path("generated/nginx/site.conf").unlink()
    assert (Exit.OK, "", "") == cli("generate", "routes.yaml", "--diff", *option)


def test_another_target_is_left_over_only_where_none_was_chosen(cli: Cli) -> None:
    """Who makes each target by itself has not left the others behind."""
    cli("generate", "routes.yaml", "-t", "envoy")
    spec("targets: {nginx: {}}\n" + ROUTES)
    cli("generate", "routes.yaml", "-t", "nginx")

    assert (Exit.OK, "", "") == cli("generate", "routes.yaml", "-t", "nginx", "--diff")
    assert "+++ /dev/null" in cli("generate", "routes.yaml", "--diff")[1]


def test_a_link_is_not_followed_for_what_is_left_over(cli: Cli) -> None:
    """What it leads to is somebody else's."""
    cli("generate", "routes.yaml", "-t", "nginx")
    Path("elsewhere").mkdir()
    Path("elsewhere/site.conf").write_text(Path(FILES[1]).read_text())
    Path("generated/nginx/linked").symlink_to("../../elsewhere")
    Path("generated/nginx/site.conf").symlink_to("../../elsewhere/site.conf")

    assert (Exit.OK, "", "") == cli("generate", "routes.yaml", "-t", "nginx", "--diff")


# ---- edits by hand ----


def test_an_edit_by_hand_is_not_written_over(cli: Cli) -> None:
    """All the edited files are named, none is written, and the way on is said."""
    cli("generate", "routes.yaml", "-t", "nginx")
    for name in FILES:
        Path(name).write_text(Path(name).read_text() + "mine\n")
    spec("routes: [{path: /other, protocol: sse, upstream: api}]\n")
    code, out, err = cli("generate", "routes.yaml", "-t", "nginx", "-t", "envoy")

    assert (Exit.USAGE, "") == (code, out)
    assert all(f"  {name}\n" in err for name in FILES)
    assert "--diff" in err
    assert "--force" in err
    assert FILES == files()
    assert all(Path(name).read_text().endswith("mine\n") for name in FILES)


def test_force_writes_over_an_edit(cli: Cli) -> None:
    """The user has said so."""
    cli("generate", "routes.yaml", "-t", "nginx")
    Path(FILES[1]).write_text("mine\n")
    code, out, _ = cli("generate", "routes.yaml", "-t", "nginx", "--force")

    assert (Exit.OK, "generated/nginx/nginx.conf\ngenerated/nginx/more/streams.conf (unchanged)\n") == (code, out)
    assert "mine" not in Path(FILES[1]).read_text()


def test_a_file_of_somebody_else_is_not_written_over(cli: Cli) -> None:
    """An nginx.conf that was there before us."""
    Path("generated/nginx").mkdir(parents=True)
    Path(FILES[1]).write_text("server {}\n")
    code, _, err = cli("generate", "routes.yaml", "-t", "nginx")

    assert (Exit.USAGE, "server {}\n") == (code, Path(FILES[1]).read_text())
    assert "(or were not generated)" in err


def test_an_older_output_is_written_over(cli: Cli) -> None:
    """It is as it was generated, so nothing is lost."""
    cli("generate", "routes.yaml", "-t", "nginx")
    spec("routes: [{path: /other, protocol: sse, upstream: api}]\n")

    assert Exit.OK == cli("generate", "routes.yaml", "-t", "nginx")[0]
    assert "/other" in Path(FILES[1]).read_text()


# ---- what cannot be written ----


@pytest.mark.parametrize(
    ("prepare", "said"),
    [
        (lambda: Path("generated").write_text("mine"), "a file stands where a folder is needed"),
        (
            lambda: Path("generated/nginx/nginx.conf").mkdir(parents=True),
            "nginx.conf: is a folder, where a file should be written",
        ),
        (lambda: Path("generated").symlink_to("generated"), "Too many levels of symbolic links"),
    ],
)
def test_what_stands_in_the_way_is_named(cli: Cli, prepare: Callable[[], object], said: str) -> None:
    """With exit code 2, and it still stands there."""
    prepare()
    before = files()
    code, out, err = cli("generate", "routes.yaml", "-t", "nginx")

    assert (Exit.USAGE, "", before) == (code, out, files())
    assert said in err


@pytest.mark.parametrize(("error", "code"), [(OSError(28, "No space left on device"), 2), (KeyboardInterrupt(), 130)])
def test_a_run_that_fails_half_way_leaves_nothing(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    """The first file is in its place when the second fails: it is taken back, and no temporary file is left."""
    cli("generate", "routes.yaml", "-t", "nginx")
    before = {name: Path(name).read_text() for name in files()}
    spec("scale: {streams: 5}\nroutes: [{path: /other, protocol: sse, upstream: api}]\n")
    real, moved = Path.replace, []

    def second_fails(self: Path, target: Path) -> Path:
        moved.append(target)
        if len(moved) == 2:
            raise error
        return real(self, target)

    monkeypatch.setattr(Path, "replace", second_fails)
    found, out, err = cli("generate", "routes.yaml", "-t", "nginx")

    assert (code, "") == (found, out)
    assert err
    assert before == {name: Path(name).read_text() for name in files()}


# ---- what cannot be read ----


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("nowhere.yaml", "nowhere.yaml:1:1: cannot read: No such file or directory"),
        (".", ".:1:1: cannot read: Is a directory"),
        ("routes.yaml/x", "routes.yaml/x:1:1: cannot read: Not a directory"),
        ("", "'':1:1: cannot read: No such file or directory"),
        ("x" * 300, "x:1:1: cannot read: File name too long"), ("a\x00b", "a?b:1:1: cannot read: embedded null byte"),
    ],
)  # fmt: skip
def test_a_spec_that_cannot_be_read_is_named(cli: Cli, path: str, said: str) -> None:
    """In the form of every message, its first character standing for the whole; with a way on."""
    code, out, err = cli("generate", path)

    assert (Exit.USAGE, "") == (code, out)
    assert said in err.splitlines()[0]
    assert "`proxycfg init` writes one" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_spec_that_may_not_be_read_is_named(cli: Cli) -> None:
    """By the system's reason."""
    Path("routes.yaml").chmod(0)

    assert "routes.yaml:1:1: cannot read: Permission denied" in cli("generate", "routes.yaml")[2]


def test_a_spec_that_is_too_large_is_refused_unread(cli: Cli) -> None:
    """65 MB: at once, whatever is in it."""
    with Path("routes.yaml").open("wb") as stream:
        stream.truncate(65 * 2**20)
    code, out, err = cli("generate", "routes.yaml")

    assert (Exit.USAGE, "", "routes.yaml:1:1: larger than 64 MiB\n  = split the spec\n") == (code, out, err)


def test_a_spec_at_the_limit_is_read(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is what it says."""
    for limit, code in ((len(UPSTREAMS + ROUTES), Exit.OK), (len(UPSTREAMS + ROUTES) - 1, Exit.USAGE)):
        monkeypatch.setattr(specfile, "MAX_BYTES", limit)

        assert code == cli("generate", "routes.yaml", "-t", "nginx")[0]


@pytest.mark.parametrize(
    ("data", "place", "byte"),
    [
        (b"a: \xff", "1:4", "ff"), (b"\xef\xbb\xbfa: \xff", "1:4", "ff"), ("é日😀: ".encode() + b"\x80", "1:6", "80"),
        (b"a\nb\n\nc: \xe9t\xe9\n", "4:4", "e9"),
        (b"\xff\xfea\x00", "1:1", "ff"), (b"a: \xc3", "1:4", "c3"), (b"a: \xed\xa0\x80", "1:4", "ed"),
        (b"a: \xc0\x80", "1:4", "c0"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_utf_8_are_placed(cli: Cli, data: bytes, place: str, byte: str) -> None:
    """By line and character, as an editor counts, byte order mark or not."""
    Path("routes.yaml").write_bytes(data)
    code, out, err = cli("generate", "routes.yaml")

    assert (Exit.USAGE, "") == (code, out)
    assert err.startswith(f"routes.yaml:{place}: byte 0x{byte} is not UTF-8\n")


def test_a_closed_standard_input_is_said(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a cron job."""
    monkeypatch.setattr("sys.stdin", None)
    code, _, err = cli("generate", "-")

    assert (Exit.USAGE, "<stdin>:1:1: cannot read: standard input is closed") == (code, err.splitlines()[0])


def test_several_problems_are_counted(cli: Cli) -> None:
    """At the end, where a terminal stops scrolling; with the news that nothing was written."""
    spec("routes: [{path: a, upstream: api}, {path: b, upstream: api}]\n")
    code, out, err = cli("generate", "routes.yaml")

    assert (Exit.USAGE, "", []) == (code, out, files())
    assert err.endswith("\n2 problems found; nothing was written.\n")
    spec("routes:\n" + "".join(f"- {{path: a{i}, upstream: api}}\n" for i in range(200)))
    assert cli("generate", "routes.yaml")[2].endswith(
        "\n100 problems found (there may be more); nothing was written.\n"
    )
