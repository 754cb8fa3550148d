"""What to write instead, in the words of a manifest: a change that a person would make, as an edit where one field says it.

A change goes into the route where its kind has a field for that, or is an annotation of its Ingress. What a policy, a service or the
controller's own configuration decides for others as well is said in words alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from proxycfg.behavior import FOREVER
from proxycfg.finding import Fix
from proxycfg.kubernetes.envoys import Lowering, Rule
from proxycfg.kubernetes.ingress_nginx import PREFIX, Ingresses
from proxycfg.rule import Case
from proxycfg.targets.envoy.edits import set_field, spelled
from proxycfg.targets.envoy.fixes import duration
from proxycfg.targets.envoy.place import Reader

_MANY = 20_000
"""Streams that most machines carry, twice."""


class Change(NamedTuple):
    """What to write.

    :param words: in the manifest's own words between backticks, or a sentence.
    :param path: the field of the route's rule that says it; empty where there are only words.
    """

    words: str
    path: tuple[str, ...] = ()
    value: Any = None


class Fixer:
    """Fixes for the streams of one controller's manifests."""

    def __init__(self, lowering: Lowering, _reader: Reader) -> None:
        """``lowering`` says who asked for which route."""
        self._rules = lowering.rules
        self._maker = lowering.controller.rpartition(" ")[0]

    def fix(self, case: Case, wishes: tuple[str, ...]) -> Fix | None:
        """A change after which the properties of ``wishes`` are as the stream's need has them; None if there is none for one of them."""
        rule = self._rules[case.subject.message.key]
        changes = [self._change(case, wish, rule) for wish in wishes]
        edits = []
        for change in changes:
            edit = set_field(rule.message, change.path, change.value) if change is not None and change.path else None
            if edit is None:
                return None
            edits.append(edit)
        titles = ", ".join(change.words for change in changes if change is not None)
        return Fix(f"write {titles} in this route", not case.stream.mixed, tuple(edits)) if edits else None

    def words(self, case: Case, name: str) -> str:
        """What to write, as a sentence."""
        change = self._change(case, name, self._rules[case.subject.message.key])
        if change is None:
            return ""
        return f"Write {change.words} in this route." if change.path else change.words

    def _change(self, case: Case, name: str, rule: Rule) -> Change | None:
        kind = rule.owner.kind if rule.owner.kind in {"VirtualService", "HTTPProxy"} else self._maker
        make = _CHANGES.get((kind, name)) or _CHANGES.get(("", name))
        return make(case, rule) if make is not None else None


def _said(*path: str, value: Any) -> Change:
    shown = value
    for step in reversed(path[1:]):
        shown = {step: shown}
    return Change(f"`{path[0]}: {spelled(shown)}`", path, value)


def _told(words: str) -> Callable[[Case, Rule], Change]:
    return lambda _case, _rule: Change(words)


def _never(seconds: float) -> str:
    """A timer of Contour: zero is silence there."""
    return "infinity" if seconds == FOREVER else f"{seconds:g}s"


def _api_timeout(case: Case, rule: Rule) -> Change:
    most = duration(case.need.accepted.total_timeout.high)
    decided = case.route.reading.evidence["total_timeout"].text
    if "maxStreamDuration" in decided:
        return Change(f"Write `maxStreamDuration: {most}` in the policy.")
    if rule.owner.kind == "GRPCRoute":
        return Change(
            f"Write `timeout: {{http: {{requestTimeout: {most}}}}}` in a BackendTrafficPolicy for this route."
        )
    if rule.message.has("timeouts", "backendRequest") and not rule.message.has("retry"):
        return _said("timeouts", "backendRequest", value=most)
    return _said("timeouts", "request", value=most)


def _idle_of_policy(case: Case, _rule: Rule) -> Change:
    wanted = duration(case.need.accepted.upstream_idle_timeout.low)
    return Change(
        f"Write `timeout: {{http: {{streamIdleTimeout: {wanted}}}}}` in a BackendTrafficPolicy for this route."
    )


def _version_of_port(case: Case, _rule: Rule) -> Change:
    if "h2UpgradePolicy" in case.route.reading.evidence["upstream_http_version"].text and case.protocol == "websocket":
        return Change("Write `h2UpgradePolicy: DO_NOT_UPGRADE` in the DestinationRule, for this port or subset.")
    return Change(
        f"Write `appProtocol: {'http' if case.protocol == 'websocket' else 'grpc'}` at the port of the Service."
    )


def _limits_of_rule(_case: Case, _rule: Rule) -> Change:
    limits = f"{{http: {{http2MaxRequests: {_MANY}}}, tcp: {{maxConnections: {_MANY}}}}}"
    return Change(f"Write `connectionPool: {limits}` in the DestinationRule of the service.")


