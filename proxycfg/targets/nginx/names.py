"""The names that a config makes up: short enough for nginx's hash tables, unique, and telling what they stand for."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

from proxycfg.record import record

if TYPE_CHECKING:
    from proxycfg.spec import Route, Spec

K = TypeVar("K", bound=Hashable)

_LENGTH = 18
"""Of the part that differs: with ``proxycfg_credentials_`` before it and a number behind, a variable still fits into the
default buckets of nginx's hash tables."""

Origins = tuple[str, ...]
Credential = tuple[str, str]
"""Kind and name, as the spec's ``auth`` has them; two empty texts for Authorization and cookies, which always count."""


@record(frozen=True, slots=True)
class Names:
    """What stands for what.

    :param upstreams: name in the spec → name of the block.
    :param keys: name of an upstream → the part that differs in the variables that belong to it.
    :param origins: set of web origins → the same, for what belongs to it. Routes that allow the same ones share it.
    :param stripped: prefix to remove → the same.
    :param credentials: what a cached answer must not be given to → the same.
    """

    upstreams: Mapping[str, str]
    keys: Mapping[str, str]
    origins: Mapping[Origins, str]
    stripped: Mapping[str, str]
    credentials: Mapping[Credential, str]


def names_of(spec: Spec, *, alone: bool) -> Names:
    """The names for a spec; ``alone`` says that no other site shares the http context."""
    upstreams = [upstream.name for upstream in spec.used_upstreams]
    blocks = _unique((name, name, name.lower()) for name in upstreams)
    return Names(
        upstreams=blocks if alone else {name: f"proxycfg_{block}" for name, block in blocks.items()},
        keys=_short((name, name) for name in upstreams),
        origins=_short((route.cors, route.name) for route in spec.routes if route.cors),
        stripped=_short((route.strip, route.strip) for route in spec.routes if route.strip),
        credentials=_short((of, of[1] or "any") for of in (credential(route) for route in spec.routes if route.cache)),
    )


def credential(route: Route) -> Credential:
    """What else than Authorization and cookies tells that a request is somebody's own."""
    if route.auth and route.auth.by in ("header", "query") and route.auth.name.lower() != "authorization":
        return route.auth.by, route.auth.name
    return "", ""


def _short(wanted: Iterable[tuple[K, str]]) -> dict[K, str]:
    made = (
        (key, re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")[:_LENGTH].strip("_") or "root")
        for key, stem in wanted
    )
    return _unique((key, stem, stem) for key, stem in made)


def _unique(wanted: Iterable[tuple[K, str, str]]) -> dict[K, str]:
    """Key → the name wanted for it, with a number where another key has that name; the third part is what must differ."""
    made: dict[K, str] = {}
    used: set[str] = set()
    numbers: dict[str, int] = {}
    for key, name, compared in wanted:
        if key in made:
            continue
        tried, suffix = compared, ""
        while tried in used:
            numbers[compared] = numbers.get(compared, 1) + 1
            suffix = f"_{numbers[compared]}"
            tried = compared + suffix
        used.add(tried)
        made[key] = name + suffix
    return made
