"""Which requests are a route's, as expressions of the Rules language.

Rules of a phase do not exclude each other: each one that matches takes effect. A spec's routes do: an exact path comes before regular
expressions, these before prefixes, the longer prefix before the shorter. So the expression of a set of routes names those of the others
that come before them, and takes their requests out; whatever the order of the rules, each request then meets what its route asks for.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from proxycfg.spec import coverers, precedence
from proxycfg.targets.cloudflare import facts, quote
from proxycfg.targets.cloudflare.rules_language import HOST, PATH

if TYPE_CHECKING:
    from proxycfg.spec import Route, Spec

_META = re.compile(r"[\\^$.|?*+()\[\]{}]")


class Places:
    """The routes of a spec as a plan's expressions can tell them apart.

    :param regexes: whether the plan's expressions have regular expressions; without them a route that is one has no expression.
    :param hosts: whether they can ask for the host.
    """

    def __init__(self, spec: Spec, *, regexes: bool, hosts: bool = True) -> None:
        self._regexes = regexes
        self._hosts = hosts
        told = [route for route in spec.routes if self.told(route)]
        self._patterns = [route for route in told if route.kind == "regex"]
        self._by_path: dict[tuple[str, str], list[Route]] = {}
        for route in told:
            self._by_path.setdefault((route.kind, _bare(route)), []).append(route)
        self._plain = sorted(
            ((_bare(route), route.index, route) for route in told if route.kind != "regex"), key=lambda row: row[:2]
        )

    def told(self, route: Route) -> bool:
        """Whether an expression can name the route."""
        return self._regexes or route.kind != "regex"

    def expressions(self, routes: Iterable[Route], also: str = "") -> Iterator[str]:
        """Expressions that together match the requests of these routes, and of no other; as few as their greatest length allows.

        :param also: what else must hold of the request; it comes without parentheses around it.
        """
        chosen = {route.index: route for route in routes if self.told(route)}
        found = [(route, list(self._parts(route, chosen))) for route in chosen.values()]
        wide: dict[str, list[Route]] = {}
        for route, parts in found:
            if route.kind == "prefix" and parts == [(self._host(route.hosts), _path(route))]:
                wide.setdefault(_bare(route), []).append(route)
        parts = [part for route, its in found for part in its if not _below(route, wide)]
        behind = f" and {also}" if also else ""
        for host, same in groupby(sorted(parts, key=lambda part: part[0]), key=lambda part: part[0]):
            yield from _joined(host, [path for _, path in same], behind)

    def _parts(self, route: Route, chosen: dict[int, Route]) -> Iterator[tuple[str, str]]:
        """Condition on the host and condition on the path, either empty where anything will do; one pair for each set of hosts."""
        # Which of two equal regular expressions a host has decides what else comes before it.
        rivals = [other for other in self._alike(route) if route.kind == "regex" or other.index not in chosen]
        above = [other for other in self._before(route) if other.index not in chosen]
        unwanted = [self._whole(other, route) for other in above]
        path = _path(route)
        if unwanted:
            nots = f"not ({' or '.join(unwanted)})"
            path = f"{_in_parentheses(path)} and {nots}" if path else nots
        for host in self._hosts_of(route, rivals):
            yield host, path

    def _hosts_of(self, route: Route, rivals: Iterable[Route]) -> Iterator[str]:
        """Conditions on the host, one of which holds where none of the rivals has a more specific one."""
        by_exclusion: dict[tuple[str, ...], list[str]] = {}
        for pattern in route.hosts:
            taken = (host for other in rivals for host in other.hosts if host != pattern and pattern in coverers(host))
            by_exclusion.setdefault(tuple(dict.fromkeys(taken)), []).append(pattern)
        for excluded, patterns in by_exclusion.items():
            host = self._host(patterns)
            but = f"not {_in_parentheses(self._host(excluded))}" if excluded and self._hosts else ""
            yield " and ".join(part for part in (_in_parentheses(host) if but else host, but) if part)

    def _alike(self, route: Route) -> Iterator[Route]:
        """Routes of the same path, for other hosts."""
        same = self._by_path[route.kind, _bare(route)]
        return (other for other in same if other is not route and _share_hosts(other, route))

    def _before(self, route: Route) -> Iterator[Route]:
        """The routes of other paths that take a request which also matches this one."""
        base = _bare(route)
        for other in self._patterns:
            before = precedence(other) < precedence(route) and not _same_path(other, route) and _may_meet(other, route)
            if before and _share_hosts(other, route):
                yield other
        # What is below a path stands together: `0` comes next after `/`.
        ranges = [(base, f"{base}\0")]
        if route.kind == "prefix":
            ranges.append((f"{base}/", f"{base}0"))
        elif route.kind == "regex":
            ranges = [("", "\U0010ffff")]
        for low, high in ranges:
            for at in range(bisect_left(self._plain, (low,)), len(self._plain)):
                path, _, other = self._plain[at]
                if path >= high:
                    break
                if (
                    precedence(other) < precedence(route)
                    and not _same_path(other, route)
                    and _share_hosts(other, route)
                ):
                    yield other

    def _whole(self, other: Route, route: Route) -> str:
        """The requests of another route, among those for the hosts of this one, as an operand of ``or``."""
        rivals = list(self._alike(other)) if other.kind == "regex" else []
        hosts = list(self._hosts_of(other, rivals))
        anywhere = "" in hosts or (_covers_hosts(other, route) and not rivals)
        host = "" if anywhere else " or ".join(map(_in_parentheses, hosts))
        both = [_in_parentheses(part) for part in (host, _path(other)) if part]
        return " and ".join(both) if len(both) > 1 else (_path(other) or host or "true")

    def _host(self, patterns: Iterable[str]) -> str:
        patterns = tuple(patterns)
        if "*" in patterns or not self._hosts:
            return ""
        names = tuple(pattern for pattern in patterns if not pattern.startswith("*."))
        ends = [f"ends_with({HOST}, {quote.text(pattern[1:])})" for pattern in patterns if pattern.startswith("*.")]
        return " or ".join([*([f"{HOST} {quote.one_of(names)}"] if names else []), *ends])


def _bare(route: Route) -> str:
    return route.path.rstrip("/") if route.kind == "prefix" else route.path


def _may_meet(regex: Route, route: Route) -> bool:
    """Whether the letters that a regular expression begins with leave room for paths of the route."""
    # A character before a repeat may be absent.
    begins = "" if "|" in regex.path else _META.split(regex.path, maxsplit=1)[0][:-1]
    bare = _bare(route)
    return route.kind == "regex" or begins.startswith(bare) or f"{bare}/".startswith(begins)


def _same_path(one: Route, other: Route) -> bool:
    return one.kind == other.kind and _bare(one) == _bare(other)


def _path(route: Route) -> str:
    """The condition on the path; empty where any will do."""
    if route.kind == "regex":
        return f"{PATH} matches {quote.raw(rf'^(?:{route.path})$')}"
    if not (bare := _bare(route)):
        return ""
    itself = f"{PATH} {quote.one_of(quote.paths(bare))}"
    if route.kind == "exact":
        return itself
    below = (f"starts_with({PATH}, {quote.text(form)})" for form in quote.paths(f"{bare}/"))
    return " or ".join([itself, *below])


def _covers_hosts(wider: Route, route: Route) -> bool:
    """Whether every host of a route is one of the other's, too."""
    return wider.hosts == route.hosts or "*" in wider.hosts or set(route.hosts) <= set(wider.hosts)


