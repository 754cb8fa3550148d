"""What is written for Cloudflare, plan by plan; and that what a plan cannot do is told, at its place."""

from __future__ import annotations

import pytest

from proxycfg.generate import generate
from tests.specs import load

FREE = "targets: {cloudflare: {plan: free}}"


def _told(about: str, route: str, upstream: str = "https://origin.example.com") -> list[tuple[str, str]]:
    """The findings about a route, each with the words at its place."""
    text = f"{about}\nupstreams: {{a: {upstream}}}\nroutes: [{{path: /x, upstream: a, {route}}}]\n"
    lines = text.splitlines()
    spans = [(finding.rule, finding.span) for finding in generate(load(text), ["cloudflare"]).findings]
    return [(rule, lines[span.line - 1][span.column - 1 : span.end_column - 1]) for rule, span in spans]


@pytest.mark.parametrize(
    ("route", "words"),
    [
        ("protocol: sse, idle_timeout: 300s", "300s"), ("protocol: sse, heartbeat: 2m", "2m"),
        # Heartbeats are heard, and yet a longer silence is asked for.
        ("protocol: sse, heartbeat: 30s, idle_timeout: 300s", "300s"), ("protocol: long-poll, idle_timeout: 100s", "100s"),
        ("protocol: http, idle_timeout: 5m", "5m"), ("protocol: websocket", "{path: /x, upstream: a, protocol: websocket}"),
    ],
)  # fmt: skip
def test_a_silence_beyond_the_plan_is_told_at_its_place(route: str, words: str) -> None:
    """Below Enterprise the edge waits for 100 s: the heartbeat, the timeout, or the route that has its protocol's default."""
    assert _told(FREE, route) == [("silence-beyond-plan", words)]


@pytest.mark.parametrize(
    ("about", "route"),
    [
        (FREE, "protocol: sse, heartbeat: 30s"), (FREE, "protocol: sse, heartbeat: 90s"), (FREE, "protocol: sse, idle_timeout: 99s"),
        (FREE, "protocol: http"), (FREE, "protocol: poll"),
        ("targets: {cloudflare: {plan: enterprise}}", "protocol: sse, idle_timeout: 300s"),
    ],
)  # fmt: skip
def test_a_silence_within_the_plan_is_not_told(about: str, route: str) -> None:
    """Enterprise may raise the limit to 6000 s."""
    assert _told(about, route) == []
