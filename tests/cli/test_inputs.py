"""What a command line means is the same to every command that reads configs: files, folders, dumps, sites, fragments, templates."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from proxycfg.cli.configs import READ
from proxycfg.commands import Exit
from tests.cli.conftest import Cli, stdin

ROUTE = "location %s { proxy_pass http://127.0.0.1:1; }\n"
SITE = f"server {{ listen 80; {ROUTE} }}\n"
MAIN = "events {}\nhttp { include %s; }\n"
DUMP = f"# configuration file /etc/nginx/nginx.conf:\n{MAIN % 'a.conf'}\n# configuration file /etc/nginx/a.conf:\n{SITE % '/a'}\n"

FORMS: dict[str, tuple[dict[str, str], list[str], list[str]]] = {
    "a file": ({"nginx.conf": MAIN % "a.conf", "a.conf": SITE % "/a"}, ["nginx.conf"], ["a.conf /a"]),
    "a file twice": ({"nginx.conf": MAIN % "a.conf", "a.conf": SITE % "/a"}, ["nginx.conf"] * 2, ["a.conf /a"]),
    "a file that another one includes": (
        {"nginx.conf": MAIN % "a.conf", "a.conf": SITE % "/a"}, ["a.conf", "nginx.conf"], ["a.conf /a"]
    ),
    "a site beside a main file": (
        {"etc/nginx.conf": MAIN % "a.conf", "etc/a.conf": SITE % "/a", "etc/b.conf": SITE % "/b"},
        ["etc/nginx.conf", "etc/b.conf"], ["etc/a.conf /a", "etc/b.conf /b"],
    ),
    "a site of somewhere else": (
        {"etc/nginx.conf": MAIN % "a.conf", "etc/a.conf": SITE % "/a", "b.conf": SITE % "/b"},
        ["etc/nginx.conf", "b.conf"], ["b.conf /b", "etc/a.conf /a"],
    ),
    "sites": ({"a.conf": SITE % "/a", "b.conf": SITE % "/b"}, ["a.conf", "b.conf"], ["a.conf /a", "b.conf /b"]),
    "a site that includes, behind another": (
        {"a.conf": SITE % "/a", "b.conf": "server { include in.conf; }", "in.conf": ROUTE % "/in"},
        ["a.conf", "b.conf"], ["a.conf /a", "in.conf /in"],
    ),
    "a fragment": ({"in.conf": ROUTE % "/in"}, ["in.conf"], ["in.conf /in"]),
    "standard input": ({}, ["-"], ["<stdin> /stdin"]),
    "a dump": ({"dump.txt": DUMP}, ["dump.txt"], ["/etc/nginx/a.conf /a"]),
    "a template": (
        {"a.conf.template": f"server {{ listen ${{PORT}}; {ROUTE % '/a'} }}"}, ["a.conf.template"], ["a.conf.template /a"],
    ),
    "a folder": (
        {"etc/nginx.conf": MAIN % "a.conf", "etc/a.conf": SITE % "/a", "etc/lonely.conf": SITE % "/b", "etc/x.yaml": "a: b"},
        ["etc"], ["etc/a.conf /a", "etc/lonely.conf /b"],
    ),
    "a folder below": ({"etc/deep/down/nginx.conf": MAIN % "a.conf", "etc/deep/down/a.conf": SITE % "/a"}, ["etc"], ["etc/deep/down/a.conf /a"]),
    "a folder of sites": (
        {"conf.d/a.conf": "server { include snippets/in.conf; }", "snippets/in.conf": ROUTE % "/in", "conf.d/b.conf": SITE % "/b"},
        ["."], ["conf.d/b.conf /b", "snippets/in.conf /in"],
    ),
    "a folder whose sites are switched on": (
        {
            "etc/nginx.conf": MAIN % "sites-enabled/*",
            "etc/sites-enabled/on": SITE % "/on", "etc/sites-available/off": SITE % "/off",
        },
        ["etc"], ["etc/sites-enabled/on /on"],
    ),
    "the folder of sites that are switched on or not": (
        {"etc/sites-enabled/on": SITE % "/on", "etc/sites-available/off": SITE % "/off"},
        ["etc/sites-available"], ["etc/sites-available/off /off"],
    ),
    "a folder where no site is switched on": (
        {"etc/nginx.conf": MAIN % "sites-enabled/*", "etc/sites-available/off": SITE % "/off"},
        ["etc"], ["etc/sites-available/off /off"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_command_reads_the_same(cli: Cli, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """The same routes, at the same places."""
    files, arguments, routes = FORMS[form]
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)
    # A rule that every one of these routes breaks says where lint has seen it.
    names = [route.split()[1] for route in routes]
    streams = [word for name in names for word in ("--stream", f"{name}=sse")]
    stdin(monkeypatch, (ROUTE % "/stdin").encode())
    code, out, err = cli("explain", *arguments, "--format", "json")
    explained = json.loads(out)["routes"]
    stdin(monkeypatch, (ROUTE % "/stdin").encode())
    told = json.loads(cli("lint", *arguments, *streams, "--select", "sse-response-buffered", "--format", "json")[1])

    assert (code, routes) == (
        Exit.OK,
        _sorted(f"{each['match']['location']['file']} {each['path']}" for each in explained),
    ), err
    assert routes == _sorted(f"{each['location']['file']} {each['route']['path']}" for each in told["findings"])
    assert len(routes) == told["routes"]


def _sorted(words: Iterable[str]) -> list[str]:
    return sorted(word.removeprefix("./") for word in words)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("binary.conf", "\0\1"),
        ("letter.conf", "Dear Sir,\nhello: world\n"),
        ("t.conf", "listen {{ port }};\n"),
        ("a.yaml", "a: b\n"),
    ],
)
def test_what_is_no_config_is_passed_over_but_never_alone(cli: Cli, name: str, text: str) -> None:
    """A hook may hand it over; whoever gives nothing else has given nothing."""
    Path(name).write_text(text)
    Path("nginx.conf").write_text("events {}\n")
    for command in ("lint", "explain"):
        code, _, err = cli(command, name, "nginx.conf")
        assert (code, True) == (Exit.OK, err.startswith(f"{name}: skipped: "))
        code, out, err = cli(command, name)
        assert (code, out, True) == (Exit.USAGE, "", err.startswith(f"{name}:1:"))


@pytest.mark.parametrize("target", ["", *READ])
@pytest.mark.parametrize("command", ["lint", "explain"])
def test_a_folder_with_nothing_in_it_says_what_was_looked_for(cli: Cli, command: str, target: str) -> None:
    """By the target that was named, or all of them."""
    Path("empty").mkdir()
    code, out, err = cli(command, *(["--target", target] if target else []), "empty")

    assert (code, out) == (Exit.USAGE, "")
    assert err.startswith("empty:1:1: no config in this folder: looked for *.")


ODD = {
    "manifest.yaml": "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec:\n  http:\n  - route: [{destination: {host: a}}]\n",
    "zone.tf": 'resource "cloudflare_ruleset" "x" {\n  zone_id = "z"\n  phase = "http_request_cache_settings"\n  kind = "zone"\n  rules = []\n}\n',
    "envoy.yaml": "static_resources: {listeners: [], clusters: []}\n",
    "nginx.conf": "events {}\n",
    "half.tf": 'resource "x" {',
    "half.yaml": "a: [b\n",
    "half.json": '{"a":',
    "list.json": "[]",
    "empty.yaml": "",
    "binary.conf": "\0\1",
}


@pytest.mark.parametrize("target", ["", *READ])
@pytest.mark.parametrize("command", ["lint", "explain", "explain --path /x"])
def test_whatever_is_given_as_whatever_comes_to_a_word_or_to_nothing_wrong(cli: Cli, command: str, target: str) -> None:
    """Alone, and all of it as a folder; who is refused is told why."""
    Path("odd").mkdir()
    for name, text in ODD.items():
        Path(f"odd/{name}").write_text(text)
    Path("odd/loop.conf").symlink_to("loop.conf")
    as_what = ["--target", target] if target else []

    for path in ("odd", *(f"odd/{name}" for name in (*ODD, "loop.conf", "none"))):
        code, _, err = cli(*command.split(), *as_what, path)
        assert code in {Exit.OK, Exit.FOUND, Exit.USAGE}
        assert err or code != Exit.USAGE, path


def test_a_request_ends_in_no_file_that_nobody_includes(cli: Cli) -> None:
    """A fragment of the folder is shown, and asked nothing, beside a main file."""
    Path("nginx.conf").write_text("events {}\nhttp { server { location /here { proxy_pass http://a; } } }")
    Path("lonely.conf").write_text(ROUTE % "/")
    (asked,) = json.loads(cli("explain", ".", "--path", "/there", "--format", "json")[1])["routes"]

    assert asked["proxied"] is False