_API = ("Envoy Gateway", "Contour", "Istio")
_CHANGES: dict[tuple[str, str], Callable[[Case, Rule], Change]] = {
    ("VirtualService", "total_timeout"): lambda case, _: _said("timeout", value=duration(case.need.accepted.total_timeout.high)),
    ("VirtualService", "retries_non_idempotent"): lambda _case, _rule: _said("retries", "attempts", value=0),
    ("VirtualService", "upstream_idle_timeout"): _told("Raise the timer where it is set: `perTryTimeout` of this route, or the EnvoyFilter."),
    ("VirtualService", "grpc"): _version_of_port,
    ("VirtualService", "upstream_http_version"): _version_of_port,
    ("VirtualService", "max_streams"): _limits_of_rule,
    ("Istio", "retries_non_idempotent"): lambda _case, _rule: _said("retry", "attempts", value=0),
    ("Istio", "max_streams"): _limits_of_rule,
    ("HTTPProxy", "total_timeout"): lambda case, _: _said("timeoutPolicy", "response", value=_never(case.need.accepted.total_timeout.high)),
    ("HTTPProxy", "upstream_idle_timeout"): lambda case, _: _said(
        "timeoutPolicy", "idle", value=_never(case.need.accepted.upstream_idle_timeout.low)
    ),
    ("HTTPProxy", "upgrade"): lambda _case, _rule: _said("enableWebsockets", value=True),
    ("HTTPProxy", "retries_non_idempotent"): lambda _case, _rule: _said("retryPolicy", "count", value=-1),
    ("HTTPProxy", "grpc"): _told("Write `protocol: h2c` at the service of this route."),
    ("HTTPProxy", "upstream_http_version"): _told("Write `protocol: h2c` at the service of this route, for gRPC."),
    ("HTTPProxy", "max_streams"): _told(
        f'Write the annotations `projectcontour.io/max-connections: "{_MANY}"` and `projectcontour.io/max-requests: "{_MANY}"` at the Service.'
    ),
    ("HTTPProxy", "query_logged"): _told("Leave the query out of the format: `accesslog-format-string` of Contour's configuration."),
    ("Envoy Gateway", "upstream_idle_timeout"): _idle_of_policy,
    ("Envoy Gateway", "retries_non_idempotent"): _told("Leave `retry` out: of the rule, or of a BackendTrafficPolicy that the route has for itself."),
    ("Envoy Gateway", "request_buffering"): _told("Give the route a policy without `requestBuffer`; for ext_proc write `body: FullDuplexStreamed`."),
    ("Envoy Gateway", "response_buffering"): _told("Write `body: FullDuplexStreamed` in the `processingMode` of the EnvoyExtensionPolicy."),
    ("Envoy Gateway", "compression"): _told("Give the route a BackendTrafficPolicy of its own without `compressor`."),
    ("Envoy Gateway", "upgrade"): _told("Give the route a policy of its own with `httpUpgrade: [{type: websocket}]`, and no `requestBuffer`."),
    ("Envoy Gateway", "max_streams"): _told(
        f"Write `circuitBreaker: {{maxConnections: {_MANY}, maxParallelRequests: {_MANY}}}` in a BackendTrafficPolicy for this route."
    ),
    ("Envoy Gateway", "query_logged"): _told("Write a format without the path's query in `telemetry.accessLog` of the EnvoyProxy."),
    **{(maker, "total_timeout"): _api_timeout for maker in _API},
    **{
        (maker, name): _told("Write `appProtocol: kubernetes.io/h2c` at the port of the Service.")
        for maker in _API
        for name in ("grpc", "upstream_http_version")
    },
}  # fmt: skip


# ---- ingress-nginx ----


class Annotator:
    """Fixes for the streams of Ingress objects: annotations, which are for all paths of theirs."""

    def __init__(self, ingresses: Ingresses) -> None:
        """``ingresses`` says which path a location is made of."""
        self._paths = ingresses.paths

    def fix(self, case: Case, wishes: tuple[str, ...]) -> Fix | None:
        """Annotations after which the properties of ``wishes`` are as the stream's need has them; None if there is none for one of them."""
        path = self._paths.get(case.route.span)
        wanted = dict.fromkeys(filter(None, (_annotation(case, wish) for wish in wishes)))
        if path is None or not wanted or any(_annotation(case, wish) is None for wish in wishes):
            return None
        edits = [
            edit
            for name, value in wanted
            if (edit := set_field(path.owner.message, ("metadata", "annotations", PREFIX + name), value)) is not None
        ]
        if len(edits) < len(wanted):
            return None
        titles = ", ".join(f'`{PREFIX}{name}: "{value}"`' for name, value in wanted)
        alone = sum(other.owner is path.owner for other in self._paths.values()) == 1
        return Fix(f"write {titles}", alone and not case.stream.mixed, tuple(edits))

    def words(self, case: Case, name: str) -> str:
        """What to write, as a sentence."""
        wanted = _annotation(case, name)
        return f'Write the annotation `{PREFIX}{wanted[0]}: "{wanted[1]}"`.' if wanted else _TOLD.get(name, "")


def _annotation(case: Case, name: str) -> tuple[str, str] | None:
    """The annotation that decides a property, and its value; None where none does."""
    accepted = case.need.accepted
    if name == "upstream_idle_timeout" or (name == "client_idle_timeout" and case.protocol == "websocket"):
        low = getattr(accepted, name).low
        return "proxy-read-timeout", f"{86400 if low == FOREVER else low:g}"
    if name == "request_body_limit":
        low = accepted.request_body_limit.low
        return "proxy-body-size", "0" if low == FOREVER else f"{-(-int(low) // 2**20)}m"
    return _ANNOTATIONS.get(name)


_ANNOTATIONS = {
    "response_buffering": ("proxy-buffering", "off"),
    "stalls_on": ("proxy-buffering", "off"),
    "request_buffering": ("proxy-request-buffering", "off"),
    "upstream_http_version": ("proxy-http-version", "1.1"),
    "retries_non_idempotent": ("proxy-next-upstream", "error timeout"),
    "error_interception": ("disable-proxy-intercept-errors", "true"),
    "grpc": ("backend-protocol", "GRPC"),
}
_TOLD = {
    "client_idle_timeout": "Write `client-body-timeout` in the ConfigMap of the controller: no annotation sets it.",
    "compression": 'Write `use-gzip: "false"` in the ConfigMap of the controller, or leave the type of the stream out of `gzip-types`.',
    "query_logged": "Write `$uri` in place of `$request` in `log-format-upstream` of the ConfigMap, or switch the log off for this Ingress: "
    f'`{PREFIX}enable-access-log: "false"`.',
}
