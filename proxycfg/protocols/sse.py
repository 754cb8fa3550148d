"""Server-sent events: one response, never finished, of small text messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.protocol import Protocol, Want
from proxycfg.protocols._wants import honest_endings, prompt_delivery, streams_upload, survives_silence

if TYPE_CHECKING:
    from proxycfg.spec import Terms


def wants(route: Terms) -> dict[str, Want]:
    """Events at once, silence allowed, no page in the stream."""
    return {**prompt_delivery(), **survives_silence(route), **honest_endings(), **streams_upload(route)}


PROTOCOL = Protocol(
    name="sse",
    summary="server-sent events (EventSource, or a streamed POST as LLM APIs use it)",
    streams=True,
    wants=wants,
    content_types=("text/event-stream",),
    # An EventSource sends GET, LLM SDKs POST a prompt.
    methods=("GET", "POST"),
    sources=("https://html.spec.whatwg.org/multipage/server-sent-events.html",),
)
