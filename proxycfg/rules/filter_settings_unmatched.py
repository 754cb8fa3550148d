"""Settings of a route are for a filter that is not there.

**What it sees.** Settings in the `typed_per_filter_config` of a route that streams, its virtual host or route configuration, under a name that no
filter has of the connection managers that lead there.

**Why it hurts.** Envoy accepts them without a word, and ignores them: a filter that was to be switched off for the stream stays on. The name is the
filter's own, as it stands in `http_filters`, not that of its type.

**Instead.** Write the name that the filter has in `http_filters`.

**When it is fine.** Where another connection manager, which is not in this config, uses the same routes.

**Measured.** A buffer filter under a name of its own held uploads back on Envoy 1.40 although its usual name was switched off. Its configs show it
in `tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/http/http_filters#route-specific-config>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.errors import suggest
from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.PROTOCOL_MISMATCH, severity=Severity.WARNING, targets=("envoy",))
def filter_settings_unmatched(tree: EnvoyTree) -> Iterator[Complaint]:
    """Names that no filter has."""
    for case in tree.cases:
        places = tree.places(case)
        if case.partial or any(place.door is None for place in places):
            continue
        names = {
            each.text("name")
            for place in places
            for upgraded in (False, True)
            for each in place.filters(upgraded=upgraded)
        }
        for place in places:
            for _, message in place.levels:
                table = message.message("typed_per_filter_config")
                for name, said in table.items() if table is not None else ():
                    if name in names:
                        continue
                    known = suggest(name, sorted(filter(None, names)))
                    yield Complaint(
                        message=f"no filter in front of {case.title} is called {name}: these settings do nothing",
                        why=f"Envoy ignores them without a word; the key is the filter's name in `http_filters`. {known[:1].upper()}{known[1:]}",
                        span=(said.key or said.value).span,
                        case=case,
                    )
