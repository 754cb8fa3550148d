"""What writing for Cloudflare costs: a little more for each route, and no more than that."""

from __future__ import annotations

from proxycfg.generate import generate
from proxycfg.spec import Spec
from tests.specs import load
from tests.work import calls


def _spec(routes: int) -> Spec:
    """Streams among others, each below another one, on Enterprise, which has all the rules."""
    lines = (
        f"- {{path: /r{n}{'/x' * (n % 3)}, upstream: a, protocol: {'sse' if n % 2 else 'http'}, heartbeat: 15s, methods: [GET]}}\n"
        for n in range(routes)
    )
    text = "targets: {cloudflare: {plan: enterprise, tunnel: true}}\nhosts: [a.example.com, b.example.com]\nupstreams: {a: https://a.example.com}\n"
    return load(f"{text}routes:\n{''.join(lines)}")


def test_twice_the_routes_are_twice_the_work() -> None:
    """Counted in calls."""
    small, large = (_spec(routes) for routes in (500, 1000))
    generate(small, ["cloudflare"])

    assert calls(lambda: generate(large, ["cloudflare"])) < 2.2 * calls(lambda: generate(small, ["cloudflare"]))
