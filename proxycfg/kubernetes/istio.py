"""Istio: what istiod makes of ``VirtualService``, ``DestinationRule``, ``Gateway`` and ``EnvoyFilter``, as of Istio 1.31.

Defaults are those of istiod's sources: ``pilot/pkg/networking/core`` (``listener_builder.go``, ``cluster_traffic_policy.go``,
``route/route.go``, ``route/retry/retry.go``) and ``pkg/config/mesh/mesh.go``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from proxycfg.kubernetes.envoys import (
    HTTP,
    HTTPS,
    ROUTER,
    Door,
    Lowering,
    Rule,
    VirtualHost,
    entries,
    header_match,
    service_port,
    speaks,
    threshold,
)
from proxycfg.kubernetes.gateway_api import Listener
from proxycfg.kubernetes.istio_patches import Patches
from proxycfg.kubernetes.lowered import Block, duration, told_duration
from proxycfg.kubernetes.manifests import Manifests, Object
from proxycfg.source import Span
from proxycfg.targets.envoy.tree import EMPTY, Field, Message
from proxycfg.yamldoc import Node

NAME = "Istio 1.31"
GROUP = "networking.istio.io"
CONDITIONS = "connect-failure,refused-stream,unavailable,cancelled"
"""On which istiod retries twice where nothing is said; up to 1.23 on 503 as well."""
NO_LIMIT = 2**32 - 1
_MESH = "mesh"
_FILE_LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
_TWO = ("grpc", "grpc-web", "http2", "h2", "h2c", "kubernetes.io/h2c")
"""Protocols of a port over which Envoy speaks HTTP/2 to it."""
_ONE = ("http", "https", "http1", "ws", "wss", "kubernetes.io/ws", "kubernetes.io/wss", "tcp")


def lower(manifests: Manifests) -> Lowering | None:
    """The Envoys of a mesh: its gateways, and the sidecars of those who call; None where no routes of Istio are."""
    services = list(manifests.of("VirtualService", GROUP))
    if not services:
        return None
    return _Istio(manifests).lower(services)


def mesh_of(manifests: Manifests) -> Message:
    """What an ``IstioOperator`` says of the whole mesh; a message without fields where none is at hand."""
    found = (each.spec.message("meshConfig") for each in manifests.of("IstioOperator", "install.istio.io"))
    return next((each for each in found if each is not None), EMPTY)


def hcm_of(made: Lowering, span: Span, mesh: Message) -> Block:
    """The connection manager that istiod writes for gateways and for sidecars."""
    hcm = made.block(span)
    log = mesh.field("accessLogFile")
    if log is not None and log.value.raw:
        form = mesh.text("accessLogFormat") or "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"
        typed = {"@type": _FILE_LOG, "log_format": {"text_format_source": {"inline_string": form}}}
        hcm.say("access_log", [{"name": "envoy", "typed_config": typed}], mesh.field("accessLogFormat") or log)
    hcm.supply("upgrade_configs", [{"upgrade_type": "websocket"}])
    hcm.supply("stream_idle_timeout", "0s")
    # Whether requests are logged is said in MeshConfig, or by Telemetry.
    hcm.supply("access_log", [{"name": "accessLogFile of the mesh, which is not at hand"}])
    hcm.supply("http_filters", [ROUTER])
    return hcm


class _Way(NamedTuple):
    """A gateway's server, or the sidecars."""

    gateway: str
    door: Door
    hosts: tuple[str, ...]


