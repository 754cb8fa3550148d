"""``proxycfg lint`` and ``proxycfg rules``: what is linted, what is printed, how it exits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxycfg.commands import Exit
from proxycfg.faults import faults
from proxycfg.remarks import remarks
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


def test_what_nginx_brings_along_is_not_counted(cli: Cli) -> None:
    """Its `mime.types` need not be at hand; an empty file that is named is one."""
    name = conf("nginx.conf", CLEAN)
    Path(name).write_text(Path(name).read_text().replace("http {", "http {\ninclude mime.types;"))
    Path("empty.conf").write_text("")

    assert "nothing found in 1 file, 1 route\n" == cli("lint", name)[1]
    assert "nothing found in 2 files, 1 route\n" == cli("lint", name, "empty.conf")[1]


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


def test_another_programs_config_is_skipped_and_never_passes_alone(cli: Cli) -> None:
    """It may stand in a folder of sites that a hook hands over."""
    Path("other.conf").write_text("retention 7d;\nrotate { keep 3; }\n")
    code, out, err = cli("lint", "other.conf", conf("nginx.conf", CLEAN))

    assert (Exit.OK, "nothing found in 1 file, 1 route\n") == (code, out)
    assert (
        err
        == "other.conf: skipped: this is no config of nginx: none of its lines begins with a directive that nginx has\n"
    )
    assert Exit.USAGE == cli("lint", "other.conf")[0]


def test_a_file_that_is_not_there_is_told(cli: Cli) -> None:
    """It is no error of the configs at hand: a repository seldom holds all that a machine does."""
    code, out, err = cli("lint", conf("nginx.conf", CLEAN.replace("location", "include tls.conf; location")))

    assert (Exit.OK, "nothing found in 1 file, 1 route\n") == (code, out)
    assert err.startswith("nginx.conf:5:9: cannot read tls.conf: ")


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


STATED = {
    "heartbeat": ("heartbeat: 2m", "proxy_read_timeout 100s;", "proxy_read_timeout 6m;", "idle-timeout-too-short"),
    "idle_timeout": (
        "idle_timeout: 20m",
        "proxy_read_timeout 10m;",
        "proxy_read_timeout 20m;",
        "idle-timeout-too-short",
    ),
    "upload.stream": (
        "protocol: ndjson, upload: {stream: true}",
        "",
        "proxy_request_buffering off;",
        "request-collected",
    ),
    "upload.max_bytes": (
        "upload: {max_bytes: 100MiB}",
        "client_max_body_size 64m;",
        "client_max_body_size 100m;",
        "body-limit-too-low",
    ),
    "auth": ("auth: {by: query, name: token}", "", "access_log off;", "token-in-access-log"),
    "affinity": ("", "", "proxy_pass http://sticky;", "session-affinity-missing"),
}
"""Field → the route's own line, what falls short of it, what does not, and the rule that says so."""


@pytest.mark.parametrize(("field", "short", "enough", "rule"), STATED.values(), ids=STATED.keys())
def test_a_spec_asks_more_than_its_protocols(cli: Cli, field: str, short: str, enough: str, rule: str) -> None:
    """Each field of a route is held against the config; without the spec nobody knows."""
    affine = ", affinity: {by: ip}" if rule == "session-affinity-missing" else ""
    Path("r.yaml").write_text(
        f"upstreams: {{a: {{servers: ['http://a:1', 'http://b:1']{affine}}}}}\n"
        f"routes: [{{path: /chat, upstream: a, {field if 'protocol' in field else f'protocol: sse, {field}'}}}]"
    )
    usual = "proxy_buffering off; proxy_http_version 1.1;"
    groups = "upstream turns { server a:1; server b:1; } upstream sticky { ip_hash; server a:1; server b:1; }"

    def found(body: str, *options: str) -> list[str]:
        passes = "" if "proxy_pass" in body else "proxy_pass http://turns;"
        Path("nginx.conf").write_text(
            f"events {{}} http {{ {groups} server {{ listen 80; location /chat {{ {usual} {passes} {body} }} }} }}"
        )
        return found_by(cli, "nginx.conf", *options)

    assert rule in found(short, "--routes", "r.yaml")
    assert rule not in found(enough, "--routes", "r.yaml")
    assert rule not in found(short, "--stream", "/chat=sse") or field.startswith("heartbeat")


