"""Nobody translates gRPC-Web.

**What it sees.** A route that is declared to carry gRPC-Web, or Connect, with a `grpc_pass`.

**Why it hurts.** gRPC-Web has its trailers in the body. nginx passes both as they are, and a plain gRPC server refuses the content type, or the
browser finds no status.

**Instead.** A `proxy_pass` to a server that speaks gRPC-Web or Connect itself, or to Envoy, which translates.

**When it is fine.** If the server behind it understands gRPC-Web over HTTP/2.

**Measured.** Nothing to measure: the module has no code for it.

**Sources.** <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("grpc_pass", category=Category.PROTOCOL_MISMATCH, severity=Severity.ERROR)
def grpc_web_to_grpc_pass(tree: NginxTree) -> Iterator[Complaint]:
    """Protocols for browsers that go to a gRPC server as they are."""
    for view in tree.views:
        if view.case.protocol in {"grpc-web", "connect"} and view.handler is not None and view.module == "grpc":
            yield Complaint(
                severity=Severity.ERROR,
                message=f"nothing translates {view.case.title} for a gRPC server: {view.handler.source}",
                why="nginx does not. Hand it to a server that speaks it, by proxy_pass, or to Envoy.",
                span=view.handler.span,
                case=view.case,
            )
