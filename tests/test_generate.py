"""A spec in, stamped files out."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg import __version__
from proxycfg.generate import default_targets, edited_by_hand, generate, made_here, stamp
from proxycfg.source import Source
from proxycfg.specfile import load as load_source
from proxycfg.targets import TARGETS
from tests.snapshots import CASES, SPECS
from tests.specs import ROUTES, UPSTREAMS, load, with_top
from tests.stub_target import stub_targets

TEXT = UPSTREAMS + ROUTES


@pytest.fixture
def stubs() -> Iterator[None]:
    """Stubs in place of the real targets."""
    with stub_targets():
        yield


@pytest.mark.usefixtures("stubs")
def test_each_target_writes_into_its_folder() -> None:
    """The main file first; files and aims under the target's name."""
    made = generate(load(TEXT), ["nginx", "envoy"])

    assert ["nginx/nginx.conf", "nginx/more/streams.conf", "envoy/envoy.conf", "envoy/more/streams.conf"] == list(
        made.files
    )
    assert {"nginx": "nginx/nginx.conf", "envoy": "envoy/envoy.conf"} == made.main
    assert {("nginx", "events"), ("envoy", "events")} == set(made.aims)


@pytest.mark.usefixtures("stubs")
def test_findings_are_sorted_by_place() -> None:
    """Whichever target and route they are of."""
    text = (
        "upstreams: {api: 'http://10.0.0.1'}\nroutes:\n- {path: /b, upstream: api, headers: {request: {X-Info: a}}}\n"
    )
    text += "- {path: /a, upstream: api, headers: {request: {X-Error: a}}}\n"
    found = [
        (finding.span.line, finding.rule, finding.target)
        for finding in generate(load(text), ["nginx", "envoy"]).findings
    ]

    assert [
        (3, "info-rule", "envoy"),
        (3, "info-rule", "nginx"),
        (4, "error-rule", "envoy"),
        (4, "error-rule", "nginx"),
    ] == found


def test_a_target_that_is_not_there_is_a_key_error() -> None:
    """The command line checks names before."""
    with pytest.raises(KeyError, match="haproxy"):
        generate(load(TEXT), ["haproxy"])


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("", ("nginx", "envoy")), ("targets: {cloudflare: {plan: pro}}", ("cloudflare",)), ("chain: [cloudflare, nginx]", ("nginx", "cloudflare")),
        ("targets: {nginx: {}}", ("nginx",)), ("targets: {envoy: }", ("envoy",)),
        ("chain: [envoy, nginx]", ("nginx", "envoy")),
        ("chain: [{nginx: {layout: site}}]", ("nginx",)), ("chain: [nginx]\ntargets: {envoy: {}}", ("nginx", "envoy")),
    ],
)  # fmt: skip
def test_the_targets_are_those_that_the_spec_names(text: str, targets: tuple[str, ...]) -> None:
    """In `targets` or `chain`; the proxies that everybody can run where it names none."""
    assert targets == default_targets(with_top(f"{text}\n"))


# ---- the heading ----


def _stamped(source: str, text: str = "body\n\nmore\n") -> str:
    return stamp(text, load_source(Source(source, TEXT)), "nginx", "nginx 1.30")


def test_a_file_says_what_made_it_from_what_and_how_to_make_it_again() -> None:
    """Tool, version, spec, target and proxy; the spec's checksum, and its own."""
    lines = _stamped("conf/routes.yaml").splitlines()

    assert (
        f"# Made by proxycfg {__version__} from ../routes.yaml for nginx 1.30. "
        "Change the spec, not this file, then run, in the folder above nginx/:" == lines[0]
    )
    assert "#   proxycfg generate ../routes.yaml --target nginx --out ." == lines[1]
    assert f"# spec: sha256 {hashlib.sha256(TEXT.encode()).hexdigest()}" == lines[2]
    assert lines[3].startswith("# checksum: ")
    assert ["", "body", "", "more"] == lines[4:]


@pytest.mark.parametrize(
    ("source", "argument"),
    [
        ("routes.yaml", "../routes.yaml"), ("/a/b/my routes.yaml", "'../my routes.yaml'"), ("<stdin>", "-"),
        ("a;rm -rf x.yaml", "'../a;rm -rf x.yaml'"), ("a\nb.yaml", "'../a?b.yaml'"),
        ("a\x1b[31m.yaml", "'../a?[31m.yaml'"), ("$(x)", "'../$(x)'"),
    ],
)  # fmt: skip
def test_the_command_in_the_heading_can_be_pasted(source: str, argument: str) -> None:
    """Whatever the spec's name, which is one line of a comment and no more."""
    text = _stamped(source)

    assert f"#   proxycfg generate {argument} --target nginx --out ." == text.splitlines()[1]
    assert all(line.startswith("#") for line in text.split("\n\n")[0].split("\n"))