def _below(route: Route, wide: Mapping[str, Sequence[Route]]) -> bool:
    """Whether a prefix that nothing is taken out of, for the route's hosts at least, has all that the route has."""
    if not wide:
        return False
    place = "" if route.kind == "regex" else _bare(route)
    while True:
        if any(other is not route and _covers_hosts(other, route) for other in wide.get(place, ())):
            return True
        if not place:
            return False
        place = place.rpartition("/")[0]


def _share_hosts(one: Route, other: Route) -> bool:
    """Whether a request may be for both, as far as its host goes."""
    if one.hosts == other.hosts or "*" in one.hosts or "*" in other.hosts:
        return True
    ours, theirs = set(one.hosts), set(other.hosts)
    return any(wider in theirs for host in ours for wider in coverers(host)) or any(
        wider in ours for host in theirs for wider in coverers(host)
    )


def _in_parentheses(text: str) -> str:
    return f"({text})" if " or " in text else text


def _joined(host: str, paths: list[str], behind: str) -> Iterator[str]:
    """Expressions that hold for the host and one of the paths, each as long as may be."""
    if "" in paths:
        # Any path will do, so the others say nothing.
        paths = [""]
    frame = len(_whole(host, "", behind))
    held: list[str] = []
    for path in paths:
        if held and frame + sum(map(len, held)) + len(" or ") * len(held) + len(path) > facts.LONGEST_EXPRESSION:
            yield _whole(host, " or ".join(held), behind)
            held = []
        held.append(path)
    yield _whole(host, " or ".join(held), behind)


def _whole(host: str, path: str, behind: str) -> str:
    both = [part for part in (host, path) if part]
    if len(both) == 1 and not behind:
        return both[0]
    return " and ".join(map(_in_parentheses, both)) + behind if both else behind.removeprefix(" and ") or "true"
