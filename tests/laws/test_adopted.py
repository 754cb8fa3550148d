"""The law of ``init --from``: generated anew for the same proxy, no property of any route is worse than it was, measured by the route's need.

Tried on every config of nginx and of Envoy that the fixtures hold: those that show a pitfall, their repaired forms, those of the differential
runs, and what is generated from the example specs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxycfg.adopt import Adopted, adopt
from proxycfg.behavior import Answer, Behavior, properties
from proxycfg.draft import Draft, DraftRoute
from proxycfg.errors import InvalidInput
from proxycfg.finding import Severity
from proxycfg.generate import generate
from proxycfg.need import need_of
from proxycfg.roots import Search
from proxycfg.source import Source
from proxycfg.spec import Route
from proxycfg.specfile import load
from proxycfg.targets.envoy import recognise as envoy
from proxycfg.targets.envoy import versions as envoy_versions
from proxycfg.targets.envoy.draft import draft_of as envoy_draft
from proxycfg.targets.nginx import versions as nginx_versions
from proxycfg.targets.nginx.config import Config, load_texts
from proxycfg.targets.nginx.draft import draft_of as nginx_draft
from tests.laws.test_round_trip import routes_read

SPECS = sorted(Path("fixtures/specs").glob("*/routes.yaml"))
RANK = {Answer.NO: 0, Answer.MAYBE: 1, Answer.YES: 2}
UNSAYABLE = re.compile(
    "(?:decides|may decide) who gets in|is internal|origins of HTTP and gRPC alone|in place of|sends every request|hands no request to an origin|changes paths"
    "|under a condition only|hangs on|turns clients away|not at hand|come from elsewhere|by weight|never reached"
)
"""Why no route of a config may be carried over; each of these is tested by itself with the target's draft."""


def configs(target: str) -> list[Path]:
    """The fixtures that are configs of a target."""
    if target == "nginx":
        return sorted(Path("fixtures").rglob("*.conf"))
    found = [path for path in sorted(Path("fixtures").rglob("*.yaml")) if path.name != "routes.yaml"]
    return [path for path in found if "kubernetes" not in path.parts and envoy.recognises(path.read_text())]


def read(path: Path, target: str) -> tuple[Draft, str]:
    """The draft of a config, and the version that it was read for."""
    found = Search(target=target).find([str(path)])
    if target == "nginx":
        (config,) = found.configs or found.loose
        said = nginx_versions.find(found.sources)
        return nginx_draft(config, said.number, stated=True), said.number
    (bootstrap,) = found.envoys
    said = envoy_versions.find(bootstrap)
    return envoy_draft(bootstrap, said.number, stated=True), said.number


def adopted(path: Path, target: str) -> tuple[Adopted, str] | None:
    """What a config comes to, and the version it was read for; None where no route of it can be carried over, for a known reason."""
    draft, version = read(path, target)
    try:
        return adopt(draft, ["A heading."]), version
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


@pytest.mark.parametrize("target", ["nginx", "envoy"])
def test_no_property_of_any_route_becomes_worse(target: str) -> None:
    """Of what is generated, as the law of the round trip has it: what is aimed at is what is read, and what is measured."""
    found: list[str] = []
    routes = 0
    paths = configs(target)
    for path in paths:
        result = adopted(path, target)
        if result is None:
            continue
        made, _ = result
        assert [route.path for route in made.routes] == [route.path for route in made.spec.routes]
        aims = generate(made.spec, [target]).aims
        for old, route in zip(made.routes, made.spec.routes, strict=True):
            routes += 1
            found += worse(old, route, aims[target, route.name])

    assert not found
    assert routes > len(paths)


def test_what_is_generated_is_read_as_no_worse() -> None:
    """The same by the reader that read the old config."""
    for path in sorted(Path("fixtures/rules").glob("*/nginx/*.conf")):
        result = adopted(path, "nginx")
        if result is None:
            continue
        made, version = result
        old = dict(zip((route.name for route in made.spec.routes), made.routes, strict=True))
        config = written(made)
        assert not config.problems
        for route, told in routes_read(made.spec, config, version):
            assert not list(worse(old[route.name], route, told.reading.behavior))


def written(made: Adopted) -> Config:
    """The nginx config that is generated from an adopted spec."""
    files = generate(made.spec, ["nginx"]).files
    return load_texts({name.removeprefix("nginx/"): text for name, text in files.items()})


@pytest.mark.parametrize("target", ["nginx", "envoy"])
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.parent.name)
def test_a_spec_comes_back_from_what_was_generated(path: Path, target: str) -> None:
    """Each route with its path, protocol, origins and timers, but those that a guard of the config protects."""
    before = load(Source("routes.yaml", path.read_text()))
    file = next(
        iter(
            [*path.parent.glob("*.conf"), *path.parent.glob("nginx/*.conf")]
            if target == "nginx"
            else path.parent.glob("envoy.yaml")
        ),
        None,
    )
    if file is None or len(set(before.chain) - {"cloudflare"}) > 1:
        pytest.skip("of a chain each hop has another's address, and timers of its own")
    result = adopted(file, target)

    assert result is not None
    made, _ = result
    assert len(made.spec.routes) + len(made.withheld) >= len(before.routes)
    # The exact half of a prefix, in a large server of nginx, is a route of its own.
    told = {(route.path.rstrip("/"), *_said(route)) for route in before.routes}
    assert {(route.path.rstrip("/"), *_said(route)) for route in made.spec.routes} == told


def _said(route: Route) -> tuple[object, ...]:
    return route.protocol.name, route.idle_timeout, route.strip, tuple(each.address for each in route.upstream.servers)


def test_limits_come_back_from_what_was_generated_for_nginx() -> None:
    """Those of a client address, a shared cache, and which sites may call."""
    before = load(Source("routes.yaml", Path("fixtures/specs/limits-and-logins/routes.yaml").read_text()))
    result = adopted(Path("fixtures/specs/limits-and-logins/nginx.conf"), "nginx")

    assert result is not None
    for old, new in zip(sorted(before.routes, key=_path), sorted(result[0].spec.routes, key=_path), strict=True):
        assert (old.rate, old.per_client, old.cache) == (new.rate, new.per_client, new.cache)
        assert old.protocol.name != "websocket" or old.cors == new.cors


def _path(route: Route) -> str:
    return route.path


def test_what_is_adopted_stays_as_it_is() -> None:
    """A config that was generated from an adopted spec comes to the same spec again."""
    for path in sorted(Path("fixtures/rules").glob("*/nginx/good.conf")):
        first = adopted(path, "nginx")
        if first is None:
            continue
        again = adopt(nginx_draft(written(first[0]), first[1], stated=True), ["A heading."])
        one, two = (
            {
                (route.kind, route.path.rstrip("/"), route.protocol.name, route.idle_timeout)
                for route in each.spec.routes
            }
            for each in (first[0], again)
        )
        assert one == two, path


@pytest.mark.parametrize(
    "path", sorted(Path("fixtures/rules").glob("*/nginx/good.conf"))[::5], ids=lambda path: path.parts[2]
)
def test_a_spec_of_nginx_is_a_migration_to_envoy(path: Path) -> None:
    """Generated for the other target, every route is there, and nothing in the way of it is an error."""
    result = adopted(path, "nginx")
    if result is None:
        pytest.skip("no route to carry over")
    made = generate(result[0].spec, ["envoy"])

    assert {route.name for route in result[0].spec.routes} == {name for _, name in made.aims}
    assert not [finding for finding in made.findings if finding.severity is Severity.ERROR]