def test_a_spec_that_allows_retries_is_not_told_of_them(cli: Cli) -> None:
    """They are off for streams unless it says otherwise."""
    Path("nginx.conf").write_text(
        "events {} http { upstream a { server a:1; server b:1; } server { listen 80; location /chat { proxy_pass http://a; "
        "proxy_buffering off; proxy_next_upstream error http_502; } } }"
    )

    def found(field: str) -> list[str]:
        route = f"{{path: /chat, protocol: sse, upstream: a{field}}}"
        Path("r.yaml").write_text(f"upstreams: {{a: {{servers: ['http://a:1', 'http://b:1']}}}}\nroutes: [{route}]")
        return found_by(cli, "nginx.conf", "--routes", "r.yaml")

    assert "stream-retried" in found("")
    assert "stream-retried" not in found(", retry: true")


def test_a_spec_knows_more_than_a_comment(cli: Cli) -> None:
    """The comment says the protocol; what the route asks for, the spec says."""
    name = conf("nginx.conf", EVENTS % "# proxycfg: protocol=sse\nproxy_buffering off; proxy_read_timeout 10m;")
    Path("r.yaml").write_text(
        "upstreams: {a: 'http://a:1'}\nroutes: [{path: /events, protocol: sse, upstream: a, idle_timeout: 20m}]"
    )

    assert "idle-timeout-too-short" not in found_by(cli, name)
    assert "idle-timeout-too-short" in found_by(cli, name, "--routes", "r.yaml")


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


@pytest.mark.parametrize(
    "inside",
    [
        "proxy_buffering on; # proxycfg: ignore[sse-response-buffered] behind it\n",
        "# proxycfg: ignore[sse-response-buffered] above it\n# why\nproxy_buffering on;",
        "proxy_buffering # proxycfg: ignore[sse-response-buffered] within it\non;",
        "proxy_buffering\non; # proxycfg: ignore[sse-response-buffered] at its end\n",
        "proxy_buffering\n# proxycfg: ignore[sse-response-buffered] in its midst\non;",
        "# proxycfg: ignore[sse-response-buffered]\n# proxycfg: ignore[upstream-http-1-0]\nproxy_buffering on; proxy_http_version 1.0;",
    ],
)
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("included", [False, True])
def test_a_note_silences_what_stands_at_its_lines(cli: Cli, inside: str, ends: str, included: bool) -> None:
    """Wherever people put it, however lines end, also in an included file; it is not told to be unused then."""
    if included:
        Path("in.conf").write_text(inside.replace("\n", ends))
    part = "include in.conf;" if included else inside
    path = Path(
        conf("nginx.conf", "location /events { proxy_pass http://127.0.0.1:1; proxy_read_timeout 1h;\n" + part + "}")
    )
    path.write_text(path.read_text().replace("\n", ends))
    rules_of = ("--select", "sse-response-buffered,unused-ignore", "--nginx-version", "1.22")

    assert [] == found_by(cli, "nginx.conf", *rules_of)
    assert ["sse-response-buffered"] == found_by(cli, "nginx.conf", *rules_of, "--no-ignores")


def test_a_note_is_of_use_where_its_finding_is_not_asked_for(cli: Cli) -> None:
    """A guess that ``--min-confidence`` leaves out, a rule that the settings leave out in that file."""
    name = conf(
        "nginx.conf", EVENTS % "proxy_read_timeout 1h; proxy_buffering on; # proxycfg: ignore[sse-response-buffered]\n"
    )

    assert [] == found_by(cli, name, "--min-confidence", "declared")
    Path(".proxycfg.toml").write_text('[lint.per-path-ignores]\n"*" = ["sse-response-buffered"]\n')
    assert [] == found_by(cli, name, "--nginx-version", "1.30")
    assert 0 == json_of(cli, name)["ignored"]


