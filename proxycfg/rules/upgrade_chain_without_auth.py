"""WebSocket handshakes pass by the authentication.

**What it sees.** A WebSocket route of Envoy whose `upgrade_configs` have `filters` of their own, without a filter that asks who comes or how often
(`ext_authz`, `jwt_authn`, `rbac`, `oauth2`, `basic_auth`, `api_key_auth`, rate limits) and that is on for plain requests.

**Why it hurts.** `filters` of an upgrade replace the whole chain. A handshake passes by the authentication that every other request meets.

**Instead.** Repeat the filter among the `filters` of the upgrade, or leave `filters` out.

**When it is fine.** If the handshake is authenticated by the application itself.

**Measured.** A handshake got through a chain of its own on Envoy 1.40 past an `rbac` that denies everything. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/http/upgrades>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.HARDENING, severity=Severity.ERROR, targets=("envoy",))
def upgrade_chain_without_auth(tree: EnvoyTree) -> Iterator[Complaint]:
    """Guards that handshakes pass by."""
    for case in tree.cases:
        if case.protocol != "websocket":
            continue
        for place in tree.places(case):
            entry = place.upgrade_entry(place.hcm)
            said = entry.field("filters") if entry is not None else None
            if said is None or not place.filters(upgraded=True):
                continue
            plain = place.reader.effects(place.hcm.messages("http_filters"), place.levels, "http")
            there = {each.kind for each, _ in place.handshake_effects}
            for each, _ in plain:
                if each.guards and each.kind not in there:
                    yield Complaint(
                        message=f"handshakes of {case.route.path} pass by {each.name}: their filters are others",
                        why="`filters` of an upgrade replace the whole chain. Repeat the filter there, or leave `filters` out.",
                        span=said.span,
                        related=(Related(each.place.span, "plain requests meet it here"),),
                        case=case,
                    )
