"""The law of ``init --from``: generated anew for the same proxy, no property of any route is worse than it was, measured by the route's need.

Tried on every config of an nginx that the fixtures hold: those that show a pitfall, their repaired forms, those of the differential runs, and what
is generated from the example specs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxycfg.adopt import Adopted, adopt
from proxycfg.behavior import Answer, Behavior, properties
from proxycfg.draft import DraftRoute
from proxycfg.errors import InvalidInput
from proxycfg.generate import generate
from proxycfg.need import need_of
from proxycfg.roots import Search
from proxycfg.source import Source
from proxycfg.spec import Route
from proxycfg.specfile import load
from proxycfg.targets.nginx import versions
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.draft import draft_of
from tests.laws.test_round_trip import routes_read

CONFIGS = sorted(Path("fixtures").rglob("*.conf"))
RANK = {Answer.NO: 0, Answer.MAYBE: 1, Answer.YES: 2}
UNSAYABLE = re.compile(
    "decides who gets in|is internal|origins of HTTP and gRPC alone|in place of|sends every request|hands no request to an origin|changes paths"
    "|under a condition only"
)
"""Why no route of a config may be carried over; each of these is tested by itself with the target's draft."""


def adopted(path: Path) -> tuple[Adopted, str] | None:
    """What a config comes to, and the version it was read for; None where no route of it can be carried over, for a known reason."""
    found = Search(target="nginx").find([str(path)])
    (config,) = found.configs or found.loose
    said = versions.find(found.sources)
    try:
        return adopt(draft_of(config, said.number, stated=True), ["A heading."]), said.number
    except InvalidInput as error:
        if not UNSAYABLE.search(str(error)):
            raise
        return None


def worse(old: DraftRoute, route: Route, behavior: Behavior) -> Iterator[str]:
    """The properties in which a route falls shorter of its need than it did."""
    accepted = need_of(route).accepted
    for name in properties():
        before = getattr(old.reading.behavior, name).within(getattr(accepted, name))
        after = getattr(behavior, name).within(getattr(accepted, name))
        if RANK[after] < RANK[before]:
            yield f"{old.span} {name}: {before} became {after}"


def test_no_property_of_any_route_becomes_worse() -> None:
    """Read out of what was generated, by the reader that read the old config."""
    found: list[str] = []
    routes = 0
    for path in CONFIGS:
        result = adopted(path)
        if result is None:
            continue
        made, version = result
        assert [route.path for route in made.routes] == [route.path for route in made.spec.routes]
        old = dict(zip((route.name for route in made.spec.routes), made.routes, strict=True))
        files = generate(made.spec, ["nginx"]).files
        config = load_texts({name.removeprefix("nginx/"): text for name, text in files.items()})
        assert not config.problems
        for route, read in routes_read(made.spec, config, version):
            routes += 1
            found += worse(old[route.name], route, read.reading.behavior)

    assert not found
    assert routes > len(CONFIGS)


@pytest.mark.parametrize("path", sorted(Path("fixtures/specs").glob("*/*.conf")), ids=lambda path: path.parent.name)
def test_a_spec_comes_back_from_what_was_generated(path: Path) -> None:
    """Each route with its path, protocol, origins, timers and limits, but those that a guard of the config protects."""
    before = load(Source("routes.yaml", (path.parent / "routes.yaml").read_text()))
    result = adopted(path)

    assert result is not None
    made, _ = result
    assert len(made.spec.routes) + len(made.withheld) >= len(before.routes)
    # The exact half of a prefix, in a large server, is a route of its own.
    told = {(route.path.rstrip("/"), *_said(route)) for route in before.routes}
    assert {(route.path.rstrip("/"), *_said(route)) for route in made.spec.routes} == told


def _said(route: Route) -> tuple[object, ...]:
    servers = tuple(each.address for each in route.upstream.servers)
    return route.protocol.name, route.idle_timeout, route.strip, servers, route.rate, route.per_client, route.cache


def test_what_is_adopted_stays_as_it_is() -> None:
    """A config that was generated from an adopted spec comes to the same spec again."""
    for path in sorted(Path("fixtures/rules").glob("*/nginx/good.conf")):
        first = adopted(path)
        if first is None:
            continue
        files = generate(first[0].spec, ["nginx"]).files
        config = load_texts({name.removeprefix("nginx/"): text for name, text in files.items()})
        again = adopt(draft_of(config, first[1], stated=True), ["A heading."])
        one, two = (
            {
                (route.kind, route.path.rstrip("/"), route.protocol.name, route.idle_timeout)
                for route in each.spec.routes
            }
            for each in (first[0], again)
        )
        assert one == two, path
