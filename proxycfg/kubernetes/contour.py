"""Contour: what it makes of ``HTTPProxy``, as of Contour 1.33.

Defaults are those of its sources: ``internal/envoy/v3`` (``listener.go``, ``route.go``, ``cluster.go``), ``internal/dag/policy.go`` and
``internal/timeout``. Envoy's own defaults count where it sets nothing: 15 s for an answer, 300 s of silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from proxycfg.kubernetes.envoys import (
    EXACT,
    HTTP,
    HTTPS,
    PREFIX,
    REGEX,
    ROUTER,
    Door,
    Lowering,
    Rank,
    Rule,
    VirtualHost,
    by_specificity,
    entries,
    header_match,
    http_filter,
    service_port,
    speaks,
    threshold,
)
from proxycfg.kubernetes.gateway_api import Listener
from proxycfg.kubernetes.lowered import Block, duration, seconds, told_duration
from proxycfg.kubernetes.manifests import Manifests, Object
from proxycfg.source import Span
from proxycfg.targets.envoy.defaults import COMPRESSED
from proxycfg.targets.envoy.tree import EMPTY, Field, Message

NAME = "Contour 1.33"
GROUP = "projectcontour.io"
NEVER = ("infinity", "infinite")
_GRPC_WEB = tuple(
    f"application/grpc-web{kind}" for kind in ("", "+proto", "+json", "+thrift", "-text", "-text+proto", "-text+thrift")
)
_NESTING = 20
"""Proxies that include proxies."""
_LIMITS = (
    ("max_connections", "max-connections"), ("max_requests", "max-requests"), ("max_pending_requests", "max-pending-requests"),
)  # fmt: skip
"""Limits of a cluster, by the annotation of its Service that sets them."""


def lower(manifests: Manifests) -> Lowering | None:
    """The Envoy that Contour runs; None where no ``HTTPProxy`` is."""
    proxies = list(manifests.of("HTTPProxy", GROUP))
    return _Contour(manifests).lower(proxies) if proxies else None


def settings_of(manifests: Manifests) -> Message:
    """What a ``ContourConfiguration`` or ``ContourDeployment`` says of Envoy; a message without fields where none is at hand."""
    found = [each.spec.message("envoy") for each in manifests.of("ContourConfiguration", GROUP)]
    found += [each.spec.message("runtimeSettings", "envoy") for each in manifests.of("ContourDeployment", GROUP)]
    return next((each for each in found if each is not None), EMPTY)


def hcm_of(made: Lowering, span: Span, settings: Message, guards: list[dict[str, Any]] | None = None) -> Block:
    """The connection manager that Contour writes.

    :param settings: see :func:`settings_of`.
    """
    hcm = made.block(span)
    timer(hcm, "stream_idle_timeout", "", settings, "timeouts", "streamIdleTimeout")
    timer(hcm, "request_timeout", "", settings, "timeouts", "requestTimeout")
    log = {"@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog", "path": "/dev/stdout"}
    hcm.supply("access_log", [{"name": "envoy.access_loggers.file", "typed_config": log}])
    library = {
        "name": "gzip",
        "typed_config": {"@type": "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip"},
    }
    types = {"content_type": [*sorted(COMPRESSED), *_GRPC_WEB]}
    compressor = http_filter(
        "compressor", "Compressor", compressor_library=library, response_direction_config={"common_config": types}
    )
    on = settings.text("listener", "compression", "algorithm") != "disabled"
    hcm.supply(
        "http_filters", [*([compressor] if on else ()), http_filter("grpc_web", "GrpcWeb"), *(guards or ()), ROUTER]
    )
    return hcm


def timer(block: Block, name: str, zero: str, message: Message, *path: str) -> None:
    """A timer as Contour reads one: ``infinity`` is never.

    :param zero: what Envoy does where nothing is said, which is what a zero means here; empty where a listener decides.
    """
    said = message.field(*path)
    if said is None:
        return
    if said.value.raw in NEVER:
        block.say(name, "0s", said)
        return
    found = told_duration(message, *path)
    if found is not None and (found[0] or zero):
        block.say(name, duration(found[0]) if found[0] else zero, said)


class _Contour:
    def __init__(self, manifests: Manifests) -> None:
        self.manifests = manifests
        self.made = Lowering.of(NAME, manifests)
        self.settings = settings_of(manifests)
        self.included: set[int] = set()

    def lower(self, proxies: list[Object]) -> Lowering:
        if self.settings is EMPTY:
            self.made.assume(
                f"read as {NAME} does with its own configuration file: another one may set timeouts for all"
            )
        for proxy in proxies:
            if proxy.spec.has("virtualhost"):
                self.root(proxy)
        for proxy in proxies:
            if not proxy.spec.has("virtualhost") and id(proxy) not in self.included:
                self.made.assume(f"{proxy.span}: no HTTPProxy at hand includes {proxy.title}: its host is not known")
                self.host(proxy, "*", Door(f"Contour {proxy.title}", HTTP, proxy.span))
        return self.made

    def root(self, proxy: Object) -> None:
        name = proxy.spec.text("virtualhost", "fqdn") or "*"
        tls = proxy.spec.message("virtualhost", "tls")
        if tls is not None and tls.flag("passthrough"):
            self.made.assume(f"{tls.span}: {proxy.title} passes TLS on as it is: nobody sees what requests they are")
            return
        span = (proxy.spec.field("virtualhost") or Field(None, proxy.message.node)).span
        door = Door(
            f"Contour {'https' if tls else 'http'} {name}", HTTPS if tls else HTTP, span, secure=tls is not None
        )
        self.host(proxy, name, door)

    def host(self, proxy: Object, name: str, door: Door) -> None:
        routes = by_specificity(list(self.routes(proxy, "", [], (id(proxy),))))
        host = VirtualHost(name, (name,), routes, door.span)
        guards = list(self.guards(proxy))
        table = self.made.table(name, [host], door.span)
        self.made.listener(door, hcm_of(self.made, door.span, self.settings, guards), table, proxy.message.doc)

    def guards(self, proxy: Object) -> Iterator[dict[str, Any]]:
        """What asks somebody else for each request."""
        said = proxy.spec.message("virtualhost", "authorization")
        if said is None:
            return
        body = said.message("withRequestBody")
        fields: dict[str, Any] = {}
        if body is not None:
            partial = bool(body.flag("allowPartialMessage"))
            fields = {
                "with_request_body": {
                    "max_request_bytes": body.number("maxRequestBytes") or 1024,
                    "allow_partial_message": partial,
                }
            }
        yield http_filter("ext_authz", "ExtAuthz", **fields)

    # ---- routes ----

    def routes(
        self, proxy: Object, prefix: str, conditions: list[Message], above: tuple[int, ...]
    ) -> Iterator[tuple[Block, Rank]]:
        for include in proxy.spec.messages("includes"):
            name = include.text("name") or ""
            child = self.manifests.find("HTTPProxy", GROUP, include.text("namespace") or proxy.namespace, name)
            if child is None:
                self.made.assume(f"{include.span}: HTTPProxy {name} is not at hand: its routes are not part of this")
                continue
            if id(child) in above or len(above) > _NESTING:
                continue
            self.included.add(id(child))
            own = include.messages("conditions")
            yield from self.routes(child, prefix + _path(own, "prefix"), [*conditions, *own], (*above, id(child)))
        for rule in proxy.spec.messages("routes"):
            yield self.route(proxy, rule, prefix, conditions)

    def route(self, proxy: Object, rule: Message, prefix: str, outer: list[Message]) -> tuple[Block, Rank]:
        block = self.made.block(rule.span)
        own = rule.messages("conditions")
        match, rank = self.match(rule, own, prefix, outer)
        block.put("match", match)
        if rule.has("requestRedirectPolicy"):
            block.put("redirect", {})
        elif rule.has("directResponsePolicy"):
            block.put("direct_response", {"status": rule.text("directResponsePolicy", "statusCode") or "200"})
        else:
            block.put("route", self.action(proxy, rule))
        for side in ("request", "response"):
            removed = rule.field(f"{side}HeadersPolicy", "remove")
            if removed is not None:
                names = [each.value.raw for each in rule.texts(f"{side}HeadersPolicy", "remove")]
                block.say(f"{side}_headers_to_remove", names, removed)
        self.made.route(block, Rule(proxy, rule))
        return block, rank

    def match(self, rule: Message, own: list[Message], prefix: str, outer: list[Message]) -> tuple[Block, Rank]:
        said = next((each.field(name) for each in own for name in ("exact", "regex", "prefix") if each.has(name)), None)
        block = self.made.block(rule.span)
        kind = said.key.raw if said is not None and said.key is not None else "prefix"
        written = said.value.raw if said is not None else ""
        path = (prefix.rstrip("/") + written if prefix else written) or "/"
        name = {"exact": "path", "regex": "safe_regex", "prefix": "prefix"}[kind]
        block.put(name, {"regex": path} if kind == "regex" else path, said.span if said is not None else None)
        headers = [made for each in (*outer, *own) if (made := self.condition(each, "header")) is not None]
        arguments = [made for each in (*outer, *own) if (made := self.condition(each, "queryParameter")) is not None]
        block.blocks("headers", headers)
        block.blocks("query_parameters", arguments)
        return block, (
            {"exact": EXACT, "regex": REGEX, "prefix": PREFIX}[kind],
            len(path),
            len(headers) + len(arguments),
        )

    def condition(self, condition: Message, name: str) -> Block | None:
        said = condition.message(name)
        if said is None:
            return None
        block = self.made.block(said.span)
        for key, how in (
            ("exact", "exact"),
            ("contains", "contains"),
            ("prefix", "prefix"),
            ("suffix", "suffix"),
            ("regex", "regex"),
        ):
            for inverted in (False, True):
                value = said.text(f"not{key}" if inverted else key)
                if value is not None:
                    for field_name, field_value in header_match(said.text("name") or "", how, value).items():
                        block.put(field_name, field_value)
                    if inverted:
                        block.put("invert_match", value=True)
        if not block:
            block.put("name", said.text("name") or "")
            block.put("present_match", value=not said.flag("notpresent"))
        return block

    def action(self, proxy: Object, rule: Message) -> Block:
        action = self.made.block(rule.span)
        timer(action, "timeout", "15s", rule, "timeoutPolicy", "response")
        timer(action, "idle_timeout", "", rule, "timeoutPolicy", "idle")
        sockets = rule.field("enableWebsockets")
        if sockets is not None and rule.flag("enableWebsockets"):
            action.say("upgrade_configs", [{"upgrade_type": "websocket"}], sockets)
        self.retries(action, rule)
        hashed = self.affinity(action, rule)
        services = [each for each in rule.messages("services") if not each.flag("mirror")]
        shares = []
        for service in services:
            share = self.made.block(service.span)
            share.put("name", self.cluster(proxy, rule, service, hashed))
            share.put(
                "weight", service.number("weight") or (0 if any(each.number("weight") for each in services) else 1)
            )
            shares.append(share)
        if len(shares) == 1:
            action.put("cluster", shares[0].node.children["name"][1])
        else:
            weighted = self.made.block(rule.span)
            weighted.blocks("clusters", shares)
            action.put("weighted_clusters", weighted)
        copies = []
        for service in rule.messages("services"):
            if service.flag("mirror"):
                copy = self.made.block(service.span)
                copy.put("cluster", self.cluster(proxy, rule, service, None))
                copies.append(copy)
        action.blocks("request_mirror_policies", copies)
        return action

    def retries(self, action: Block, rule: Message) -> None:
        said = rule.field("retryPolicy")
        if said is None:
            return
        policy = self.made.block(said.span)
        count = rule.field("retryPolicy", "count")
        if count is not None:
            policy.say("num_retries", {"-1": "0", "0": "1"}.get(count.value.raw, count.value.raw), count)
        policy.supply("num_retries", 1)
        wanted = rule.field("retryPolicy", "retryOn")
        if wanted is not None:
            policy.say("retry_on", ",".join(each.value.raw for each in rule.texts("retryPolicy", "retryOn")), wanted)
        policy.supply("retry_on", "5xx")
        codes = rule.field("retryPolicy", "retriableStatusCodes")
        if codes is not None:
            policy.say(
                "retriable_status_codes",
                [each.value.raw for each in rule.texts("retryPolicy", "retriableStatusCodes")],
                codes,
            )
        each_try = rule.field("retryPolicy", "perTryTimeout")
        if each_try is not None and seconds(each_try.value.raw):
            policy.say("per_try_timeout", duration(seconds(each_try.value.raw) or 0.0), each_try)
        action.put("retry_policy", policy, said.span)

    def affinity(self, action: Block, rule: Message) -> Field | None:
        strategy = rule.field("loadBalancerPolicy", "strategy")
        if strategy is None:
            return None
        if strategy.value.raw == "Cookie":
            action.say(
                "hash_policy", [{"cookie": {"name": "X-Contour-Session-Affinity", "ttl": "0s", "path": "/"}}], strategy
            )
            return strategy
        if strategy.value.raw == "RequestHash":
            policies: list[dict[str, Any]] = []
            for each in rule.messages("loadBalancerPolicy", "requestHashPolicies"):
                if each.has("headerHashOptions"):
                    policies.append({"header": {"header_name": each.text("headerHashOptions", "headerName")}})
                elif each.has("queryParameterHashOptions"):
                    policies.append(
                        {"query_parameter": {"name": each.text("queryParameterHashOptions", "parameterName")}}
                    )
                elif each.flag("hashSourceIP"):
                    policies.append({"connection_properties": {"source_ip": True}})
            action.say("hash_policy", policies, strategy)
            return strategy
        return None

    # ---- clusters ----

    def cluster(self, proxy: Object, rule: Message, service: Message, hashed: Field | None) -> str:
        name, port = service.text("name") or "", service.text("port") or ""
        block = self.made.block(service.span)
        _connecting(block, self.settings)
        there = self.manifests.find("Service", "", proxy.namespace, name)
        protocol = service.field("protocol") or _annotated(there, port)
        if protocol is not None:
            word = (
                protocol.value.raw
                if protocol.key is not None and protocol.key.raw == "protocol"
                else _protocol_of(protocol)
            )
            speaks(block, "2" if word in {"h2", "h2c"} else "1.1", protocol)
        elif there is None:
            speaks(
                block,
                "open",
                words=f"no protocol is written, and the Service {name} is not at hand, which may name one",
            )
        if hashed is not None:
            block.say("lb_policy", "RING_HASH", hashed)
        limits = [
            (name, said)
            for name, key in _LIMITS
            if there is not None and (said := there.annotation(f"projectcontour.io/{key}")) is not None
        ]
        threshold(block, limits)
        title = ".".join(filter(None, (name, proxy.namespace))) + (f":{port}" if port else "")
        return self.made.cluster(block, title, rule.doc)


def _connecting(block: Block, settings: Message) -> None:
    told = told_duration(settings, "timeouts", "connectTimeout")
    if told is not None:
        block.say("connect_timeout", duration(told[0]), told[1])
    block.supply("connect_timeout", "2s")


def _path(conditions: list[Message], name: str) -> str:
    return next((text.rstrip("/") for each in conditions if (text := each.text(name)) is not None), "")


_PREFIX = "projectcontour.io/upstream-protocol."


def _annotated(service: Object | None, port: str) -> Field | None:
    """The annotation of a service that says what a port speaks."""
    if service is None:
        return None
    names = {port} | {each.text("name") or "" for each in service.spec.messages("ports") if each.text("port") == port}
    for key, said in entries(service.message, "metadata", "annotations"):
        if key.startswith(_PREFIX) and names & {word.strip() for word in said.value.raw.split(",")}:
            return said
    return None


def _protocol_of(said: Field) -> str:
    return said.key.raw.removeprefix(_PREFIX) if said.key is not None else ""


# ---- the Gateway API ----


class GatewayApi:
    """Contour's dialect of the Gateway API: ``internal/dag/gatewayapi_processor.go``."""

    def __init__(self, manifests: Manifests) -> None:
        """``manifests`` hold the services."""
        self._manifests = manifests
        self._settings = settings_of(manifests)
        self.made = Lowering.of(NAME, manifests)

    def door(self, listener: Listener) -> tuple[Door, Block]:
        """The way in: listeners of gateways let WebSockets through, those of ``HTTPProxy`` do not."""
        hcm = hcm_of(self.made, listener.span, self._settings)
        hcm.supply("upgrade_configs", [{"upgrade_type": "websocket"}])
        return Door(
            f"{listener.title} {listener.name or listener.port}", listener.port, listener.span, listener.secure
        ), hcm

    def finish(self, block: Block, action: Block, route: Object, rule: Message, listener: Listener) -> None:
        """Timers of a rule: zero is never."""
        del block, route, listener
        timeout = told_duration(rule, "timeouts", "request") or told_duration(rule, "timeouts", "backendRequest")
        if timeout is not None:
            action.say("timeout", duration(timeout[0]), timeout[1])

    def cluster(self, action: Block, route: Object, rule: Message, backend: Message, listener: Listener) -> str:
        """The cluster of a backend."""
        del action, listener
        name, port = backend.text("name") or "", backend.text("port") or ""
        namespace = backend.text("namespace") or route.namespace
        block = self.made.block(backend.span)
        _connecting(block, self._settings)
        there = self._manifests.find("Service", "", namespace, name)
        found = service_port(there, port) if there is not None else None
        said = found.field("appProtocol") if found is not None else None
        if route.kind == "GRPCRoute":
            speaks(block, "2", route.message.field("kind"))
        elif said is not None:
            speaks(block, "2" if said.value.raw.endswith("/h2c") else "1.1", said)
        elif there is None:
            speaks(block, "open", words=f"the Service {name} is not at hand, whose appProtocol says what it speaks")
        return self.made.cluster(
            block, ".".join(filter(None, (name, namespace))) + (f":{port}" if port else ""), rule.doc
        )
