"""What to write at Cloudflare for a property to be as a route needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxycfg.rule import Case

_WORDS = {
    "response_buffering": 'Write `value = "off"` for it.',
    "request_buffering": 'Write `request_body_buffering = "none"` in a configuration rule for its path.',
    "compression": 'Write a last compression rule for its path with `algorithms = [{ name = "none" }]`.',
    "caching": "Write a last cache rule for its path with `cache = false`.",
    "error_interception": "Write `origin_error_page_pass_thru`, which Enterprise has.",
    "request_body_limit": "Send less at once; only Enterprise can raise it, by `max_upload`.",
}


def words(_case: Case, name: str) -> str:
    """A sentence; empty for what no setting there changes."""
    return _WORDS.get(name, "")