@given(st.text(max_size=60), st.text(max_size=20))
def test_what_was_generated_is_known_and_every_edit_too(text: str, edit: str) -> None:
    """The checksum fits the file as written, and none that differs from it by a character."""
    whole = _stamped("routes.yaml", text)

    assert not edited_by_hand(whole)
    for place in {0, len(whole) // 3, len(whole) // 2, len(whole)}:
        changed = whole[:place] + edit + whole[place:]
        assert edited_by_hand(changed) == (changed != whole)
    assert edited_by_hand(whole[:-1])


@pytest.mark.parametrize(
    ("path", "text", "beginning"),
    [
        ("main.tf", "a = 1\n", "# Made by proxycfg "), ("src/index.js", "export {}\n", "// Made by proxycfg "),
        ("wrangler.jsonc", "{}\n", "// Made by proxycfg "), ("config.yml", "a: 1\n", "# Made by proxycfg "),
        ("rules.json", '{\n  "rules": []\n}\n', '{\n  "description": "Made by proxycfg '),
    ],
)  # fmt: skip
@pytest.mark.parametrize("source", ["routes.yaml", 'a "quoted\\" name; checksum: ' + "0" * 64 + '",.yaml'])
def test_a_heading_is_a_comment_in_every_language(path: str, text: str, beginning: str, source: str) -> None:
    """JSON has none: there it is the description, and the file is JSON still. Every edit is seen."""
    whole = stamp(text, load_source(Source(source, TEXT)), "cloudflare", "Cloudflare pro plan", path=path)

    assert whole.startswith(beginning)
    assert made_here(whole)
    assert not edited_by_hand(whole)
    for place in (len(beginning), len(whole) - 2):
        assert edited_by_hand(whole[:place] + "x" + whole[place:])
    if path.endswith(".json"):
        assert json.loads(whole)["rules"] == []
        assert source in json.loads(whole)["description"]


@pytest.mark.parametrize("folder", ["d" * 255, "'" * 255])
def test_a_spec_far_away_changes_nothing(folder: str) -> None:
    """The longest path that there can be still leaves the checksum within the heading."""
    text = stamp("# one\n\ntwo\n", load(TEXT), "nginx", "nginx 1.30", "/".join([folder] * 16))

    assert made_here(text)
    assert not edited_by_hand(text)
    assert edited_by_hand(text + "# three\n")


@pytest.mark.parametrize(
    "text", ["", "server {}\n", "# checksum: 123\n", "\n" * 70_000 + "# checksum: " + "0" * 64 + "\n"]
)
def test_what_was_not_generated_is_somebodys(text: str) -> None:
    """No checksum near the top, or none of ours."""
    assert edited_by_hand(text)


def test_line_ends_are_part_of_the_file() -> None:
    """A checkout that turns them around has changed it."""
    assert edited_by_hand(_stamped("routes.yaml").replace("\n", "\r\n"))


# ---- determinism ----


@pytest.mark.parametrize("case", CASES)
def test_a_second_run_gives_the_same_bytes(case: str) -> None:
    """In one process, for the real targets."""
    text = (SPECS / case / "routes.yaml").read_text()
    runs = [generate(load_source(Source("routes.yaml", text)), TARGETS) for _ in range(2)]

    assert runs[0].files == runs[1].files
    assert runs[0].findings == runs[1].findings
    assert runs[0].aims == runs[1].aims


def test_another_process_gives_the_same_bytes(tmp_path: Path) -> None:
    """With other hash seeds, from other folders, with other names of the same path, in other locales and time zones."""
    spec = SPECS / "all-protocols/routes.yaml"
    (tmp_path / "cwd").mkdir()
    runs = [
        (tmp_path, str(spec), {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "UTC"}),
        (
            tmp_path / "cwd",
            os.path.relpath(spec, tmp_path / "cwd"),
            {"PYTHONHASHSEED": "4242", "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"},
        ),
    ]
    for number, (cwd, path, environment) in enumerate(runs):
        command = [
            sys.executable,
            "-m",
            "proxycfg",
            "generate",
            path,
            "--out",
            str(tmp_path / f"out{number}"),
            "--quiet",
            "--fail-on",
            "never",
        ]
        done = subprocess.run(
            command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
        )
        assert (0, "") == (done.returncode, done.stdout), done.stderr
    trees = [
        {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*.*"))}
        for out in (tmp_path / "out0", tmp_path / "out1")
    ]

    assert trees[0]
    assert trees[0] == trees[1]
