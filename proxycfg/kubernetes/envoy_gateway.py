"""Envoy Gateway: what it makes of routes of the Gateway API and of its own policies, as of Envoy Gateway 1.9.

Defaults are those of its sources: ``internal/xds/translator`` (``route.go``, ``listener.go``, ``cluster.go``, ``accesslog.go``) and the
comments of ``api/v1alpha1``. Envoy's own defaults count where it sets nothing: 15 s for an answer, 300 s of silence, 1,024 requests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from proxycfg.kubernetes.envoys import ROUTER, Door, Lowering, http_filter, service_port, speaks, threshold
from proxycfg.kubernetes.gateway_api import Listener
from proxycfg.kubernetes.lowered import Block, duration, told_duration
from proxycfg.kubernetes.manifests import Manifests, Object
from proxycfg.targets.envoy.tree import EMPTY, Field, Message
from proxycfg.yamldoc import Node

NAME = "Envoy Gateway 1.9"
GROUP = "gateway.envoyproxy.io"
CONTROLLER = "gateway.envoyproxy.io/gatewayclass-controller"
CLASSES = frozenset(("eg", "envoy", "envoy-gateway", "envoygateway"))
"""What people call the class, as its documentation does."""
CONDITIONS = "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes"
"""On which it retries where retries are asked for and no condition is written; with 503."""
_HOUR = 3600.0
_TYPE = "type.googleapis.com/envoy.extensions.filters.http"
_LOG = {
    "name": "envoy.access_loggers.file",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
        "log_format": {"json_format": {"x-envoy-origin-path": "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"}},
    },
}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kMGT]i?|m)?")
_SIZES = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "ki": 2**10,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_BODIES = {
    "Streamed": "STREAMED",
    "Buffered": "BUFFERED",
    "BufferedPartial": "BUFFERED_PARTIAL",
    "FullDuplexStreamed": "FULL_DUPLEX_STREAMED",
}


class EnvoyGateway:
    """Its dialect of the Gateway API."""

    def __init__(self, manifests: Manifests) -> None:
        """``manifests`` hold its policies."""
        self.manifests = manifests
        self.made = Lowering.of(NAME, manifests)
        self.made.assume(f"read as {NAME} does with an EnvoyProxy that says nothing else")
        self._targets: dict[str, dict[tuple[str, str], list[tuple[Object, str]]]] = {}

    # ---- the way in ----

    def door(self, listener: Listener) -> tuple[Door, Block]:
        """A listener, with the ``ClientTrafficPolicy`` for it."""
        policy = self.client_policy(listener)
        hcm = self.made.block(listener.span)
        hcm.supply("access_log", [{"name": "the EnvoyProxy says what is logged"}] if self.own_log() else [_LOG])
        longest = told_duration(policy, "timeout", "http", "requestReceivedTimeout")
        if longest is not None:
            hcm.say("request_timeout", duration(longest[0]), longest[1])
        idle = told_duration(policy, "timeout", "http", "streamIdleTimeout")
        if idle is not None:
            hcm.say("stream_idle_timeout", duration(idle[0]), idle[1])
        streams = policy.field("http2", "maxConcurrentStreams")
        if streams is not None:
            hcm.say("http2_protocol_options", {"max_concurrent_streams": streams.value.raw}, streams)
        hcm.supply("http2_protocol_options", {"max_concurrent_streams": 100, "initial_stream_window_size": 65536})
        lasts = told_duration(policy, "connection", "connectionLimit", "maxStreamDuration")
        if lasts is not None:
            hcm.say("common_http_protocol_options", {"max_stream_duration": duration(lasts[0])}, lasts[1])
        switched_off = [
            {**http_filter("buffer", "Buffer", max_request_bytes=1), "disabled": True},
            {**http_filter("compressor", "Compressor"), "disabled": True},
            {**http_filter("custom_response", "CustomResponse"), "disabled": True},
            {**http_filter("ext_authz", "ExtAuthz"), "disabled": True},
            {**http_filter("lua", "Lua"), "disabled": True},
            {"name": "envoy.filters.http.wasm", "disabled": True},
        ]
        web = [http_filter("grpc_web", "GrpcWeb")] if any(each.kind == "GRPCRoute" for each in listener.bound) else []
        hcm.supply("http_filters", [*self._processors(), *switched_off, *web, ROUTER])
        more = {}
        keep = policy.field("tcpKeepalive")
        if keep is not None:
            more["tcp_keepalive"] = keep
        said = policy.field("tls", "alpnProtocols")
        alpn = tuple(each.value.raw for each in policy.texts("tls", "alpnProtocols")) if said else ("h2", "http/1.1")
        before = []
        limit = policy.field("connection", "connectionLimit", "value")
        if limit is not None:
            typed = {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit"
            }
            counted = self.made.block(limit.span)
            counted.put("@type", typed["@type"])
            counted.say("max_connections", limit.value.raw, limit)
            network = self.made.block(limit.span)
            network.put("name", "envoy.filters.network.connection_limit")
            network.put("typed_config", counted)
            before.append(network)
        name = f"{listener.title} {listener.name or listener.port}"
        return Door(
            name,
            listener.port,
            listener.span,
            listener.secure,
            alpn=alpn,
            alpn_said=said,
            before=tuple(before),
            more=more,
        ), hcm

    def _processors(self) -> Iterator[Node]:
        """A filter for each external processor, which routes switch on."""
        for policy in self.manifests.of("EnvoyExtensionPolicy", GROUP):
            for at, each in enumerate(policy.spec.messages("extProc")):
                typed = self.made.block(each.span)
                typed.put("@type", f"{_TYPE}.ext_proc.v3.ExternalProcessor")
                modes = self.made.block(each.span)
                for side in ("request", "response"):
                    mode = each.field("processingMode", side, "body")
                    if mode is not None:
                        modes.say(f"{side}_body_mode", _BODIES.get(mode.value.raw, mode.value.raw), mode)
                typed.put("processing_mode", modes)
                waits = told_duration(each, "messageTimeout")
                if waits is not None:
                    typed.say("message_timeout", duration(waits[0]), waits[1])
                block = self.made.block(each.span)
                block.put("name", self._name_of(policy.spec, at))
                block.put("typed_config", typed)
                block.put("disabled", value=True)
                yield block.node

    def _name_of(self, policy: Message, at: int) -> str:
        """The name of the filter for a processor of a policy."""
        owner = next(each for each in self.manifests.of("EnvoyExtensionPolicy", GROUP) if each.spec.key == policy.key)
        return f"envoy.filters.http.ext_proc/{owner.namespace}/{owner.name}/{at}"

    def own_log(self) -> bool:
        """Whether an ``EnvoyProxy`` says what is logged."""
        return any(each.spec.has("telemetry", "accessLog") for each in self.manifests.of("EnvoyProxy", GROUP))

    # ---- policies ----

    def client_policy(self, listener: Listener) -> Message:
        """The ``ClientTrafficPolicy`` of a listener: one for it alone counts before one for its gateway."""
        if listener.gateway is None:
            return EMPTY
        found = [
            (section, policy.spec)
            for policy, section in self._for("ClientTrafficPolicy", listener.gateway)
            if section in {"", listener.name}
        ]
        return max(found, key=lambda pair: pair[0] != "", default=("", EMPTY))[1]

    def policies(self, kind: str, route: Object, rule: Message, listener: Listener) -> list[Message]:
        """The policies of a kind for a rule, the one that counts first; a further one only where that is to be merged into it."""
        ranked = [
            (rank + bool(section), policy.spec)
            for target, name, rank in ((route, rule.text("name") or "", 2), (listener.gateway, listener.name, 0))
            for policy, section in (self._for(kind, target) if target is not None else ())
            if section in {"", name}
        ]
        ordered = [spec for _, spec in sorted(ranked, key=lambda pair: -pair[0])]
        return ordered if ordered and ordered[0].has("mergeType") else ordered[:1]

    def _for(self, kind: str, target: Object) -> Iterator[tuple[Object, str]]:
        """The policies of a kind for an object, each with the section of it that is meant; an empty name is the whole."""
        index = self._targets.get(kind)
        if index is None:
            index = self._targets[kind] = {}
            for policy in self.manifests.of(kind, GROUP):
                for name in ("targetRef", "targetRefs"):
                    for each in policy.spec.messages(name):
                        key = each.text("kind") or "", each.text("name") or ""
                        index.setdefault(key, []).append((policy, each.text("sectionName") or ""))
                for selector in policy.spec.messages("targetSelectors"):
                    index.setdefault((selector.text("kind") or "", _SELECTED), []).append((policy, ""))
        for policy, section in index.get((target.kind, target.name), ()):
            if policy.near(target.namespace):
                yield policy, section
        for policy, section in index.get((target.kind, _SELECTED), ()):
            if policy.near(target.namespace) and _selects(policy, target):
                yield policy, section

    # ---- routes ----

    def finish(self, block: Block, action: Block, route: Object, rule: Message, listener: Listener) -> None:
        """Timers, retries, upgrades and filters of a rule."""
        policies = self.policies("BackendTrafficPolicy", route, rule, listener)
        self._timers(action, rule, policies, listener)
        self._retries(action, rule, policies)
        self._upgrades(action, route, policies)
        self._filters(block, route, rule, listener, policies)
        balancer = _first(policies, "loadBalancer")
        if balancer is not None:
            _hash(action, *balancer)

    def _timers(self, action: Block, rule: Message, policies: list[Message], listener: Listener) -> None:
        timeout = told_duration(rule, "timeouts", "backendRequest") if not rule.has("retry") else None
        timeout = timeout or told_duration(rule, "timeouts", "request") or _timer(policies, "requestTimeout")
        if timeout is not None:
            action.say("timeout", duration(timeout[0]), timeout[1])
        lasts = _timer(policies, "maxStreamDuration")
        if lasts is not None:
            action.say("max_stream_duration", {"max_stream_duration": duration(lasts[0])}, lasts[1])
        idle = _timer(policies, "streamIdleTimeout")
        if idle is not None:
            action.say("idle_timeout", duration(idle[0]), idle[1])
        elif timeout is not None and not self.client_policy(listener).has("timeout", "http", "streamIdleTimeout"):
            # So that no stream falls silent before its time is up: an hour, or never where the time is.
            action.supply("idle_timeout", duration(max(_HOUR, timeout[0])) if timeout[0] else "0s")

    def _retries(self, action: Block, rule: Message, policies: list[Message]) -> None:
        own = rule.field("retry")
        policy = rule.message("retry")
        if own is None or policy is None:
            found = _first(policies, "retry")
            if found is None:
                return
            policy, own = found
        made = self.made.block(own.span)
        count = policy.field("attempts") or policy.field("numRetries")
        if count is not None:
            made.say("num_retries", count.value.raw, count)
        made.supply("num_retries", 2)
        triggers = policy.field("retryOn", "triggers")
        if triggers is not None:
            made.say("retry_on", ",".join(each.value.raw for each in policy.texts("retryOn", "triggers")), triggers)
        made.supply("retry_on", CONDITIONS)
        codes = policy.field("codes") or policy.field("retryOn", "httpStatusCodes")
        if codes is not None:
            made.say("retriable_status_codes", [each.raw for _, each in codes.value.children.values()], codes)
        elif not policy.has("retryOn"):
            made.supply("retriable_status_codes", [503])
        each_try = told_duration(policy, "perRetry", "timeout") or told_duration(rule, "timeouts", "backendRequest")
        if each_try is not None and each_try[0]:
            made.say("per_try_timeout", duration(each_try[0]), each_try[1])
        action.put("retry_policy", made, own.span)

    def _upgrades(self, action: Block, route: Object, policies: list[Message]) -> None:
        if route.kind == "GRPCRoute":
            return
        found = _first(policies, "httpUpgrade")
        if found is not None:
            kinds = [
                {"upgrade_type": each.text("type") or ""}
                for holder in policies[:1]
                for each in holder.messages("httpUpgrade")
            ]
            action.say("upgrade_configs", kinds, found[1])
        elif _first(policies, "requestBuffer") is None:
            action.supply("upgrade_configs", [{"upgrade_type": "websocket"}])

    def _filters(self, block: Block, route: Object, rule: Message, listener: Listener, policies: list[Message]) -> None:
        found = self.made.block(rule.span)
        buffered = _first(policies, "requestBuffer")
        if buffered is not None:
            limit = _bytes(buffered[0].text("limit") or "")
            found.say(
                "envoy.filters.http.buffer",
                {"@type": f"{_TYPE}.buffer.v3.BufferPerRoute", "buffer": {"max_request_bytes": limit}},
                buffered[1],
            )
        compressed = _first(policies, "compressor") or _first(policies, "compression")
        if compressed is not None:
            on = {"@type": f"{_TYPE}.compressor.v3.CompressorPerRoute", "overrides": {"response_direction_config": {}}}
            found.say("envoy.filters.http.compressor", on, compressed[1])
        replaced = _first(policies, "responseOverride")
        if replaced is not None:
            found.say(
                "envoy.filters.http.custom_response",
                {"@type": f"{_TYPE}.custom_response.v3.CustomResponse"},
                replaced[1],
            )
        security = self.policies("SecurityPolicy", route, rule, listener)
        asked = _first(security, "extAuth")
        body = asked[0].field("bodyToExtAuth", "maxRequestBytes") if asked is not None else None
        if body is not None:
            settings = {"with_request_body": {"max_request_bytes": body.value.raw}}
            found.say(
                "envoy.filters.http.ext_authz",
                {"@type": f"{_TYPE}.ext_authz.v3.ExtAuthzPerRoute", "check_settings": settings},
                body,
            )
        self._extensions(found, route, rule, listener)
        if found:
            block.put("typed_per_filter_config", found)

    def _extensions(self, found: Block, route: Object, rule: Message, listener: Listener) -> None:
        for policy in self.policies("EnvoyExtensionPolicy", route, rule, listener):
            for at, each in enumerate(policy.messages("extProc")):
                on = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig"}
                found.say(self._name_of(policy, at), on, each.field("processingMode") or Field(None, each.node))
            for each in policy.messages("lua"):
                script = each.field("inline")
                if script is not None:
                    source = {
                        "@type": f"{_TYPE}.lua.v3.LuaPerRoute",
                        "source_code": {"inline_string": script.value.raw},
                    }
                    found.say("envoy.filters.http.lua", source, script)
            wasm = policy.field("wasm")
            if wasm is not None:
                found.say("envoy.filters.http.wasm", {"@type": f"{_TYPE}.wasm.v3.Wasm"}, wasm)

    # ---- clusters ----

    def cluster(self, action: Block, route: Object, rule: Message, backend: Message, listener: Listener) -> str:
        """The cluster of one backend; those of one rule have its policy."""
        del action
        policies = self.policies("BackendTrafficPolicy", route, rule, listener)
        block = self.made.block(backend.span)
        connect = _of(policies, "timeout", "tcp", "connectTimeout")
        told = told_duration(connect, "timeout", "tcp", "connectTimeout") if connect is not None else None
        if told is not None:
            block.say("connect_timeout", duration(told[0]), told[1])
        block.supply("connect_timeout", "10s")
        limits = []
        for name, key in (
            ("max_connections", "maxConnections"),
            ("max_requests", "maxParallelRequests"),
            ("max_pending_requests", "maxPendingRequests"),
        ):
            holder = _of(policies, "circuitBreaker", key)
            said = holder.field("circuitBreaker", key) if holder is not None else None
            if said is not None:
                limits.append((name, said))
        threshold(block, limits)
        self._protocol(block, route, backend, policies)
        balancer = _first(policies, "loadBalancer")
        hashed = balancer is not None and balancer[0].text("type") == "ConsistentHash"
        if balancer is not None and hashed:
            block.say("lb_policy", "MAGLEV", balancer[1])
        block.supply("lb_policy", "LEAST_REQUEST")
        passive = _of(policies, "healthCheck", "passive")
        outlier = passive.field("healthCheck", "passive") if passive is not None else None
        if passive is not None and outlier is not None:
            split = bool(passive.flag("healthCheck", "passive", "splitExternalLocalOriginErrors"))
            block.say("outlier_detection", {"split_external_local_origin_errors": split}, outlier)
        name, port = backend.text("name") or "", backend.text("port") or ""
        namespace = backend.text("namespace") or route.namespace
        title = ".".join(filter(None, (name, namespace))) + (f":{port}" if port else "")
        return self.made.cluster(block, title, backend.doc)

    def _protocol(self, block: Block, route: Object, backend: Message, policies: list[Message]) -> None:
        as_client = _of(policies, "useClientProtocol")
        said = as_client.field("useClientProtocol") if as_client is not None else None
        if as_client is not None and said is not None and as_client.flag("useClientProtocol"):
            speaks(block, "client", said)
            return
        name, namespace = backend.text("name") or "", backend.text("namespace") or route.namespace
        kind = backend.text("kind") or "Service"
        there = self.manifests.find(kind, GROUP if kind == "Backend" else "", namespace, name)
        found: Field | None = None
        if there is not None and kind == "Backend":
            found = next(iter(there.spec.texts("appProtocols")), None)
        elif there is not None:
            port = service_port(there, backend.text("port") or "")
            found = port.field("appProtocol") if port is not None else None
        word = found.value.raw.rpartition("/")[2] if found is not None else ""
        if found is not None and word in {"h2c", "grpc"}:
            speaks(block, "2", found)
        elif route.kind == "GRPCRoute":
            speaks(block, "2", route.message.field("kind"))
        elif found is not None:
            speaks(block, "1.1", found)
        elif there is None:
            speaks(block, "open", words=f"the {kind} {name} is not at hand, whose appProtocol says what it speaks")


_SELECTED = ""
"""In place of a name: objects are chosen by their labels."""


def _selects(policy: Object, target: Object) -> bool:
    """Whether one of a policy's selectors takes an object."""
    labels = target.message.message("metadata", "labels")
    for selector in policy.spec.messages("targetSelectors"):
        wanted = selector.message("matchLabels")
        pairs = [(key, said.value.raw) for key, said in wanted.items()] if wanted is not None else []
        meant = selector.text("kind") == target.kind and pairs and labels is not None
        if meant and labels is not None and all(labels.text(key) == value for key, value in pairs):
            return True
    return False


