"""The spec that `init` writes."""

from __future__ import annotations

import re

from proxycfg.finding import Severity
from proxycfg.generate import generate
from proxycfg.specmodel import RouteEntry, SpecFile
from proxycfg.starter import starter
from proxycfg.targets import BY_DEFAULT
from tests.specs import load


def test_the_starter_generates_as_it_stands() -> None:
    """For every target that it is written for, without an error."""
    findings = generate(load(starter()), BY_DEFAULT).findings

    assert [] == [str(finding) for finding in findings if finding.severity is Severity.ERROR]


def test_the_starter_shows_the_main_ways_to_stream() -> None:
    """One route of each kind that people come for."""
    assert {"sse", "websocket", "grpc", "poll", "http"} == {route.protocol.name for route in load(starter()).routes}


def test_what_the_starter_leaves_commented_out_is_taken_too() -> None:
    """Whoever removes a # gets a field that is right."""
    text = re.sub(r"^( *)# (?=(tls|http|trusted_proxies|defaults): )", r"\1", starter(), flags=re.MULTILINE)
    spec = load(text)

    assert text != starter()
    assert (True, ("10.0.0.0/8",)) == (spec.secure, spec.trusted_proxies)
    assert 15 == spec.routes[1].heartbeat


def test_the_starter_explains_itself() -> None:
    """Every block has a comment above it, and the three next commands stand at the top."""
    lines = starter().splitlines()

    assert all(command in starter()[:600] for command in ("proxycfg generate", "--diff", "proxycfg schema"))
    assert sum(line.lstrip().startswith("#") for line in lines) > len(lines) / 3
    assert max(map(len, lines)) <= 120
    known = {*SpecFile.model_fields, *RouteEntry.model_fields}
    assert {line.split(":")[0] for line in lines if re.match("[a-z]", line)} <= known
