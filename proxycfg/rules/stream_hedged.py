"""A request that is held is sent again while it waits.

**What it sees.** A route of Envoy that streams, with `hedge_on_per_try_timeout: true`, of its own or of its virtual host, and a `per_try_timeout`.

**Why it hurts.** A poll that is held, or an answer that takes long to begin, is sent a second time without the first being given up: several run
side by side, and the origin works for each.

**Instead.** Write `hedge_policy: {}` in the route.

**When it is fine.** If every answer begins before `per_try_timeout`.

**Measured.** One poll was held at the origin twice on Envoy 1.40. Its configs show it in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/route/v3/route_components.proto>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.RETRIES, severity=Severity.WARNING, targets=("envoy",))
def stream_hedged(tree: EnvoyTree) -> Iterator[Complaint]:
    """Second tries that do not end the first."""
    for case in tree.cases:
        for place in tree.places(case):
            holder = next((each for each in (place.action, place.route.host.message) if each.has("hedge_policy")), None)
            if (
                holder is None
                or not holder.flag("hedge_policy", "hedge_on_per_try_timeout")
                or case.protocol == "websocket"
            ):
                continue
            said = holder.field("hedge_policy", "hedge_on_per_try_timeout")
            retries = next(
                (each for each in (place.action, place.route.host.message) if each.has("retry_policy")), None
            )
            waits = retries.seconds("retry_policy", "per_try_timeout") if retries is not None else None
            if said is not None and waits:
                yield Complaint(
                    message=f"{case.title} is sent again while the first request runs: {said.text}",
                    why="Each answer that takes long to begin runs several times at once. Write `hedge_policy: {}` in the route.",
                    span=said.span,
                    case=case,
                )
