"""The tunnel takes a service for raw TCP.

**What it sees.** An ingress rule whose service has a scheme that cloudflared does not know as HTTP: `h2c://`, `grpc://`, `grpcs://` and the like.

**Why it hurts.** Any such scheme is raw TCP inside of a WebSocket: clients get 200 with an empty body, and the origin gets no request.

**Instead.** `https://`, with `http2Origin: true` for gRPC and TLS at the origin.

**When it is fine.** If raw TCP is meant: write `tcp://`.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/>, `ingress/ingress.go` and `isHTTPService`
of cloudflared
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

_KNOWN = frozenset(("http", "https", "ws", "wss", "unix", "tcp", "ssh", "rdp", "smb"))

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("tunnel", category=Category.PROTOCOL_MISMATCH, severity=Severity.ERROR, targets=("cloudflare",))
def tunnel_to_raw_tcp(tree: CloudflareTree) -> Iterator[Complaint]:
    """The scheme of each service."""
    for tunnel in tree.config.tunnels:
        for rule in tunnel.rules:
            scheme, colon, _ = (rule.service or "").partition("://")
            if colon and scheme not in _KNOWN:
                yield Complaint(
                    message=f"{rule.title} goes to {scheme}://, which cloudflared takes for raw TCP",
                    why="The origin gets no request, and clients an empty answer. Write `https://`, and `http2Origin: true` for gRPC.",
                    span=rule.place,
                )