class _Istio:
    def __init__(self, manifests: Manifests) -> None:
        self.manifests = manifests
        self.made = Lowering.of(NAME, manifests)
        self.mesh = mesh_of(manifests)
        self.patches = Patches(manifests)
        self.clusters: dict[tuple[str, str, str, str], str] = {}
        self.rules: dict[str, list[tuple[str, Object]]] = {}
        """The rules for destinations, by the name of the service, each with its namespace."""
        for rule in manifests.of("DestinationRule", GROUP):
            name, namespace = _service_of(rule.spec.text("host") or "", rule.namespace)
            self.rules.setdefault(name, []).append((namespace, rule))

    def lower(self, services: Sequence[Object]) -> Lowering:
        if self.mesh is EMPTY:
            what = "with its own MeshConfig: another one may set timeouts and retries for all"
            self.made.assume(f"read as {NAME} does {what}")
        ways: dict[tuple[str, str], tuple[_Way, list[Object]]] = {}
        for service in services:
            for way in self.ways(service):
                ways.setdefault((way.gateway, way.door.name), (way, []))[1].append(service)
        tables: dict[tuple[str, tuple[int, ...]], Node] = {}
        for way, bound in ways.values():
            # Servers of one gateway have the same routes, unless a match asks for one of them.
            key = way.gateway, tuple(id(each) for each in bound if self.answers(each, way))
            if key not in tables:
                hosts = [host for each in bound if self.answers(each, way) for host in self.hosts(each, way)]
                tables[key] = self.made.table(way.gateway, self.apart(hosts), way.door.span)
            hcm = hcm_of(self.made, way.door.span, self.mesh)
            self.made.listener(way.door, hcm, tables[key], bound[0].message.doc)
        self.patches.apply(self.made)
        return self.made

    # ---- the ways in ----

    def ways(self, service: Object) -> Iterator[_Way]:
        named = service.spec.texts("gateways")
        for each in named:
            if each.value.raw != _MESH:
                yield from self.gateway(service, each)
        if not named or any(each.value.raw == _MESH for each in named):
            yield _Way(_MESH, Door("sidecars of the mesh", HTTP, service.span), ())

    def gateway(self, service: Object, named: Field) -> Iterator[_Way]:
        namespace, slash, name = named.value.raw.rpartition("/")
        gateway = self.manifests.find("Gateway", GROUP, namespace if slash else service.namespace, name)
        title = f"gateway {named.value.raw}"
        if gateway is None:
            self.made.assume(f"{named.span}: {title} is not at hand: its ports are taken to be 80 and 443")
            for port in (HTTP, HTTPS):
                yield _Way(title, Door(f"{title} {port}", port, named.span, secure=port == HTTPS), ())
            return
        for server in gateway.spec.messages("servers"):
            protocol = (server.text("port", "protocol") or "").upper()
            mode = (server.text("tls", "mode") or "").upper()
            if protocol in {"TCP", "MONGO", "TLS"} or mode in {"PASSTHROUGH", "AUTO_PASSTHROUGH"}:
                continue
            if server.flag("tls", "httpsRedirect"):
                continue
            number = server.number("port", "number") or HTTP
            door = Door(
                f"{gateway.title} {server.text('port', 'name') or number}",
                number,
                server.span,
                secure=server.has("tls"),
            )
            yield _Way(title, door, tuple(each.value.raw.rpartition("/")[2] for each in server.texts("hosts")))

    def answers(self, service: Object, way: _Way) -> bool:
        hosts = [each.value.raw for each in service.spec.texts("hosts")]
        return not way.hosts or any(_covers(one, other) for one in way.hosts for other in hosts)

    def apart(self, hosts: list[VirtualHost]) -> list[VirtualHost]:
        """Objects for the same hosts: which of them comes first hangs on their age, so neither is taken to stand before the other."""
        seen: set[str] = set()
        for each in hosts:
            if not seen.isdisjoint(each.domains):
                self.made.assume(
                    f"{each.span}: several objects have routes for {', '.join(each.domains)}: the oldest one comes first"
                )
            seen.update(each.domains)
        return hosts

    # ---- routes ----

    def hosts(self, service: Object, way: _Way) -> Iterator[VirtualHost]:
        routes = [
            route
            for http in service.spec.messages("http")
            for match in http.messages("match") or (None,)
            if (route := self.route(service, http, match, way)) is not None
        ]
        domains = tuple(each.value.raw for each in service.spec.texts("hosts"))
        if routes:
            yield VirtualHost(service.title, domains, routes, service.span)

    def route(self, service: Object, http: Message, match: Message | None, way: _Way) -> Block | None:
        if match is not None and match.texts("gateways"):
            wanted = {
                f"gateway {each.value.raw}" if each.value.raw != _MESH else _MESH for each in match.texts("gateways")
            }
            if way.gateway not in wanted:
                return None
        block = self.made.block(http.span)
        named = http.field("name")
        if named is not None:
            block.say("name", named.value.raw, named)
        block.put("match", _match(self.made, http, match))
        delegate = http.field("delegate")
        if http.has("redirect") or http.has("directResponse"):
            block.put("redirect" if http.has("redirect") else "direct_response", {})
        elif delegate is not None:
            self.made.assume(
                f"{delegate.span}: what is delegated is not followed: the VirtualService there has the routes"
            )
            return None
        else:
            block.put("route", self.action(service, http))
        _headers(block, http)
        self.made.route(block, Rule(service, http))
        return block

    def action(self, service: Object, http: Message) -> Block:
        action = self.made.block(http.span)
        timeout = told_duration(http, "timeout")
        if timeout is not None:
            action.say("timeout", duration(timeout[0]), timeout[1])
        action.supply("timeout", "0s")
        self.retries(action, http)
        shares = http.messages("route")
        if len(shares) == 1:
            action.put("cluster", self.destination(service, shares[0], action), shares[0].span)
        else:
            made = []
            for share in shares:
                each = self.made.block(share.span)
                each.put("name", self.destination(service, share, action))
                each.put("weight", share.number("weight") or 0)
                made.append(each)
            weighted = self.made.block(http.span)
            weighted.blocks("clusters", made)
            action.put("weighted_clusters", weighted)
        mirrors = [each for each in (*http.messages("mirror"), *http.messages("mirrors")) if each.node.children]
        copied = []
        for mirror in mirrors:
            policy = self.made.block(mirror.span)
            policy.put("cluster", mirror.text("host") or mirror.text("destination", "host") or "")
            copied.append(policy)
        action.blocks("request_mirror_policies", copied)
        return action

    def retries(self, action: Block, http: Message) -> None:
        holder, name = (http, "retries") if http.has("retries") else (self.mesh, "defaultHttpRetryPolicy")
        said, retries = holder.field(name), holder.message(name)
        if said is None or retries is None:
            action.supply("retry_policy", {"retry_on": CONDITIONS, "num_retries": 2})
            return
        policy = self.made.block(said.span)
        attempts = retries.field("attempts")
        if attempts is not None:
            policy.say("num_retries", attempts.value.raw, attempts)
        else:
            policy.put("num_retries", 0)
        wanted = retries.field("retryOn")
        if wanted is not None and wanted.value.raw:
            conditions = [word.strip() for word in wanted.value.raw.split(",")]
            codes = [word for word in conditions if word.isdigit()]
            others = [word for word in conditions if not word.isdigit()]
            if codes and "retriable-status-codes" not in others:
                others.append("retriable-status-codes")
            policy.say("retry_on", ",".join(others), wanted)
            if codes:
                policy.say("retriable_status_codes", codes, wanted)
        policy.supply("retry_on", CONDITIONS)
        each_try = told_duration(retries, "perTryTimeout")
        if each_try is not None:
            policy.say("per_try_timeout", duration(each_try[0]), each_try[1])
        action.put("retry_policy", policy, said.span)

    # ---- clusters ----

    def destination(self, service: Object, share: Message, action: Block) -> str:
        name, namespace = _service_of(share.text("destination", "host") or "", service.namespace)
        subset, port = share.text("destination", "subset") or "", share.text("destination", "port", "number") or ""
        return self.cluster(share, action, name, namespace, subset, port)

    def cluster(self, share: Message, action: Block, name: str, namespace: str, subset: str, port: str) -> str:
        rules = self.rules.get(name, ())
        rule = next((each for where, each in rules if not where or not namespace or where == namespace), None)
        policies = _policies(rule, subset, port)
        _hash(action, policies)
        key = name, namespace, subset, port
        if key not in self.clusters:
            block = self.made.block(share.span)
            self.settings(block, policies)
            self.protocol(block, policies, name, namespace, port)
            title = ".".join(filter(None, (name, namespace))) + (f":{port}" if port else "")
            self.clusters[key] = self.made.cluster(block, title, share.doc)
        return self.clusters[key]

    def settings(self, block: Block, policies: list[Message]) -> None:
        pool = _section(policies, "connectionPool")
        connect = told_duration(pool, "tcp", "connectTimeout") if pool is not None else None
        if connect is not None:
            block.say("connect_timeout", duration(connect[0]), connect[1])
        elif (usual := told_duration(self.mesh, "connectTimeout")) is not None:
            block.say("connect_timeout", duration(usual[0]), usual[1])
        block.supply("connect_timeout", "10s")
        found: list[tuple[str, Field]] = []
        for name, path in (
            ("max_connections", ("tcp", "maxConnections")),
            ("max_requests", ("http", "http2MaxRequests")),
            ("max_pending_requests", ("http", "http1MaxPendingRequests")),
        ):
            said = pool.field(*path) if pool is not None else None
            # Zero is silence here.
            if pool is not None and said is not None and pool.number(*path):
                found.append((name, said))
        limits = ("max_connections", "max_requests", "max_pending_requests", "max_retries")
        threshold(block, found, dict.fromkeys(limits, NO_LIMIT))
        outlier = _section(policies, "outlierDetection")
        if outlier is not None:
            counted = outlier.field("consecutive5xxErrors")
            detection = self.made.block(outlier.span)
            detection.put("enforcing_consecutive_5xx", 0 if counted is not None and counted.value.raw == "0" else 100)
            if outlier.flag("splitExternalLocalOriginErrors"):
                detection.put("split_external_local_origin_errors", value=True)
            block.put("outlier_detection", detection)

    def protocol(self, block: Block, policies: list[Message], name: str, namespace: str, port: str) -> None:
        pool = _section(policies, "connectionPool")
        upgraded = pool.field("http", "h2UpgradePolicy") if pool is not None else None
        as_client = pool.field("http", "useClientProtocol") if pool is not None else None
        service = self.manifests.find("Service", "", namespace, name)
        found = service_port(service, port) if service is not None else None
        if pool is not None and as_client is not None and pool.flag("http", "useClientProtocol"):
            speaks(block, "client", as_client)
        elif found is None and upgraded is not None and upgraded.value.raw.upper() == "UPGRADE":
            speaks(block, "2", upgraded)
        elif found is None:
            what = f"the Service {name} is not at hand, whose port says what it speaks"
            speaks(block, "open", words=what)
        else:
            said = found.field("appProtocol") or found.field("name")
            word = "" if said is None else said.value.raw.lower()
            spoken = word if said is not None and said.key and said.key.raw == "appProtocol" else word.partition("-")[0]
            if spoken in _TWO or word.startswith("grpc-web"):
                speaks(block, "2", said)
            elif upgraded is not None and upgraded.value.raw.upper() == "UPGRADE":
                speaks(block, "2", upgraded)
            elif spoken in _ONE:
                speaks(block, "1.1", said)
            else:
                speaks(block, "client", words="the port of the Service has no protocol: what the client speaks")
        balancer = _section(policies, "loadBalancer")
        hashed = balancer.field("consistentHash") if balancer is not None else None
        if balancer is not None and hashed is not None:
            maglev = balancer.has("consistentHash", "maglev")
            block.say("lb_policy", "MAGLEV" if maglev else "RING_HASH", hashed)
        block.supply("lb_policy", "LEAST_REQUEST")


