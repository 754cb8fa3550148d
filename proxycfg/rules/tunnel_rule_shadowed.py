"""An earlier rule of the tunnel takes the requests.

**What it sees.** An ingress rule whose host and path an earlier one covers, with another service. Paths are regular expressions that may match
anywhere, so `path: /api` takes `/v1/api` as well.

**Why it hurts.** The first rule that matches wins. The later one, with its options for streams, never sees a request.

**Instead.** The most specific rule first, and `^` before a path.

**When it is fine.** If the later one is a leftover: remove it.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/cloudflare-one/networks/connectors/cloudflare-tunnel/>, `ingress/rule.go` of cloudflared
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.targets.cloudflare.ingress import shadowed

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom("tunnel", category=Category.LOCATION_SHADOWED, severity=Severity.ERROR, targets=("cloudflare",))
def tunnel_rule_shadowed(tree: CloudflareTree) -> Iterator[Complaint]:
    """Each rule beside those before it."""
    for tunnel in tree.config.tunnels:
        for rule, other in shadowed(tunnel):
            yield Complaint(
                message=f"{rule.title} gets no request: {other.title} comes first",
                why="The first rule that matches wins, and a path matches anywhere unless it begins with ^. Put the most specific rule first.",
                span=rule.body.span._replace(end_line=rule.body.span.line, end_column=rule.body.span.column + 1),
                related=(Related(other.place, "this takes its requests"),),
            )
