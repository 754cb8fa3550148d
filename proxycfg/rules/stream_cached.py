"""A stream may be stored, and replayed to somebody else.

**What it sees.** A route that streams, with buffering on and `proxy_cache` (or `proxy_store`) in force, where nothing keeps its answers out of the
cache; on Envoy a `cache` filter that is on for it; at Cloudflare a route that is eligible for the cache, by the last cache rule that matches, or
by the Page Rule that does.

**Why it hurts.** What one client was told is kept, and given whole and at once to the next. Until then a second subscriber waits for the lock of
the cache, and nginx goes on reading for the cache after the client has left. With `proxy_ignore_headers Cache-Control` an application cannot even
forbid it.

**Instead.**

```nginx
proxy_cache off;
```

At Cloudflare a last cache rule for its path, with `cache = false`.

**When it is fine.** If the application sends `Cache-Control: no-cache` or `no-store` with every stream and nothing ignores that, which the linter
cannot see: a warning then.

**Measured.** Streams without `Cache-Control` were stored and replayed on 1.22, 1.26 and 1.30; unbuffered ones never were. Its configs show it in
`tests/containers/test_rule_fixtures.py`, those of Envoy in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_cache>, `src/http/ngx_http_upstream.c`
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule("caching", category=Category.CACHING, severity=Severity.ERROR, targets=("nginx", "envoy", "cloudflare"))
def stream_cached(case: Case) -> Iterator[Complaint]:
    """A cache, or a store, that takes the route's answers."""
    short = case.shortfalls["caching"]
    if short.wanted.low:
        # Polls are to be answered from a cache.
        return
    yield Complaint(
        severity=Severity.ERROR if short.sure and case.value("response_buffering").low else Severity.WARNING,
        message=f"answers of {case.title} can be stored: {short.evidence.text}",
        why=short.because("The next client is given the whole of an earlier stream at once."),
        span=short.span,
        wishes=("caching",),
    )