@pytest.mark.parametrize(
    "inside",
    [
        "proxy_buffering off; # proxycfg: ignore[sse-response-buffered, unused-ignore] of use before 1.29\n",
        "# proxycfg: ignore[unused-ignore, sse-response-buffered]\nproxy_buffering off;",
        "# proxycfg: ignore[unused-ignore]\n# proxycfg: ignore[sse-response-buffered]\nproxy_buffering off;",
        "# proxycfg: ignore[unused-ignore]\nproxy_buffering off; # proxycfg: ignore[sse-response-buffered]\n",
    ],
)
def test_a_note_that_is_of_no_use_can_be_excused(cli: Cli, inside: str) -> None:
    """By itself, or by a note about the same line; a note further down is still reported, and an excuse is never unused."""
    location = "location /events { proxy_pass http://127.0.0.1:1; proxy_read_timeout 1h;\n%s }"
    name = conf("nginx.conf", location % inside)
    chosen = ("--select", "sse-response-buffered,unused-ignore")

    assert [] == found_by(cli, name, *chosen)
    assert 1 == json_of(cli, name, *chosen)["ignored"]
    conf("nginx.conf", location % (inside + "\nproxy_redirect off; # proxycfg: ignore[sse-response-buffered]\n"))
    assert ["unused-ignore"] == found_by(cli, name, *chosen)
    conf("nginx.conf", location % "proxy_buffering off; # proxycfg: ignore[unused-ignore]\n")
    assert [] == found_by(cli, name, *chosen)


def test_an_unused_note_is_of_what_its_file_is_for(cli: Cli) -> None:
    """Of an Envoy's file it is not told to be nginx's."""
    Path("envoy.yaml").write_text(
        "# proxycfg: ignore[sse-response-buffered]\nstatic_resources: {listeners: [], clusters: []}\n"
    )
    conf("nginx.conf", "# proxycfg: ignore[sse-response-buffered]\n" + CLEAN)
    found = json_of(cli, "envoy.yaml", "nginx.conf")["findings"]

    assert [("unused-ignore", "envoy"), ("unused-ignore", "nginx")] == [
        (each["rule"], each["target"]) for each in found
    ]


def test_settings_leave_unused_notes_alone(cli: Cli) -> None:
    """As any other rule, in the files that they name."""
    name = conf("nginx.conf", "# proxycfg: ignore[sse-response-buffered]\n" + CLEAN)
    assert ["unused-ignore"] == found_by(cli, name)
    Path(".proxycfg.toml").write_text('[lint.per-path-ignores]\n"*" = ["unused-ignore"]\n')
    assert [] == found_by(cli, name)


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_an_unused_note_goes_and_its_line_end_stays(cli: Cli, ends: str) -> None:
    """Beside a directive the note alone, else the whole line; at the end of a file, too."""
    note = "# proxycfg: ignore[sse-response-buffered] x"
    text = f"events {{}}  {note}\n{note}\nhttp {{}}\n  {note}"
    Path("nginx.conf").write_bytes(text.replace("\n", ends).encode())
    assert cli("lint", "nginx.conf", "--fix")[0] == Exit.OK

    assert f"events {{}}{ends}http {{}}{ends}" == Path("nginx.conf").read_bytes().decode()


@pytest.mark.parametrize("option", ["--select", "--ignore"])
def test_what_generate_tells_is_no_rule_of_lint(cli: Cli, option: str) -> None:
    """The catalogue has it, so it is said where it belongs."""
    code, _, err = cli("lint", conf("nginx.conf", CLEAN), option, "cache-not-kept")
    assert (Exit.USAGE, True) == (code, "`proxycfg generate` tells cache-not-kept, of specs" in err)
    code, _, err = cli("lint", conf("nginx.conf", "# proxycfg: ignore[cache-not-kept]\n" + CLEAN))
    assert (Exit.USAGE, True) == (code, "`proxycfg generate` tells cache-not-kept, of specs" in err)


# ---- the catalogue ----


def test_rules_are_listed_and_explained(cli: Cli) -> None:
    """One line each, with the command that tells it; the whole page of one; bad usage for one that is not there."""
    told_by = dict(line.split()[:2] for line in cli("rules")[1].splitlines())
    listed = json.loads(cli("rules", "--format", "json")[1])["rules"]

    kinds = {"lint": rules(), "generate": remarks(), "probe": faults()}
    assert {name: command for command, known in kinds.items() for name in known} == told_by
    assert told_by == {each["rule"]: each["told_by"] for each in listed}
    for kind in (rules()["sse-response-buffered"], remarks()["cache-not-kept"]):
        assert cli("rules", kind.name)[1].endswith(f"; told by proxycfg {kind.told_by})\n\n{kind.page}\n")
        (one,) = json.loads(cli("rules", kind.name, "--format", "json")[1])["rules"]
        assert (kind.page, list(kind.targets), kind.told_by) == (one["page"], one["targets"], one["told_by"])
    code, _, err = cli("rules", "cache-not-keept")
    assert (Exit.USAGE, True) == (code, "did you mean `cache-not-kept`?" in err)


