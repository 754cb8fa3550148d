"""A compressor collects a stream.

**What it sees.** `gzip on` (or brotli, zstd) with a list of types that takes in the stream's, `*` above all; at Cloudflare a compression rule
that is the last to match, with an algorithm.

**Why it hurts.** A compressor hands out a block when it has one. Of a buffered stream nothing arrives until then, or until the end: an error. With
`proxy_buffering off` gzip is flushed at every read, and costs only memory (some 264 KiB a stream) and time: worth knowing. gRPC, gRPC-Web and
Connect break: their messages are framed, and a client that finds them compressed as a whole cannot read them.

**Instead.** `gzip off;` in the location, or a `gzip_types` that names what gains by it. At Cloudflare a last compression rule for its path, with
`algorithms = [{ name = "none" }]`.

**When it is fine.** For unbuffered event streams, if memory does not matter.

**Measured.** `tests/containers/`: gzip on a buffered stream, of which nothing arrives. Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_gzip_module.html>, `src/http/modules/ngx_http_gzip_filter_module.c`
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, Shortfall, route_rule

_FRAMED = frozenset({"grpc", "grpc-web", "connect"})


@route_rule("compression", category=Category.COMPRESSION, severity=Severity.ERROR, targets=("nginx", "cloudflare"))
def stream_compressed(case: Case) -> Iterator[Complaint]:
    """A compressor that takes the stream's type."""
    short = case.shortfalls["compression"]
    yield Complaint(
        severity=_severity(case, short),
        message=f"{case.title} {short.will} be compressed: {short.evidence.text}",
        why=short.because(short.why[0].upper() + short.why[1:] + "."),
        span=short.span,
        wishes=("compression",),
    )


def _severity(case: Case, short: Shortfall) -> Severity:
    buffered = case.value("response_buffering")
    if case.protocol in _FRAMED or buffered.low:
        return Severity.ERROR if short.sure else Severity.WARNING
    return Severity.WARNING if buffered.high and short.sure else Severity.INFO
