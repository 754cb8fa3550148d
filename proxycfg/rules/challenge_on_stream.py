"""A challenge is put to clients that cannot solve one.

**What it sees.** A custom rule, or one that limits rates, whose action is a challenge and whose expression takes the requests of a stream; or
`security_level` `under_attack` there, by a configuration rule or for the zone. A `skip` rule before it that surely takes the same requests
counts.

**Why it hurts.** A challenge is a page of HTML with status 403. No EventSource, WebSocket or gRPC client, and no SDK, can solve it: the stream
never begins.

**Instead.** `block` what must not come in, and let the rest pass: an expression that leaves the stream's paths out, or a `skip` rule for clients
with a credential.

**When it is fine.** If only pages of a browser that has solved the challenge open the stream, on the same host and soon after.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/cloudflare-challenges/challenge-types/challenge-pages/detect-response/>,
<https://developers.cloudflare.com/fundamentals/reference/under-attack-mode/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.scene import CloudflareTree


@idiom(category=Category.PROTOCOL_MISMATCH, severity=Severity.ERROR, targets=("cloudflare",))
def challenge_on_stream(tree: CloudflareTree) -> Iterator[Complaint]:
    """Rules that match, in their order, and the level of the zone."""
    for case in tree.cases:
        view = case.subject.view
        for phase in ("http_request_firewall_custom", "http_ratelimit"):
            for rule, sure in view.rules(phase):
                if (
                    rule.action == "skip"
                    and sure
                    and rule.parameters is not None
                    and rule.parameters.text("ruleset") == "current"
                ):
                    break
                if rule.action in {"challenge", "js_challenge", "managed_challenge"}:
                    yield Complaint(
                        severity=Severity.ERROR if sure and phase != "http_ratelimit" else Severity.WARNING,
                        message=f"clients of {case.title} {'are' if sure else 'may be'} met with a challenge: {rule.action}",
                        why="Such a client cannot solve it, and gets 403 with a page of HTML. Leave its paths out, or `block`.",
                        span=rule.span,
                        case=case,
                    )
        for choice in view.config("security_level"):
            if choice.value is not None and choice.value.text() == "under_attack":
                yield Complaint(
                    message=f"clients of {case.title} are met with a challenge: {choice.evidence.text}",
                    why='Under Attack mode asks everybody. Write a configuration rule with `security_level = "essentially_off"` for its paths.',
                    span=choice.evidence.span or case.route.span,
                    case=case,
                )
