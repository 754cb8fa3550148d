"""A draft: what an existing config comes to as a spec, and what of it a spec cannot say.

Each target that reads configs drafts in a module of its own (``targets/*/draft.py``); :mod:`proxycfg.adopt` lets the loader of specs judge a
draft, and makes the file of it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from proxycfg.behavior import FOREVER, NO
from proxycfg.record import field, record, replace
from proxycfg.units import YEAR, show_duration, show_size

if TYPE_CHECKING:
    from proxycfg.protocol import Protocol
    from proxycfg.reading import Reading
    from proxycfg.source import Span
    from proxycfg.streams import Stream

MOST_BYTES = 2**50
"""The largest ``upload.max_bytes``, which is as good as no limit."""


@record(frozen=True, slots=True)
class Lost:
    """Something that is not in the spec: its place, what it was, and what to do."""

    span: Span
    what: str
    instead: str = ""

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.span}: {self.what}" + (f"; {self.instead}" if self.instead else "")

    def to_json(self) -> dict[str, object]:
        """An element of ``not_carried_over``."""
        return {"location": self.span.to_json(), "message": self.what, "instead": self.instead}


@record(frozen=True, slots=True, kw_only=True)
class DraftUpstream:
    """A group of origin servers.

    :param servers: their URLs.
    :param fields: the other fields, as the spec spells them.
    """

    name: str
    servers: tuple[str, ...]
    span: Span
    fields: Mapping[str, Any] = field(default_factory=dict)


@record(frozen=True, slots=True, kw_only=True)
class DraftRoute:
    """One route.

    :param match: ``path``, ``exact`` or ``regex``.
    :param hosts: empty for those of the spec.
    :param fields: the other fields, as the spec spells them, in the order in which they are printed.
    :param reading: what the config does to it.
    :param because: why it is taken to carry its protocol, as the end of a sentence; empty for ordinary HTTP.
    :param withheld: why it is not in force: the spec cannot say what would be missing. It is written, as a comment.
    """

    match: str
    path: str
    hosts: tuple[str, ...]
    protocol: str
    upstream: str
    fields: Mapping[str, Any]
    span: Span
    reading: Reading
    because: str = ""
    withheld: tuple[Lost, ...] = ()

    @property
    def title(self) -> str:
        """How messages name it."""
        return self.path if self.match == "path" else f"{self.match} {self.path}"

    def to_json(self) -> dict[str, object]:
        """An element of ``routes`` or ``withheld``."""
        return {"route": self.title, "protocol": self.protocol, "location": self.span.to_json()}


@record(frozen=True, slots=True, kw_only=True)
class Draft:
    """A whole spec to be.

    :param settings: ``listen``, ``trusted_proxies``, ``targets`` and ``scale``, as the spec spells them.
    :param lost: what is nowhere in it.
    """

    target: str
    settings: Mapping[str, Any]
    upstreams: tuple[DraftUpstream, ...]
    routes: tuple[DraftRoute, ...]
    lost: tuple[Lost, ...]


# ---- what every target's draft has in common ----


class Unsayable(Exception):
    """A route that a spec has no words for: why."""

    def __init__(self, lost: Lost) -> None:
        """``lost`` is told in its place."""
        super().__init__(lost.what)
        self.lost = lost


def guarded(span: Span, what: str, *, surely: bool = True) -> Lost:
    """Why a route is withheld that something guards, of which a spec knows nothing; ``surely`` where that is what it is there for."""
    says = "decides" if surely else "may decide"
    told = f"{what} {says} who gets in; without it the route is open to everybody"
    return Lost(span, told, "check it in the application, then take the route in")


def terms(protocol: Protocol, stream: Stream | None, reading: Reading) -> dict[str, Any]:
    """The fields that keep what the config allows: no limit of it becomes narrower, unless its protocol cannot live with more.

    A limit below what the protocol needs is left to its default, which is what hardening is for.
    """
    behavior, evidence = reading.behavior, reading.evidence
    made: dict[str, Any] = {}
    heartbeat = stream.heartbeat if stream else None
    if heartbeat:
        made["heartbeat"] = show_duration(heartbeat)
    patience = behavior.upstream_idle_timeout.low
    total = behavior.total_timeout.low
    stated = stream.idle_timeout if stream else None
    if not protocol.streams:
        patience = min(patience, total)
    if stated is not None:
        made["idle_timeout"] = show_duration(stated)
    elif patience > protocol.silence(heartbeat) and (
        patience != FOREVER or evidence["upstream_idle_timeout"].kind != "default"
    ):
        made["idle_timeout"] = show_duration(min(patience, YEAR))
    if (
        total != FOREVER
        and evidence["total_timeout"].kind != "default"
        and not protocol.streams
        and behavior.total_timeout.exact
    ):
        made["max_duration"] = show_duration(min(total, YEAR))
    if upload := _upload(protocol, reading):
        made["upload"] = upload
    return made


def _upload(protocol: Protocol, reading: Reading) -> dict[str, Any]:
    behavior, said = reading.behavior, reading.evidence["request_body_limit"].kind != "default"
    if protocol.body_limit is None:
        # What streams up has no end to measure.
        return {}
    if protocol.name in {"http", "ndjson"} and behavior.request_buffering == NO:
        made: dict[str, Any] = {"stream": True}
    else:
        made = {}
    limit = behavior.request_body_limit.low
    usual = FOREVER if made else protocol.body_limit
    if said and limit and limit != usual:
        size = int(min(limit, MOST_BYTES))
        made["max_bytes"] = size if size % 1024 else show_size(size)
    return made


def retried(protocol: Protocol, reading: Reading, servers: int) -> bool:
    """Whether a second server is tried today, and may be in the spec: a stream is never begun twice."""
    return not protocol.streams and reading.behavior.retries.high and servers > 1


def held(routes: Iterable[DraftRoute]) -> float:
    """The streams that the config surely holds, by its own limits, where it says how many; else 0."""
    known = (each.reading.behavior.max_streams.low for each in routes)
    return max((each for each in known if each != FOREVER), default=0.0)


def strip_for(path: str, to: str) -> str | None:
    """The prefix whose removal turns ``path`` into ``to``, as `strip_prefix` does it; empty for none, None if no removal does.

    >>> strip_for("/api/", "/")
    '/api'
    >>> strip_for("/api/v1/", "/v1/")
    '/api'
    >>> strip_for("/a/", "/b/") is None
    True
    """
    short, left = path.rstrip("/"), to.rstrip("/")
    if short == left:
        return ""
    return short[: len(short) - len(left)] if short.endswith(left) and left[:1] in {"", "/"} else None


def merged(routes: Sequence[DraftRoute]) -> tuple[list[DraftRoute], list[Lost]]:
    """Routes that say the same for several hosts as one, and those that other routes of the same hosts and path leave nothing for."""
    made: dict[str, DraftRoute] = {}
    taken: dict[tuple[str, str, str], DraftRoute] = {}
    lost: list[Lost] = []
    for route in routes:
        mine = route.hosts or ("*",)
        path = route.path.rstrip("/") if route.match == "path" else route.path
        firsts = {} if route.withheld else {host: taken.get((route.match, path, host)) for host in mine}
        hosts = tuple(host for host in mine if not firsts.get(host))
        for first in dict.fromkeys(id(each) for each in firsts.values() if each):
            other = next(each for each in firsts.values() if each and id(each) == first)
            if _content(other) != _content(route):
                lost.append(
                    Lost(
                        route.span,
                        f"{route.title} is left out: the route of {other.span} has the same path and host",
                        "a spec has one listener; write a spec of its own for the other one if they differ",
                    )
                )
        if not hosts:
            continue
        key = _content(route)
        known = made.get(key)
        made[key] = replace(known or route, hosts=tuple(dict.fromkeys((*(known.hosts if known else ()), *hosts))))
        if not route.withheld:
            taken.update({(route.match, path, host): route for host in hosts})
    return _without_halves(list(made.values())), lost


def _without_halves(routes: Sequence[DraftRoute]) -> list[DraftRoute]:
    """Without exact paths that say the same as the prefix of that name, which takes the path itself as well."""
    whole = {(route.path.rstrip("/"), route.hosts, _terms(route)) for route in routes if route.match == "path"}
    return [
        route for route in routes if route.match != "exact" or (route.path, route.hosts, _terms(route)) not in whole
    ]


def _content(route: DraftRoute) -> str:
    return json.dumps([route.match, route.path, _terms(route)])


def _terms(route: DraftRoute) -> str:
    why = [each.what for each in route.withheld]
    return json.dumps([route.protocol, route.upstream, route.fields, why], sort_keys=True)


_NAMED = re.compile(r"[^A-Za-z0-9]+")


class Namer:
    """Names for upstreams, each once."""

    def __init__(self) -> None:
        """None is taken yet."""
        self._taken: set[str] = set()

    def name(self, wish: str) -> str:
        """The name that is wished for, as far as a spec can have it, with a number behind it where it is taken."""
        stem = _NAMED.sub("-", wish).strip("-")[:50] or "origin"
        if stem[0].isdigit():
            stem = f"origin-{stem}"
        name, number = stem, 1
        while name in self._taken:
            number += 1
            name = f"{stem}-{number}"
        self._taken.add(name)
        return name
