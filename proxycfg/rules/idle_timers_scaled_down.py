"""Idle timers of streams shrink under pressure.

**What it sees.** An overload manager of Envoy whose `reduce_timeouts` lists `HTTP_DOWNSTREAM_STREAM_IDLE`, in front of streams.

**Why it hurts.** Under pressure the idle timers of streams shrink, down to the least that is written there, and quiet streams are cut. All of their
clients come back at once, when the proxy has least to spare.

**Instead.** Scale `HTTP_DOWNSTREAM_CONNECTION_IDLE` and `TRANSPORT_SOCKET_CONNECT` alone.

**When it is fine.** If the least that it allows is several heartbeats long.

**Measured.** Not shown on Envoy: it takes a process that is short of memory.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/operations/overload_manager/overload_manager>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.IDLE_TIMEOUT, severity=Severity.WARNING, targets=("envoy",))
def idle_timers_scaled_down(tree: EnvoyTree) -> Iterator[Complaint]:
    """Idle timers that shrink under pressure."""
    if tree.surest is None:
        return
    for bootstrap in tree.config.bootstraps:
        for action in bootstrap.messages("overload_manager", "actions"):
            scaled = action.any("typed_config")
            for each in scaled.messages("timer_scale_factors") if scaled is not None else ():
                least = each.seconds("min_timeout") or 0.0
                if (each.text("timer") or "").upper() in {"HTTP_DOWNSTREAM_STREAM_IDLE", "2"} and least < _ENOUGH:
                    yield Complaint(
                        message="under pressure the idle timers of streams shrink: HTTP_DOWNSTREAM_STREAM_IDLE is scaled",
                        why="Quiet streams are cut, and all their clients come back at once. Scale the timers of idle connections alone.",
                        span=each.span,
                        case=tree.surest,
                    )


_ENOUGH = 90.0
"""Seconds: three heartbeats."""
