"""No WebSocket handshake gets through.

**What it sees.** A route of Envoy that carries WebSockets, where neither it nor its connection manager has `upgrade_configs` for them, where one of
both says `enabled: false` (the route counts more), or where a filter of their chain waits for the end of the handshake's body, which never comes.

**Why it hurts.** Without such an entry Envoy answers 403 itself; behind a filter that collects bodies the handshake hangs until a timer ends it.

**Instead.**

```yaml
route:
  cluster: app
  upgrade_configs:
  - upgrade_type: websocket
```

**When it is fine.** If nothing but plain requests go there; name another protocol: `# proxycfg: protocol=sse`.

**Measured.** Envoy 1.40 answered 403 to the handshake, and let it pass with the entry. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/http/upgrades>
"""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.finding import Category, Severity
from proxycfg.rule import Case, Complaint, route_rule


@route_rule(
    "upgrade", category=Category.UPGRADE_HEADERS, severity=Severity.ERROR, protocols=("websocket",), targets=("envoy",)
)
def websocket_not_allowed(case: Case) -> Iterator[Complaint]:
    """A handshake that ends here."""
    short = case.shortfalls["upgrade"]
    if not short.sure and (case.stream.mixed or "upstream_http_version" in case.shortfalls):
        # Nobody says that sockets go there; or it is the version, which has a rule of its own.
        return
    yield Complaint(
        severity=Severity.WARNING if short.sure and case.stream.mixed else short.severity,
        message=f"handshakes of {case.route.path} {short.will} not get through: {short.evidence.text}",
        why=short.because(
            "Envoy lets no request upgrade unless it is told to, nor past a filter that waits for a body's end."
        ),
        span=short.span,
        wishes=("upgrade",),
    )