# ---- repairing ----


def test_fix_repairs_files_where_they_stand(cli: Cli) -> None:
    """The included file, its comments and its line ends; then nothing is left, and a second run changes nothing."""
    main = conf("nginx.conf", "include sites/*;")
    Path("sites").mkdir()
    site = Path("sites/chat")
    site.write_bytes(
        b"location /events {\r\n\t# proxycfg: protocol=sse heartbeat=15s\r\n\tproxy_pass http://127.0.0.1:1; # here\r\n}\r\n"
    )
    before = Path(main).read_bytes()
    code, out, err = cli("lint", main, "--fix")

    assert (Exit.OK, "nothing found in 2 files, 1 route\n") == (code, out)
    assert err == "2 fixes made in sites/chat\n"
    assert before == Path(main).read_bytes()
    fixed = site.read_bytes()
    assert fixed == (
        b"location /events {\r\n\t# proxycfg: protocol=sse heartbeat=15s\r\n\tproxy_pass http://127.0.0.1:1; # here\r\n"
        b"\tproxy_buffering off;\r\n\tproxy_http_version 1.1;\r\n}\r\n"
    )
    assert (Exit.OK, out, "") == cli("lint", main, "--fix")
    assert fixed == site.read_bytes()


def test_diff_shows_and_changes_nothing(cli: Cli) -> None:
    """Exit 1 if anything would change."""
    name = conf("nginx.conf", DECLARED)
    before = Path(name).read_bytes()
    code, out, _ = cli("lint", name, "--diff")

    assert code == Exit.FOUND
    assert "+" in {line[:1] for line in out.splitlines()}
    assert "+++ b/nginx.conf" in out
    assert before == Path(name).read_bytes()
    assert (Exit.OK, "", "") == cli("lint", conf("clean.conf", CLEAN), "--diff")


