"""Newline-delimited JSON, and any other download whose pieces matter when they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.protocol import Protocol, Want
from proxycfg.protocols._wants import honest_endings, prompt_delivery, streams_upload, survives_silence

if TYPE_CHECKING:
    from proxycfg.spec import Terms


def wants(route: Terms) -> dict[str, Want]:
    """Lines at once, silence allowed, no page in the stream."""
    return {**prompt_delivery(), **survives_silence(route), **honest_endings(), **streams_upload(route)}


PROTOCOL = Protocol(
    name="ndjson",
    summary="newline-delimited JSON, or any chunked download",
    streams=True,
    wants=wants,
    content_types=("application/x-ndjson", "application/jsonl", "application/json-seq"),
    methods=("GET", "POST"),
    sources=(
        "https://github.com/ndjson/ndjson-spec",
        "https://www.rfc-editor.org/rfc/rfc9112#name-chunked-transfer-coding",
    ),
)