def _hash(action: Block, policies: list[Message]) -> None:
    balancer = _section(policies, "loadBalancer")
    hashed = balancer.message("consistentHash") if balancer is not None else None
    said = balancer.field("consistentHash") if balancer is not None else None
    if hashed is None or said is None:
        return
    for name, policy in (
        ("httpHeaderName", {"header": {"header_name": hashed.text("httpHeaderName")}}),
        ("httpCookie", {"cookie": {"name": hashed.text("httpCookie", "name")}}),
        ("useSourceIp", {"connection_properties": {"source_ip": True}}),
        ("httpQueryParameterName", {"query_parameter": {"name": hashed.text("httpQueryParameterName")}}),
    ):
        if hashed.has(name):
            action.say("hash_policy", [policy], said)


# ---- DestinationRule ----


def _policies(rule: Object | None, subset: str, port: str) -> list[Message]:
    """The traffic policies of a destination, the one that counts first; of each section the first one counts as a whole."""
    if rule is None:
        return []
    found: list[Message] = []
    chosen = (
        next((each for each in rule.spec.messages("subsets") if each.text("name") == subset), None) if subset else None
    )
    for holder in (chosen, rule.spec):
        policy = holder.message("trafficPolicy") if holder is not None else None
        if policy is None:
            continue
        ports = policy.messages("portLevelSettings")
        found += [each for each in ports if port and each.text("port", "number") == port]
        found.append(policy)
    return found