def _first(policies: list[Message], name: str) -> tuple[Message, Field] | None:
    """A section of the policy that counts, and its field."""
    for each in policies:
        said = each.field(name)
        if said is not None:
            return each.of(said), said
    return None


def _of(policies: list[Message], *path: str) -> Message | None:
    """The policy that says a field."""
    return next((each for each in policies if each.has(*path)), None)


def _timer(policies: list[Message], name: str) -> tuple[float, Field] | None:
    holder = _of(policies, "timeout", "http", name)
    return told_duration(holder, "timeout", "http", name) if holder is not None else None


def _hash(action: Block, balancer: Message, said: Field) -> None:
    kind = balancer.text("consistentHash", "type")
    policies: dict[str | None, list[dict[str, Any]]] = {
        "SourceIP": [{"connection_properties": {"source_ip": True}}],
        "Header": [{"header": {"header_name": balancer.text("consistentHash", "header", "name")}}],
        "Headers": [
            {"header": {"header_name": each.text("name")}} for each in balancer.messages("consistentHash", "headers")
        ],
        "Cookie": [{"cookie": {"name": balancer.text("consistentHash", "cookie", "name")}}],
        "QueryParams": [
            {"query_parameter": {"name": each.text("name")}}
            for each in balancer.messages("consistentHash", "queryParams")
        ],
    }
    if balancer.text("type") == "ConsistentHash" and kind in policies:
        action.say("hash_policy", policies[kind], said)


def _bytes(text: str) -> int:
    """A quantity of Kubernetes in bytes; 0 for what is none."""
    match = _QUANTITY.fullmatch(text)
    return int(float(match[1]) * _SIZES.get(match[2] or "", 1)) if match else 0
