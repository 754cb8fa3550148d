"""Copies of streams go on when their clients have left.

**What it sees.** A route of Envoy that streams, with `request_mirror_policies`: its own, or those of its virtual host, route configuration or
cluster.

**Why it hurts.** The copy is a stream of its own at the other cluster. It goes on when the client has left, until a timer of its own ends it; with
`timeout: 0s` there is none.

**Instead.** Leave streams out of mirroring, or write a `max_stream_duration` into the options of the cluster that gets the copies.

**When it is fine.** If that cluster has a `max_stream_duration`: nothing is said then.

**Measured.** After its client had left, the copy of a stream was still open on Envoy 1.40. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/route/v3/route_components.proto>, `source/common/router/router.cc`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.targets.envoy.place import UO

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.OPERATIONS, severity=Severity.WARNING, targets=("envoy",))
def mirror_outlives_client(tree: EnvoyTree) -> Iterator[Complaint]:
    """Copies of streams that nothing ends."""
    for case in tree.cases:
        for place in tree.places(case):
            holders = (place.origin.options, place.action, place.route.host.message, place.route.host.table.message)
            holder = next((each for each in holders if each.messages("request_mirror_policies")), None)
            if holder is None:
                continue
            for policy in holder.messages("request_mirror_policies"):
                name = policy.text("cluster") or ""
                cluster = tree.config.clusters.get(name)
                options = cluster.message(*UO) if cluster is not None else None
                if options is not None and options.unwrapped().seconds(
                    "common_http_protocol_options", "max_stream_duration"
                ):
                    continue
                yield Complaint(
                    message=f"{case.title} is mirrored to {name or 'another cluster'}, where copies outlive their clients",
                    why="A copy ends by a timer of its own alone. Leave streams out, or give that cluster a `max_stream_duration`.",
                    span=policy.span,
                    case=case,
                )
