"""Ordinary HTTP: request, answer, done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.protocol import Protocol, Want
from proxycfg.protocols._wants import honest_endings, streams_upload

if TYPE_CHECKING:
    from proxycfg.spec import Terms


def wants(route: Terms) -> dict[str, Want]:
    """The origin's own errors reach the client; uploads stream where the route says so."""
    return {**honest_endings(), **streams_upload(route)}


PROTOCOL = Protocol(
    name="http",
    summary="ordinary HTTP requests",
    streams=False,
    wants=wants,
    idle_timeout=60.0,
    methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
    sources=("https://www.rfc-editor.org/rfc/rfc9110",),
)