def test_standard_input_is_repaired_to_standard_output(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the report beside it, on standard error."""
    stdin(monkeypatch, DECLARED.encode())
    code, out, err = cli("lint", "-", "--fix")

    assert code == Exit.OK
    assert "proxy_buffering off;" in out
    assert "nothing found" in err


def test_a_fix_that_touches_more_waits_for_permission(cli: Cli) -> None:
    """A location that holds others hands its settings down to them."""
    inside = "location /events {\n# proxycfg: protocol=sse heartbeat=15s\nproxy_pass http://a;\nlocation /events/old { proxy_pass http://b; }\n}"
    name = conf("nginx.conf", inside)
    only = ("--select", "sse-response-buffered")
    safe = cli("lint", name, "--fix", *only)

    assert safe[0] == Exit.FOUND
    assert "--unsafe-fixes" in safe[1]
    assert Exit.OK == cli("lint", name, "--unsafe-fixes", *only, "--min-confidence", "explicit")[0]


# ---- what is known already ----


def test_a_baseline_holds_what_is_known(cli: Cli) -> None:
    """Through edits above it; a new finding still shows, and one that is gone is told."""
    name = conf("nginx.conf", EVENTS % "# proxycfg: protocol=sse\n")
    assert Exit.OK == cli("lint", name, "--baseline", "known.json", "--write-baseline")[0]
    known = json_of(cli, name, "--baseline", "known.json")

    assert ([], 3) == (known["findings"], known["known"])
    Path(name).write_text("# a remark\n\n" + Path(name).read_text())
    assert [] == found_by(cli, name, "--baseline", "known.json")
    Path(name).write_text(Path(name).read_text().replace("listen", "gzip on; gzip_types *; listen"))
    assert ["stream-compressed"] == found_by(cli, name, "--baseline", "known.json")
    assert (
        "3 of the findings that it holds are gone" in cli("lint", conf("nginx.conf", ""), "--baseline", "known.json")[2]
    )


@pytest.mark.parametrize("text", [None, "", "[]", '{"version": 2, "findings": []}', '{"version": 1, "findings": [3]}'])
def test_a_baseline_that_is_none_is_bad_usage(cli: Cli, text: str | None) -> None:
    """Missing, or something else."""
    if text is not None:
        Path("known.json").write_text(text)
    code, out, err = cli("lint", conf("nginx.conf", CLEAN), "--baseline", "known.json")

    assert (Exit.USAGE, "") == (code, out)
    assert err.startswith("known.json:1:1: ")
    assert Exit.USAGE == cli("lint", conf("nginx.conf", CLEAN), "--write-baseline")[0]


# ---- many files ----


@pytest.mark.parametrize("form", ["json", "sarif"])
def test_shards_make_up_the_whole(cli: Cli, form: str) -> None:
    """Merged, they say what one run says."""
    for number in range(5):
        conf(f"all/{number}.conf", DECLARED.replace("/events", f"/events/{number}"))
    for part in range(1, 4):
        cli("lint", "all", "--shard", f"{part}/3", "--format", form, "--output", f"{part}.json")
    whole = json.loads(cli("lint", "all", "--format", form)[1])
    merged = json.loads(cli("merge", "1.json", "2.json", "3.json")[1])

    if form == "json":
        assert whole == merged
    else:
        assert whole["runs"][0]["results"] == merged["runs"][0]["results"]
        assert whole["runs"][0]["tool"] == merged["runs"][0]["tool"]


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1", "a/b", "1/0"])
def test_a_shard_that_is_none_is_bad_usage(cli: Cli, shard: str) -> None:
    """Told with what to write."""
    code, _, err = cli("lint", conf("nginx.conf", CLEAN), "--shard", shard)

    assert (Exit.USAGE, True) == (code, "write 1/4" in err)


@pytest.mark.parametrize("text", ["", "3", "{}", '{"runs": 3}', '{"runs": []}', '{"findings": 1}'])
def test_what_is_no_result_is_not_merged(cli: Cli, text: str) -> None:
    """Told by name."""
    Path("part.json").write_text(text)
    code, out, err = cli("merge", "part.json", "part.json")

    assert (Exit.USAGE, ["part.json"]) == (code, [each["file"] for each in json.loads(out)["errors"]])
    assert err.startswith("part.json:1:1: ")


def test_json_and_sarif_are_not_merged(cli: Cli) -> None:
    """They are two things."""
    name = conf("nginx.conf", CLEAN)
    for form in ("json", "sarif"):
        cli("lint", name, "--format", form, "--output", form)

    assert Exit.USAGE == cli("merge", "json", "sarif")[0]


# ---- in CI ----


def test_github_gets_a_summary_where_it_wants_one(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind what other steps have written there."""
    Path("summary.md").write_text("# Before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    out = cli("lint", conf("nginx.conf", DECLARED), "--format", "github")[1]

    assert out.startswith("::error file=nginx.conf,line=5,")
    summary = Path("summary.md").read_text()
    assert summary.startswith("# Before\n## proxycfg lint\n")
    assert "`sse-response-buffered`" in summary


def test_settings_leave_rules_out_by_path(cli: Cli) -> None:
    """Masks are relative to the file with the settings; a rule that does not exist is told by its place."""
    conf("legacy/nginx.conf", DECLARED)
    conf("new/nginx.conf", DECLARED)
    Path(".proxycfg.toml").write_text('[lint.per-path-ignores]\n"legacy/*" = ["response-buffering"]\n')
    files = {finding["location"]["file"] for finding in json_of(cli, "legacy", "new", "--fail-on", "error")["findings"]
             if finding["rule"] == "sse-response-buffered"}  # fmt: skip

    assert {"new/nginx.conf"} == files
    Path(".proxycfg.toml").write_text('[lint.per-path-ignores]\n"legacy/*" = ["respons-buffering"]\n')
    code, _, err = cli("lint", "new")
    assert code == Exit.USAGE
    assert err.startswith(".proxycfg.toml:2:")
    Path(".proxycfg.toml").write_text('[lint]\nper-path-ignores = ["x"]\n')
    assert Exit.USAGE == cli("lint", "new")[0]


def test_statistics_count_by_rule(cli: Cli) -> None:
    """The most frequent first."""
    conf("a.conf", DECLARED)
    conf("b.conf", DECLARED)
    lines = cli("lint", "a.conf", "b.conf", "--statistics")[1].splitlines()

    assert "2  error    sse-response-buffered" in lines