def _section(policies: list[Message], name: str) -> Message | None:
    return next((section for each in policies if (section := each.message(name)) is not None), None)


def _service_of(host: str, namespace: str) -> tuple[str, str]:
    """The name and the namespace of a service; of a host outside the cluster the host."""
    if "." not in host:
        return host, namespace
    parts = host.split(".")
    if parts[2:3] == ["svc"] or (len(parts) == 2 and parts[1] != "com"):  # noqa: PLR2004 - name and namespace
        return parts[0], parts[1]
    return host, ""


# ---- matches ----


def _match(made: Lowering, http: Message, match: Message | None) -> Block:
    block = made.block(match.span if match is not None else http.span)
    uri = match.message("uri") if match is not None else None
    for how, name in (("exact", "path"), ("prefix", "prefix"), ("regex", "safe_regex")):
        said = uri.field(how) if uri is not None else None
        if said is not None:
            block.say(name, {"regex": said.value.raw} if how == "regex" else said.value.raw, said)
    if match is None or not block:
        block.put("prefix", "/")
    if match is None:
        return block
    if match.flag("ignoreUriCase"):
        block.put("case_sensitive", value=False)
    headers = [
        _node(made, match.of(said), name) for name, said in entries(match, "headers") if said.value.kind == "mapping"
    ]
    for name in ("method", "authority", "scheme"):
        found = match.message(name)
        if found is not None:
            headers.append(_node(made, found, f":{name}"))
    for name, said in entries(match, "withoutHeaders"):
        node = _node(made, match.of(said), name)
        node.put("invert_match", value=True)
        headers.append(node)
    block.blocks("headers", headers)
    block.blocks(
        "query_parameters", [_node(made, match.of(said), name) for name, said in entries(match, "queryParams")]
    )
    return block


