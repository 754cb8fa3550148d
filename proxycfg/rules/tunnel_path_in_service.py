"""The tunnel refuses to start.

**What it sees.** An ingress rule whose service is a URL with a path.

**Why it hurts.** cloudflared takes the path of the request and has no use for another: it ends with an error, and with it all hosts of the
tunnel.

**Instead.** The URL without a path; rewrite paths by a transform rule, or at the origin.

**When it is fine.** Never.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/>, `ingress/ingress.go` of cloudflared
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

_WEB = frozenset(("http", "https", "ws", "wss"))

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("tunnel", category=Category.SYNTAX, severity=Severity.ERROR, targets=("cloudflare",))
def tunnel_path_in_service(tree: CloudflareTree) -> Iterator[Complaint]:
    """The path of each service."""
    for tunnel in tree.config.tunnels:
        for rule in tunnel.rules:
            said = rule.body.get("service")
            scheme, colon, rest = (rule.service or "").partition("://")
            path = rest.partition("/")[2]
            if colon and scheme in _WEB and path:
                yield Complaint(
                    message=f"the service of {rule.title} has a path: /{path}",
                    why="cloudflared refuses such a config, and serves no host of the tunnel. Write the URL without it.",
                    span=rule.place,
                    fix=tree.fixer.write(said, f"{scheme}://{rest.partition('/')[0]}", safe=False) if said else None,
                )
