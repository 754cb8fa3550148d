"""``proxycfg lint`` and ``proxycfg rules``: what is linted, what is printed, how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxycfg.commands import Exit
from proxycfg.rules import rules
from tests.cli.conftest import Cli, stdin

EVENTS = "location /events { proxy_pass http://127.0.0.1:1; %s }"
DECLARED = EVENTS % "# proxycfg: protocol=sse heartbeat=15s\n"
CLEAN = EVENTS % "proxy_buffering off; proxy_read_timeout 1h; proxy_http_version 1.1;"


def conf(name: str, inside: str) -> str:
    """A config of one server."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"events {{}}\nhttp {{\nserver {{\nlisten 443 ssl;\n{inside}\n}}\n}}\n")
    return name


def json_of(cli: Cli, *arguments: str) -> dict[str, Any]:
    """What ``--format json`` prints."""
    found: dict[str, Any] = json.loads(cli("lint", "--format", "json", *arguments)[1])
    return found


def found_by(cli: Cli, *arguments: str) -> list[str]:
    """The rules that had something to say."""
    return [finding["rule"] for finding in json_of(cli, *arguments)["findings"]]


# ---- exit codes ----


def test_a_clean_config_passes(cli: Cli) -> None:
    """And the summary says what was looked at."""
    code, out, err = cli("lint", conf("nginx.conf", CLEAN))

    assert (Exit.OK, "nothing found in 1 file, 1 route\n", "") == (code, out, err)


@pytest.mark.parametrize(("level", "code"), [("info", 1), ("warning", 1), ("error", 1), ("never", 0)])
def test_fail_on_decides_when_findings_fail(cli: Cli, level: str, code: int) -> None:
    """A declared stream in a buffer behind TLS is an error."""
    name = conf("nginx.conf", DECLARED)

    assert code == cli("lint", name, "--fail-on", level)[0]


def test_a_warning_does_not_fail_where_errors_do(cli: Cli) -> None:
    """A path that only looks like a stream never yields an error."""
    name = conf("nginx.conf", EVENTS % "")
    findings = json_of(cli, name)["findings"]

    assert {"inferred"} == {finding["confidence"] for finding in findings}
    assert "error" not in {finding["severity"] for finding in findings}
    assert Exit.FOUND == cli("lint", name)[0]
    assert Exit.OK == cli("lint", name, "--fail-on", "error")[0]
    assert Exit.OK == cli("lint", name, "--min-confidence", "explicit")[0]


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_an_unknown_rule_is_bad_usage(cli: Cli, option: str) -> None:
    """With what was probably meant."""
    code, out, err = cli("lint", conf("nginx.conf", CLEAN), option, "sse-response-bufered")

    assert (Exit.USAGE, "") == (code, out)
    assert "sse-response-bufered" in err
    assert "did you mean `sse-response-buffered`?" in err


def test_an_unknown_rule_in_a_note_is_bad_usage(cli: Cli) -> None:
    """Told by its place."""
    code, _, err = cli("lint", conf("nginx.conf", "# proxycfg: ignore[nonsense] why\n" + CLEAN))

    assert code == Exit.USAGE
    assert err.startswith("nginx.conf:5:1: there is no rule `nonsense` to ignore")


def test_a_file_that_cannot_be_parsed_never_passes_and_hides_nothing(cli: Cli) -> None:
    """Findings of the other file stand beside the error."""
    broken, other = conf("broken.conf", "location / {"), conf("other.conf", DECLARED)
    code, out, err = cli("lint", broken, other, "--format", "json")
    body = json.loads(out)

    assert code == Exit.USAGE
    assert [("broken.conf", 2, 1)] == [(each["file"], each["line"], each["column"]) for each in body["errors"]]
    assert {"other.conf"} == {finding["location"]["file"] for finding in body["findings"]}
    assert "broken.conf:2:1: this block is never closed" in err


@pytest.mark.parametrize("given", ["nowhere.conf", "."])
def test_nothing_to_lint_is_bad_usage(cli: Cli, given: str) -> None:
    """A path that is not there, a folder without configs: silence would look like success."""
    assert Exit.USAGE == cli("lint", given)[0]


# ---- what is linted ----


