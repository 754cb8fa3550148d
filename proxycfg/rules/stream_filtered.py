"""A filter holds parts of a stream back.

**What it sees.** A stream that is not buffered, and in force for its type: a `sub_filter` whose text may begin at the end of a message,
`add_before_body`, an image or XSLT filter, a WAF or a script that sees bodies; on Envoy a `compressor` with zstd.

**Why it hurts.** A filter that looks for a text keeps what might be its beginning until the next message proves otherwise; one that wants whole
documents keeps everything. A WAF with access to answers waits for its limit. Scripts do what they do: those are notes. zstd is
not flushed before the end.

**Instead.** Keep the filter out of the location, or out of its type; on Envoy, switch it off in the route.

**When it is fine.** If the filter lets pieces through as they come.

**Measured.** With a `sub_filter` that begins like the end of an event, each event ended with the next one (1.22, 1.26, 1.30). Its configs show it
in `tests/containers/test_rule_fixtures.py`, those of Envoy in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_sub_module.html#sub_filter>, <https://github.com/corazawaf/coraza-nginx/issues/81>,
<https://github.com/openresty/lua-nginx-module/issues/817>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule

_WAF = ("modsecurity", "ModSecurity", "coraza")


@route_rule("stalls_on", category=Category.RESPONSE_BUFFERING, severity=Severity.ERROR, targets=("nginx", "envoy"))
def stream_filtered(case: Case) -> Iterator[Complaint]:
    """What delays a stream although nothing buffers it."""
    short = case.shortfalls["stalls_on"]
    if case.value("response_buffering").high or short.evidence.span is None:
        return
    severity = (
        Severity.ERROR
        if short.sure
        else Severity.WARNING
        if short.evidence.text.startswith(("sub_filter", *_WAF))
        else Severity.INFO
    )
    yield Complaint(
        severity=severity,
        message=f"parts of {case.title} {short.will} be held back by a filter: {short.evidence.text}",
        why=short.because("It keeps what might be the beginning of something, or the whole."),
        span=short.span,
    )
