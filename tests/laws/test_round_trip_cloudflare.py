"""The law of reading Cloudflare: what was written is read back as it was meant, as far as the files decide it."""

from __future__ import annotations

import pytest

from proxycfg.behavior import Answer, properties
from proxycfg.generate import generate
from proxycfg.knowledge import Knowledge
from proxycfg.lint import Options, lint
from proxycfg.need import need_of
from proxycfg.rules import rules
from proxycfg.source import Source
from proxycfg.spec import Route, Spec
from proxycfg.streams import Declared
from proxycfg.targets.cloudflare import quote
from proxycfg.targets.cloudflare.config import Config, load
from proxycfg.targets.cloudflare.places import request_of
from proxycfg.targets.cloudflare.read import Reader
from proxycfg.targets.cloudflare.scene import scene_of
from tests.targets.cloudflare_files import CASES_AND_PLANS, spec_of

DECIDED = (
    "response_buffering", "compression", "caching", "stalls_on", "upstream_idle_timeout", "client_idle_timeout", "request_body_limit",
    "error_interception", "connect_timeout", "send_timeout", "total_timeout", "query_logged", "accept_encoding_forwarded",
)  # fmt: skip
"""Properties that the files, or nobody, decide: there the reading is no wider than the aim."""


def reader_of(config: Config) -> Reader:
    """Of its only zone."""
    (zone,) = config.zones
    return Reader(zone, {name: source.text for name, source in config.files.items()})


def request_for(spec: Spec, route: Route) -> tuple[str, str] | None:
    """Host and path of a request of the route; None where another one comes before it, or nothing can be thought of."""
    host = route.hosts[0].replace("*.", "x.").replace("*", "any.example")
    if route.kind == "regex":
        return None
    path = route.path if route.kind == "exact" else route.path.rstrip("/") or "/"
    first = next((each for each in spec.routes_for(host) if _takes(each, path)), None)
    return (host, quote.paths(path)[0]) if first is route else None


def _takes(route: Route, path: str) -> bool:
    if route.kind == "regex":
        return False
    bare = route.path.rstrip("/")
    return path == (route.path if route.kind == "exact" else bare) or (
        route.kind == "prefix" and path.startswith(f"{bare}/")
    )


@pytest.mark.parametrize("form", ["terraform", "api"])
@pytest.mark.parametrize(("case", "plan"), CASES_AND_PLANS)
def test_every_fixture_is_read_as_it_was_meant(case: str, plan: str, form: str) -> None:
    """read(write(aim)) lies within the aim, or the aim within it where only the dashboard, or the origin, knows; from either form."""
    spec = spec_of(case, plan)
    made = generate(spec, ["cloudflare"])
    ending = ".tf" if form == "terraform" else ".json"
    names = [name for name in made.files if name.endswith(ending) and "/worker/" not in name]
    config = load([Source(name, made.files[name]) for name in names])
    assert not config.problems
    if not config.zones:
        assert not names
        return
    reader = reader_of(config)
    seen = 0
    for route in spec.routes:
        at = request_for(spec, route)
        if at is None:
            continue
        seen += 1
        protocol = route.protocol.name
        # A request without a credential: what is set for those with one is another matter.
        request = request_of(*at, protocol, {})
        request = request._replace(
            fields={**request.fields, "http.request.headers.names": ("accept",), "http.request.uri.args": {}}
        )
        reading = reader.reading(request, protocol)
        aim = made.aims["cloudflare", route.name]
        for name in properties():
            meant, found = getattr(aim, name), getattr(reading.behavior, name)
            where = (route.name, name, meant, found, reading.evidence[name])
            if form == "api" and name in OF_THE_ZONE:
                continue
            if name in DECIDED:
                assert found.within(meant) is Answer.YES, where
            else:
                assert Answer.YES in (found.within(meant), meant.within(found)), where
    assert seen


OF_THE_ZONE = (
    "upstream_idle_timeout", "client_idle_timeout", "request_body_limit", "error_interception", "client_http_versions", "upgrade",
)  # fmt: skip
"""What settings of the zone decide, which the files for the Rulesets API do not hold."""


@pytest.mark.parametrize(("case", "plan"), CASES_AND_PLANS)
def test_what_is_generated_is_not_complained_about(case: str, plan: str) -> None:
    """With the spec, which says what streams, in its hand, the linter has nothing to add to what `generate` told of the plan."""
    spec = spec_of(case, plan)
    made = generate(spec, ["cloudflare"])
    told = {(finding.category, finding.route_path) for finding in made.findings}
    names = [name for name in made.files if name.endswith(".tf")]
    declared = [
        Declared(
            path=route.path, protocol=route.declaration.protocol, kind=route.kind, hosts=route.hosts, heartbeat=route.declaration.heartbeat,
            idle_timeout=route.declaration.idle_timeout, span=route.span,
        )
        for route in spec.routes
    ]  # fmt: skip
    knowledge = Knowledge(declared, {route.span: need_of(route) for route in spec.routes})
    scene = scene_of(load([Source(name, made.files[name]) for name in names]), knowledge)
    report = lint([scene], Options(rules=list(rules().values()), known=tuple(rules())))

    assert not report.errors
    assert not names or scene.cases
    assert [each for each in report.findings if (each.category, each.route_path) not in told] == []
