"""A request that is tried on a config, and where it ends: in the terms of any proxy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from proxycfg.behavior import Behavior
from proxycfg.lab.bench import Ask
from proxycfg.reading import ReadRoute


@dataclass(frozen=True)
class End:
    """Where a request ends: a place, whether an origin answers, and what the proxy answers else.

    :param straight: whether it went there without a detour.
    :param error: whether it came as an error, whose status it then keeps.
    """

    place: str
    proxied: bool
    answer: str
    straight: bool
    error: bool = False


class Prediction(Protocol):
    """proxycfg's reading of one config for one version."""

    @property
    def routes(self) -> Mapping[str, ReadRoute]:
        """The routes that hand requests to an origin, by place."""

    def follow(self, ask: Ask) -> End:
        """Where a request ends."""

    def route(self, ask: Ask) -> str:
        """The place of the route in which a request ends; empty if no origin answers it."""

    def behavior(self, place: str) -> Behavior:
        """Of a route."""


PATHS = (
    "/api/v1/stream",
    "/x/app.js",
    "/ws/events",
    "/events",
    "/chat/room",
    "/some.json",
    "/app/",
    "/UPPER",
    "/old/thing",
    "/x/",
)
"""For patterns: each is taken by one that the generators write."""
