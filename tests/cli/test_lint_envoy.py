"""``proxycfg lint`` of Envoy: the same formats, notes, fixes, baseline and exit codes as of nginx."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from proxycfg.cli.lint import FORMATS
from proxycfg.commands import Exit
from tests.cli.conftest import Cli, stdin
from tests.targets.envoy_configs import bootstrap

ROUTES = """\
static_resources:
  listeners:
  - name: web
    address: {socket_address: {address: 0.0.0.0, port_value: 10000}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: web
          route_config:
            virtual_hosts:
            - name: app
              domains: ["*"]
              routes:
              # proxycfg: protocol=sse heartbeat=15s
              - match: {prefix: /events}
                route:
                  cluster: app  # the only one
"""
FIXED = ROUTES + "                  timeout: 0s\n"
RULE = ("--select", "stream-ended-by-timeout,unused-ignore")


def written(text: str, name: str = "envoy.yaml") -> str:
    """A file of that text."""
    Path(name).write_text(text)
    return name


def json_of(cli: Cli, *arguments: str) -> dict[str, Any]:
    """What ``--format json`` prints."""
    found: dict[str, Any] = json.loads(cli("lint", "--format", "json", *RULE, *arguments)[1])
    return found


def test_a_finding_stands_at_its_route(cli: Cli) -> None:
    """With its target, its fix, and exit 1."""
    code, out, _ = cli("lint", *RULE, written(ROUTES))
    (found,) = json_of(cli, "envoy.yaml")["findings"]

    assert code == Exit.FOUND
    assert "envoy.yaml:17:17: error[stream-ended-by-timeout] /events (sse) will end after 15s" in out
    assert (found["target"], found["protocol"], found["fix"]["safe"]) == ("envoy", "sse", True)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_tells_it(cli: Cli, form: str) -> None:
    """By its rule and file."""
    _, out, _ = cli("lint", "--format", form, *RULE, written(ROUTES))

    assert "stream-ended-by-timeout" in out
    assert "envoy.yaml" in out


@pytest.mark.parametrize("place", ["match: {prefix: /events}", "# proxycfg: protocol"])
def test_a_note_silences_it(cli: Cli, place: str) -> None:
    """Behind what it speaks of, or above it; one that silences nothing is told, and can be removed."""
    note = "# proxycfg: ignore[stream-ended-by-timeout] known"
    at = next(line for line in ROUTES.splitlines() if place in line)
    text = ROUTES.replace(at, f"{at}  {note}" if "match" in at else f"              {note}\n{at}")

    assert (json_of(cli, written(text))["findings"], json_of(cli, "envoy.yaml")["ignored"]) == ([], 1)
    assert len(json_of(cli, "--no-ignores", "envoy.yaml")["findings"]) == 1
    written(f"{text}                  timeout: 0s\n")
    assert [each["rule"] for each in json_of(cli, "envoy.yaml")["findings"]] == ["unused-ignore"]


def test_a_fix_is_one_line_among_comments(cli: Cli) -> None:
    """The rest stays as it is, and a second run changes nothing."""
    assert cli("lint", "--fix", *RULE, written(ROUTES))[0] == Exit.OK
    assert Path("envoy.yaml").read_text() == FIXED
    assert cli("lint", "--fix", *RULE, "envoy.yaml")[0] == Exit.OK
    assert Path("envoy.yaml").read_text() == FIXED


def test_what_was_repaired_in_a_folder_is_looked_at_again(cli: Cli) -> None:
    """Each fix is made and counted once, under the name by which the folder was given, too."""
    written(ROUTES)
    code, _, err = cli("lint", *RULE, "--fix", ".")

    assert code == Exit.OK
    assert "1 fix made in ./envoy.yaml" in err


@pytest.mark.parametrize(("mark", "ending"), [("\ufeff", "\n"), ("", "\r\n"), ("\ufeff", "\r\n")])
def test_a_fix_keeps_the_bytes_around_it(cli: Cli, mark: str, ending: str) -> None:
    """A byte order mark, and the line ends of Windows."""
    Path("envoy.yaml").write_bytes((mark + ROUTES.replace("\n", ending)).encode())
    assert cli("lint", "--fix", *RULE, "envoy.yaml")[0] == Exit.OK
    assert Path("envoy.yaml").read_bytes().decode() == mark + FIXED.replace("\n", ending)


def test_a_fix_of_json_is_json(cli: Cli) -> None:
    """As the file has it."""
    data = bootstrap(match={"prefix": "/x"})
    written(json.dumps(data, indent=2), "envoy.json")
    stated = ("--stream", "/x=sse", "--target", "envoy")
    cli("lint", "--fix", *RULE, *stated, "envoy.json")

    assert json.loads(Path("envoy.json").read_text()) == bootstrap(match={"prefix": "/x"}, route={"timeout": "0s"})


def test_standard_input_is_repaired_to_standard_output(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the report goes where it does not mix with it."""
    stdin(monkeypatch, ROUTES.encode())

    assert cli("lint", "--fix", *RULE, "-")[1] == FIXED


def test_a_difference_is_shown_and_nothing_written(cli: Cli) -> None:
    """With exit 1."""
    code, out, _ = cli("lint", "--diff", *RULE, written(ROUTES))

    assert (code, Path("envoy.yaml").read_text()) == (Exit.FOUND, ROUTES)
    assert "+                  timeout: 0s" in out


def test_a_baseline_knows_it(cli: Cli) -> None:
    """Also when the file has moved on."""
    baseline = ("--baseline", "known.json")
    assert cli("lint", *RULE, *baseline, "--write-baseline", written(ROUTES))[0] == Exit.OK
    written(f"# first\n{ROUTES}")

    assert cli("lint", *RULE, *baseline, "envoy.yaml")[0] == Exit.OK


def test_what_cannot_be_read_never_passes(cli: Cli) -> None:
    """Neither what is no YAML nor what Envoy refuses; a finding beside it is told."""
    written("static_resources: [", "broken.yaml")
    code, out, err = cli("lint", *RULE, "--target", "envoy", "broken.yaml", written(ROUTES))

    assert code == Exit.USAGE
    assert "broken.yaml:1" in err + out


def test_the_version_is_the_stated_one(cli: Cli) -> None:
    """It stands beside the default."""
    assert "default of Envoy 1.36" in cli("lint", *RULE, "--envoy-version", "1.36", written(ROUTES))[1]
    assert cli("lint", "--envoy-version", "9.9", "envoy.yaml")[0] == Exit.USAGE
