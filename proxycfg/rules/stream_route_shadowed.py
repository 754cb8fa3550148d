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

from collections.abc import Iterator
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
    for case in tree.cases:
        route: Route = case.subject
        covers = next((each for each in route.host.routes[: route.index] if _covers(each, route)), None)
        if covers is None:
            continue
        yield Complaint(
            message=f"{case.title} is never reached: {covers.title} takes its requests first",
            why="Envoy takes the first route that matches, however short its prefix. Move this one in front of it.",
            span=route.message.span,
            related=(Related(covers.message.span, "takes them"),),
            case=case,
        )


_PATHS = frozenset(("prefix", "path", "path_separated_prefix", "case_sensitive"))


def _covers(first: Route, route: Route) -> bool:
    """Whether a route takes all that another one does, and more by no condition but its path."""
    if any(snake(name) not in _PATHS for name, _ in first.match.items()):
        return False
    if first.match.flag("case_sensitive") is False or route.match.flag("case_sensitive") is False:
        return False
    if first.kind == "prefix":
        return route.kind in {"prefix", "exact", "segments"} and route.path.startswith(first.path)
    if first.kind == "segments":
        below = route.path.startswith(f"{first.path}/")
        return (below and route.kind in {"prefix", "exact", "segments"}) or (
            route.kind == "segments" and route.path == first.path
        )
    return first.kind == "exact" and route.kind == "exact" and route.path == first.path