def test_standard_input(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a dash; places speak of it by its usual name."""
    stdin(monkeypatch, DECLARED.encode())
    findings = json_of(cli, "-")["findings"]

    assert {"<stdin>"} == {finding["location"]["file"] for finding in findings}


def test_a_folder_is_searched_and_what_a_main_file_includes_is_linted_once(cli: Cli) -> None:
    """Main file, site, and a snippet that nobody includes; what is not nginx's is passed over."""
    conf("etc/nginx.conf", "include sites-enabled/*;")
    Path("etc/sites-enabled").mkdir()
    Path("etc/sites-enabled/chat").write_text(DECLARED)
    Path("etc/lonely.conf").write_text("server { listen 80; " + DECLARED + "}")
    Path("etc/supervisor.conf").write_text("[program:x]\ncommand=run\n")
    body = json_of(cli, "etc")

    assert body["files"] == 3
    assert body["routes"] == 2
    assert {"etc/sites-enabled/chat", "etc/lonely.conf"} == {each["location"]["file"] for each in body["findings"]}


def test_a_template_of_envsubst_is_a_config(cli: Cli) -> None:
    """``${NAME}`` stands for what is not known, which is no fault."""
    Path("default.conf.template").write_text(
        "server { listen ${PORT}; location /events { proxy_pass http://${HOST}:80; proxy_buffering off; "
        "proxy_read_timeout ${TIMEOUT}; proxy_http_version 1.1; } }"
    )

    assert [] == found_by(cli, ".")


# ---- which routes stream ----


def test_options_declare_streams(cli: Cli) -> None:
    """By path or by spec; a path that is nowhere is told."""
    name = conf("nginx.conf", "location /chat { proxy_pass http://127.0.0.1:1; }")
    Path("r.yaml").write_text("upstreams: {a: 'http://a:1'}\nroutes: [{path: /chat, protocol: sse, upstream: a}]")

    assert [] == found_by(cli, name)
    assert "sse-response-buffered" in found_by(cli, name, "--stream", "/chat=sse")
    assert "sse-response-buffered" in found_by(cli, name, "--routes", "r.yaml")
    assert "/nowhere" in cli("lint", name, "--stream", "/nowhere=sse")[2]
    assert Exit.USAGE == cli("lint", name, "--stream", "/chat")[0]
    assert Exit.USAGE == cli("lint", name, "--stream", "/chat=ssee")[0]


def test_the_version_decides_what_is_in_force(cli: Cli) -> None:
    """Before 1.29.7 nginx speaks HTTP/1.0 by itself: sure for an old one, possible for none, out of question for a new one."""
    inside = 'location /ws { proxy_pass http://a; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }'
    name = conf("nginx.conf", inside)

    def severity(*version: str) -> list[str]:
        findings = json_of(cli, name, "--select", "upstream-http-1-0", *version)["findings"]
        return [finding["severity"] for finding in findings]

    assert ["error"] == severity("--nginx-version", "1.22.1")
    assert ["warning"] == severity()
    assert [] == severity("--nginx-version", "1.30")
    assert Exit.USAGE == cli("lint", name, "--nginx-version", "new")[0]


# ---- which rules ----


def test_rules_are_selected_by_name_and_category(cli: Cli) -> None:
    """Repeatedly, or with commas."""
    name = conf("nginx.conf", EVENTS % "# proxycfg: protocol=sse\n")

    assert ["idle-timeout-too-short", "sse-response-buffered", "upstream-http-1-0"] == sorted(found_by(cli, name))
    assert ["sse-response-buffered"] == found_by(cli, name, "--select", "response-buffering")
    assert ["idle-timeout-too-short"] == found_by(cli, name, "--ignore", "sse-response-buffered,upstream-http-version")


def test_notes_silence_rules_on_their_line_or_the_next(cli: Cli) -> None:
    """``--no-ignores`` shows what they hide; a note for a rule that was not asked is not told to be unused."""
    name = conf(
        "nginx.conf", "# proxycfg: ignore[sse-response-buffered, upstream-http-1-0] the app sends a header\n" + DECLARED
    )

    assert [] == found_by(cli, name)
    assert 2 == json_of(cli, name)["ignored"]
    assert ["sse-response-buffered", "upstream-http-1-0"] == found_by(cli, name, "--no-ignores")
    assert [] == found_by(cli, name, "--ignore", "sse-response-buffered")


# ---- the catalogue ----


def test_rules_are_listed_and_explained(cli: Cli) -> None:
    """One line each; the whole page of one; bad usage for one that is not there."""
    listed = cli("rules")[1].splitlines()
    page = cli("rules", "sse-response-buffered")[1]

    assert sorted(rules()) == [line.split()[0] for line in listed]
    assert rules()["sse-response-buffered"].page in page
    assert set(rules()) == {each["rule"] for each in json.loads(cli("rules", "--format", "json")[1])["rules"]}
    code, _, err = cli("rules", "sse-response-bufered")
    assert (Exit.USAGE, True) == (code, "did you mean `sse-response-buffered`?" in err)
