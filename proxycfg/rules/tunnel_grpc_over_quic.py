"""Calls of gRPC lose their trailers in the tunnel.

**What it sees.** An ingress rule with `http2Origin: true`, which gRPC alone needs, and a service of `https://`, in a config.yml without
`protocol: http2`. To cleartext cloudflared speaks HTTP/1.1, whatever the option says.

**Why it hurts.** QUIC, which cloudflared takes first, drops trailers: every call ends with `server closed the stream without sending trailers`.

**Instead.** `protocol: http2`, a service of `https://` and `http2Origin: true`. Cloudflare supports gRPC through tunnels only by private
networks.

**When it is fine.** If the origin speaks plain HTTP/2 alone and no gRPC.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** `connection/quic_connection.go` of cloudflared, <https://developers.cloudflare.com/network/grpc-connections/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Fix, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.ingress import Tunnel
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("tunnel", category=Category.GRPC_TRANSPORT, severity=Severity.WARNING, targets=("cloudflare",))
def tunnel_grpc_over_quic(tree: CloudflareTree) -> Iterator[Complaint]:
    """Rules for gRPC, and the protocol of the tunnel."""
    for tunnel in tree.config.tunnels:
        protocol = tunnel.protocol
        if not tunnel.span.file.endswith((".yml", ".yaml")) or (
            protocol is not None and protocol.text() != "quic" and protocol.text() != "auto"
        ):
            continue
        for rule in tunnel.rules:
            said = rule.option("http2Origin", "http2_origin")
            # To an origin in cleartext cloudflared speaks HTTP/1.1, whatever the option says.
            if said is not None and said.flag() and (rule.service or "").startswith("https://"):
                yield Complaint(
                    message=f"calls of gRPC to {rule.title} lose their trailers: protocol {protocol.text() if protocol else 'auto'}",
                    why="QUIC drops trailers, in which the status of a call is. Write `protocol: http2`.",
                    span=protocol.span if protocol is not None else said.span,
                    fix=_fix(tree, tunnel),
                )


def _fix(tree: CloudflareTree, tunnel: Tunnel) -> Fix | None:
    if tunnel.protocol is not None:
        return tree.fixer.write(tunnel.protocol, "http2", safe=False)
    return tree.fixer.line_above(tunnel.start, "protocol: http2", safe=False)
