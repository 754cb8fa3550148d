"""Streamed uploads arrive empty.

**What it sees.** `disableChunkedEncoding: true` in an ingress rule, or for all of a tunnel.

**Why it hurts.** The request's body is given the length that the client stated. One of no stated length, as client streams and chunked uploads
have none, arrives empty or cut.

**Instead.** Leave the option out.

**When it is fine.** If an origin of WSGI understands no chunks, and no client sends any.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/>, `proxy/proxy.go` of cloudflared
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("tunnel", category=Category.REQUEST_BUFFERING, severity=Severity.WARNING, targets=("cloudflare",))
def tunnel_uploads_unchunked(tree: CloudflareTree) -> Iterator[Complaint]:
    """The option, where it is on."""
    for tunnel in tree.config.tunnels:
        told: set[Span] = set()
        for rule in tunnel.rules:
            said = rule.option("disableChunkedEncoding", "disable_chunked_encoding")
            if said is not None and said.flag() and said.span not in told:
                told.add(said.span)
                yield Complaint(
                    message=f"bodies of no stated length do not reach the origin of {rule.title}",
                    why="Client streams and chunked uploads arrive empty or cut. Leave the option out.",
                    span=said.span,
                    fix=tree.fixer.write(said, False, safe=rule.owns(said)),
                )
