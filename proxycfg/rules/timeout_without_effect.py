"""A timeout is switched off by another one.

**What it sees.** A route of Envoy with a `timeout` above zero beside `max_stream_duration` that says nothing, or allows longer.

**Why it hurts.** Any `max_stream_duration` of a route, even `{}`, switches its `timeout` off. Whoever wrote the timeout believes in it, and an
origin that hangs holds its clients for as long as the other timers let it.

**Instead.** Write the one of both that is meant.

**When it is fine.** Never.

**Measured.** An answer outlasted the `timeout` of its route on Envoy 1.40. Its configs show it in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/faq/configuration/timeouts>, `source/common/router/config_impl.cc`
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.TOTAL_TIMEOUT, severity=Severity.WARNING, targets=("envoy",))
def timeout_without_effect(tree: EnvoyTree) -> Iterator[Complaint]:
    """A timer that another one switches off."""
    for route in tree.world.routes():
        seconds, said = route.action.seconds("timeout"), route.action.field("timeout")
        if not seconds or said is None or not route.action.has("max_stream_duration"):
            continue
        longest = route.action.seconds("max_stream_duration", "max_stream_duration")
        if longest and longest <= seconds:
            continue
        yield Complaint(
            message=f"the timeout of {route.title} never fires: {said.text}",
            why="Any `max_stream_duration` of a route switches its timeout off. Write the one of both that is meant.",
            span=said.span,
        )
