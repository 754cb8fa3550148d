"""A route before it takes all requests of a stream.

**What it sees.** A route of Envoy that streams, behind one of the same virtual host that takes every request of its: a shorter prefix, or the same
path, without further conditions.

**Why it hurts.** Envoy takes the first route that matches, not the longest. The settings of the stream are never used: its requests have the other
route's timeout, cluster and filters.

**Instead.** Move the route in front of the one that covers it.

**When it is fine.** Never: the route might as well not be there.

**Measured.** The stream of a covered route ended up at the route before it on Envoy 1.40. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/route/v3/route_components.proto>
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.targets.envoy.tree import snake

if TYPE_CHECKING:
    from proxycfg.targets.envoy.routes import Route
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.LOCATION_SHADOWED, severity=Severity.ERROR, targets=("envoy",))
def stream_route_shadowed(tree: EnvoyTree) -> Iterator[Complaint]:
    """A route that no request reaches."""
    covers: dict[int, _Covers] = {}
    for case in tree.cases:
        route: Route = case.subject
        key = route.host.message.key
        if key not in covers:
            covers[key] = _Covers(route.host.routes)
        first = covers[key].of(route)
        if first is None:
            continue
        yield Complaint(
            message=f"{case.title} is never reached: {first.title} takes its requests first",
            why="Envoy takes the first route that matches, however short its prefix. Move this one in front of it.",
            span=route.message.span,
            related=(Related(first.message.span, "takes them"),),
            case=case,
        )


_PATHS = frozenset(("prefix", "path", "path_separated_prefix", "case_sensitive"))


class _Covers:
    """The routes of a virtual host that have no condition but their path, by it: of each path the first."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.known: dict[str, dict[str, Route]] = {"prefix": {}, "segments": {}, "exact": {}}
        for route in routes:
            if (
                route.kind in self.known
                and all(snake(name) in _PATHS for name, _ in route.match.items())
                and _exactly(route)
            ):
                self.known[route.kind].setdefault(route.path, route)
        self.lengths = sorted({len(path) for path in self.known["prefix"]})

    def of(self, route: Route) -> Route | None:
        """The one that takes all requests of another before it; None if none does."""
        if route.kind not in self.known or not _exactly(route):
            return None
        prefixes, segments, exact = self.known.values()
        found = [prefixes.get(route.path[:length]) for length in self.lengths if length <= len(route.path)]
        found += [segments.get(route.path[:at]) for at, char in enumerate(route.path) if char == "/"]
        found += [segments.get(route.path)] if route.kind != "prefix" else []
        found += [exact.get(route.path)] if route.kind == "exact" else []
        before = [each for each in found if each is not None and each.index < route.index]
        return min(before, key=lambda each: each.index, default=None)


def _exactly(route: Route) -> bool:
    return route.match.flag("case_sensitive") is not False
