"""What holds of ``explain`` whatever the config: generated ones name their spec, and what nginx ignores changes no answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxycfg.generate import generate
from proxycfg.request import Asked, Request
from proxycfg.source import Source
from proxycfg.spec import Route, Spec
from proxycfg.specfile import load as load_spec
from proxycfg.targets.nginx.clients import Sockets
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.explain import explain_config
from proxycfg.targets.nginx.request import follow
from proxycfg.targets.nginx.servers import read_http
from tests.laws.reformatter import Reformatter
from tests.snapshots import SPECS
from tests.targets.routing import CASES, Case, config
from tests.targets.test_nginx_request import end_of

FIXTURES = sorted(SPECS.glob("*/routes.yaml"))


def generated(spec: Spec) -> dict[str, str]:
    """What is generated of a spec, heading and all."""
    return generate(spec, ["nginx"]).files


@pytest.mark.parametrize("path", FIXTURES, ids=[path.parent.name for path in FIXTURES])
def test_every_location_of_a_generated_config_names_its_route(path: Path) -> None:
    """And every route of the spec is named, with its protocol."""
    spec = load_spec(Source("routes.yaml", path.read_text()))
    found = explain_config(load_texts(generated(spec), is_directive=opens_line), "1.30", Asked(), None)

    assert {(each.made_from, each.route.protocol) for each in found if each.route} == {
        (route.title, route.protocol.name) for route in spec.routes
    }


@pytest.mark.parametrize("path", FIXTURES, ids=[path.parent.name for path in FIXTURES])
def test_a_request_for_a_route_of_the_spec_ends_in_it(path: Path) -> None:
    """By the protocol's own method, on a host of the route."""
    spec = load_spec(Source("routes.yaml", path.read_text()))
    read = load_texts(generated(spec), is_directive=opens_line)
    scheme = "https" if spec.listen.tls else "http"
    for route in (each for each in spec.routes if each.kind != "regex"):
        host = _host(route, spec)
        asked = Asked(
            urls=[f"{scheme}://{host}:{spec.listen.port}{route.path}"], method=_method(route), headers=_HEADERS
        )
        (ended,) = explain_config(read, "1.30", asked, route.protocol.name)

        assert (ended.made_from, ended.answer) == (route.title, ""), ended


_HEADERS = {"origin": "", "upgrade": "websocket", "connection": "upgrade"}


def _host(route: Route, spec: Spec) -> str:
    names = route.hosts or spec.hosts
    return names[0].replace("*", "any") if names else "any.example"


def _method(route: Route) -> str:
    return (route.methods or route.protocol.methods)[0]


def ends(of: Case, texts: dict[str, str]) -> list[str]:
    """Where every request of a case ends."""
    read = load_texts(texts, is_directive=opens_line)
    assert not read.problems
    (http,) = read_http(read)
    sockets = Sockets(http, "1.30")
    requests = [
        Request(
            "http", each.host, 21000, each.target, each.method, {n.lower(): v for n, v in each.headers}, "127.0.0.1"
        )
        for each in of.asked
    ]
    return [end_of(follow(read, http, request, sockets)) for request in requests]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(CASES), st.integers(0, 2**32))
def test_what_nginx_ignores_changes_no_request(of: Case, seed: int) -> None:
    """White space, quotes, comments, files, the order of plain locations, and that of servers on different sockets."""
    text = config((of,), [21000], 20999)

    assert ends(of, Reformatter(seed).run(text)) == [asked.end for asked in of.asked]
