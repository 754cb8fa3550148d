"""Calls of gRPC are sent to an origin in clear text.

**What it sees.** A route that carries gRPC where `ssl` is `off` or `flexible`, for the zone or by a configuration rule.

**Why it hurts.** Cloudflare speaks HTTP/2 to origins over TLS alone: calls fail before they reach one.

**Instead.** `ssl` `full` or `strict`, and an origin that offers `h2` on port 443.

**When it is fine.** If the calls are gRPC-Web, which goes over HTTP/1.1: `# proxycfg: protocol=grpc-web`.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/network/grpc-connections/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom(category=Category.GRPC_TRANSPORT, severity=Severity.ERROR, targets=("cloudflare",))
def grpc_to_plain_origin(tree: CloudflareTree) -> Iterator[Complaint]:
    """The mode, for each route of gRPC."""
    for case in tree.cases:
        said = case.route.reading.evidence["grpc"]
        if case.protocol == "grpc" and said.span is not None and not case.value("grpc").high:
            yield Complaint(
                message=f"calls of {case.title} cannot reach their origin: {said.text}",
                why="Cloudflare speaks HTTP/2 to origins over TLS alone. Write `full` or `strict`.",
                span=said.span,
                case=case,
            )
