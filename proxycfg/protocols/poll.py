"""Polling: short requests at an interval, best answered from a shared cache of a second or so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.behavior import YES
from proxycfg.finding import Category
from proxycfg.protocol import Protocol, Want
from proxycfg.protocols._wants import honest_endings

if TYPE_CHECKING:
    from proxycfg.spec import Terms


def wants(route: Terms) -> dict[str, Want]:
    """A shared answer for the cache time; the origin's errors untouched."""
    needs = {"error_interception": honest_endings()["error_interception"]}
    if route.cache:
        needs["caching"] = Want(YES, Category.CACHING, "every poll of every client reaches the origin")
    return needs


PROTOCOL = Protocol(
    name="poll",
    summary="polling: short requests at an interval, answered from a short shared cache",
    streams=False,
    wants=wants,
    idle_timeout=60.0,
    methods=("GET", "HEAD"),
    sources=("https://www.rfc-editor.org/rfc/rfc9111",),
)
