"""A page of nginx's takes the place of the application's error.

**What it sees.** A route that streams, `proxy_intercept_errors on`, and an `error_page` for some error code; on Envoy a `custom_response` filter,
as a note.

**Why it hurts.** Clients of streams read errors: the JSON of an LLM API, the code of a Connect call, the 401 of a handshake. They find HTML
instead, and often another status; an `error_page` that names a path also turns a POST into a GET.

**Instead.**

```nginx
proxy_intercept_errors off;
```

**When it is fine.** If the page has the type and the shape that clients of the route expect.

**Measured.** Generated configs pass such errors through, stock ones with this setting replace them: `tests/containers/`. Its configs show it in
`tests/containers/test_rule_fixtures.py`.
Not shown on Envoy: what a `custom_response` answers hangs on matchers that are not read.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_intercept_errors>, `src/http/ngx_http_special_response.c`
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule(
    "error_interception", category=Category.ERROR_PAGE_INJECTION, severity=Severity.WARNING, targets=("nginx", "envoy")
)
def error_page_in_stream(case: Case) -> Iterator[Complaint]:
    """Errors of the origin that clients never see."""
    short = case.shortfalls["error_interception"]
    yield Complaint(
        severity=Severity.WARNING if short.sure and not case.stream.mixed else Severity.INFO,
        message=f"errors of the origin behind {case.title} {short.will} be replaced by a page: {short.evidence.text}",
        why=short.because("Clients expect the application's own answer and find another body."),
        span=short.span,
        wishes=("error_interception",),
    )