def _node(made: Lowering, matcher: Message, name: str) -> Block:
    block = made.block(matcher.span)
    how = next((each for each in ("exact", "prefix", "regex") if matcher.text(each)), "present")
    for key, value in header_match(name, how, matcher.text(how) or "").items():
        block.put(key, value)
    return block


def _headers(block: Block, http: Message) -> None:
    for side in ("request", "response"):
        removed = http.field("headers", side, "remove")
        if removed is not None:
            block.say(
                f"{side}_headers_to_remove", [each.value.raw for each in http.texts("headers", side, "remove")], removed
            )
        added = [(name, said) for how in ("set", "add") for name, said in entries(http, "headers", side, how)]
        if added:
            made = []
            for name, said in added:
                one = Block(said.span, block.by)
                one.put("header", {"key": name, "value": said.value.raw})
                one.put("append_action", "OVERWRITE_IF_EXISTS_OR_ADD")
                made.append(one)
            block.blocks(f"{side}_headers_to_add", made)


# ---- hosts ----


def _covers(pattern: str, host: str) -> bool:
    if pattern in {"*", host} or host == "*":
        return True
    if pattern.startswith("*."):
        return host.endswith(pattern[1:])
    return host.startswith("*.") and pattern.endswith(host[1:])


# ---- the Gateway API ----


class GatewayApi:
    """Istio's dialect of the Gateway API: ``pilot/pkg/config/kube/gateway/conversion.go``."""

    def __init__(self, manifests: Manifests) -> None:
        """``manifests`` hold the rules for destinations."""
        self._mesh = _Istio(manifests)

    @property
    def made(self) -> Lowering:
        """What it makes."""
        return self._mesh.made

    def door(self, listener: Listener) -> tuple[Door, Block]:
        """The way in: what istiod writes for any gateway."""
        name = f"{listener.title} {listener.name or listener.port}"
        return Door(name, listener.port, listener.span, listener.secure), hcm_of(
            self.made, listener.span, self._mesh.mesh
        )

    def finish(self, block: Block, action: Block, route: Object, rule: Message, listener: Listener) -> None:
        """Timers and retries of a rule; zero is silence, and silence is no limit."""
        del block, route, listener
        retry = rule.message("retry")
        each_try = told_duration(rule, "timeouts", "backendRequest")
        timeout = told_duration(rule, "timeouts", "request")
        if each_try is not None and each_try[0] and retry is None:
            timeout = each_try
        if timeout is not None:
            action.say("timeout", duration(timeout[0]), timeout[1])
        action.supply("timeout", "0s")
        if retry is None:
            action.supply("retry_policy", {"retry_on": CONDITIONS, "num_retries": 2})
            return
        policy = self.made.block(retry.span)
        attempts, codes = retry.field("attempts"), retry.field("codes")
        if attempts is not None:
            policy.say("num_retries", attempts.value.raw, attempts)
        policy.supply("num_retries", 2)
        if codes is not None:
            policy.say("retry_on", f"{CONDITIONS},retriable-status-codes", codes)
            policy.say("retriable_status_codes", [each.raw for _, each in codes.value.children.values()], codes)
        policy.supply("retry_on", CONDITIONS)
        if each_try is not None and each_try[0]:
            policy.say("per_try_timeout", duration(each_try[0]), each_try[1])
        action.put("retry_policy", policy)

    def cluster(self, action: Block, route: Object, rule: Message, backend: Message, listener: Listener) -> str:
        """The cluster of a backend, as its ``DestinationRule`` has it."""
        del rule, listener
        namespace = backend.text("namespace") or route.namespace
        return self._mesh.cluster(
            backend, action, backend.text("name") or "", namespace, "", backend.text("port") or ""
        )

    def patch(self) -> None:
        """Put the patches of ``EnvoyFilter`` objects in."""
        self._mesh.patches.apply(self.made)
