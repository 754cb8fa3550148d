"""What Cloudflare cannot keep of a spec is told, at its place: nothing is written for it yet, and nothing dropped in silence."""

from __future__ import annotations

import pytest

from proxycfg.targets.cloudflare.lacks import lacks
from tests.specs import load

FREE = "targets: {cloudflare: {plan: free}}"


def _told(about: str, route: str) -> list[tuple[str, str]]:
    """The findings about a route, each with the words at its place."""
    text = f"{about}\nupstreams: {{a: http://10.0.0.1:1}}\nroutes: [{{path: /x, upstream: a, {route}}}]\n"
    lines = text.splitlines()
    spans = [(finding.rule, finding.span) for finding in lacks(load(text))]
    return [(rule, lines[span.line - 1][span.column - 1 : span.end_column - 1]) for rule, span in spans]


@pytest.mark.parametrize(
    ("about", "words"),
    [
        (FREE, "{plan: free}"),
        ("chain: [cloudflare, nginx]", "cloudflare"),
        ("chain: [{cloudflare: {plan: pro}}, nginx]", "{plan: pro}"),
    ],
)
def test_that_nothing_is_written_is_told_where_cloudflare_is_named(about: str, words: str) -> None:
    """As a target or as a hop."""
    ((rule, found),) = _told(about, "protocol: sse, heartbeat: 15s")

    assert (rule, words in found) == ("cloudflare-not-written", True)


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
    assert _told(FREE, route)[1:] == [("silence-beyond-plan", words)]


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
    assert [rule for rule, _ in _told(about, route)] == ["cloudflare-not-written"]


def test_a_spec_without_cloudflare_has_nothing_of_it() -> None:
    """Its limits are its own."""
    assert _told("version: 1", "protocol: sse") == []
