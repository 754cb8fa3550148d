"""An Envoy as a draft of a spec: what of it a spec can say, and what it cannot.

A route whose requests a spec could not keep as they are is withheld: one that asks who the client is, or goes by more than host, path and method.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from proxycfg.collector import held_off
from proxycfg.draft import (
    Draft,
    DraftRoute,
    DraftUpstream,
    Lost,
    Namer,
    Unsayable,
    guarded,
    held,
    merged,
    retried,
    strip_for,
    terms,
)
from proxycfg.finding import Confidence
from proxycfg.headers import CORS
from proxycfg.protocols import protocols
from proxycfg.streams import Stream
from proxycfg.targets.envoy import facts
from proxycfg.targets.envoy.bootstrap import Config
from proxycfg.targets.envoy.place import Origin, Place, Reader
from proxycfg.targets.envoy.read import read_route
from proxycfg.targets.envoy.routes import Door, Host, Route, read_world
from proxycfg.targets.envoy.signs import Signs
from proxycfg.targets.envoy.tree import Field, Message

_STREAMS = range(10_001, 1_000_001)
"""Circuit breakers that say something of the scale: below is the default, and beyond stands what is meant to be no limit."""


@held_off()
def draft_of(config: Config, version: str, *, stated: bool) -> Draft:
    """The draft of one Envoy.

    :param stated: whether somebody says the version: only then the spec does.
    """
    drafting = _Drafting(config, version)
    drafting.every()
    routes, left_out = merged(drafting.routes)
    # As many are let through, with room beside them.
    streams = int(held(routes) * 10_000 // facts.requests(10_000))
    settings = {
        "targets": {"envoy": {"version": ".".join(version.split(".")[:2])} if stated else {}},
        **drafting.settings,
        **({"scale": {"streams": streams}} if streams in _STREAMS else {}),
    }
    return Draft(
        target="envoy",
        settings=settings,
        upstreams=tuple(drafting.upstreams.values()),
        routes=tuple(routes),
        lost=tuple(dict.fromkeys([*drafting.lost, *left_out])),
    )


class _Servers(NamedTuple):
    """The endpoints of a cluster: their addresses, and the names that they are known by."""

    addresses: tuple[str, ...]
    names: tuple[str, ...]


class _Drafting:
    """One run."""

    def __init__(self, config: Config, version: str) -> None:
        self.world = read_world(config)
        self.reader = Reader(self.world, version)
        self.signs = Signs(self.world)
        config.problems += self.signs.problems
        self.routes: list[DraftRoute] = []
        self.lost: list[Lost] = []
        self.settings: dict[str, Any] = {}
        self.upstreams: dict[tuple[int, str], DraftUpstream] = {}
        self.namer = Namer()
        self.by_door: dict[int, int] = {}

    def lose(self, place: Field | Message, what: str, instead: str = "") -> None:
        """Tell of something that is left out; what every generated config has needs no telling."""
        if not self.made_here(place):
            self.lost.append(Lost(place.span, what, instead))

    def made_here(self, place: Field | Message) -> bool:
        """Whether it stands in a generated config, of which every part is known."""
        trees = self.world.config.files.get(place.span.file)
        return trees is not None and trees.source.text.startswith("# Made by proxycfg ")

    def every(self) -> None:
        """All routes, then what is in front of them."""
        for each in (*self.world.config.absent, *self.world.absent, *self.world.opaque):
            if each.span is not None:
                self.lost.append(Lost(each.span, each.what, "write its routes by hand"))
        for table in self.world.tables:
            for host in table.hosts:
                self.host(host)
        self.listener()

    def host(self, host: Host) -> None:
        """A virtual host."""
        hosts = self.hosts(host)
        for route in host.routes:
            title = route.title or "this route"
            if not route.proxied:
                said = route.message.field(route.action_name) if route.action_name else None
                what = f"{title} answers by itself ({route.action_name or 'nothing'}); a spec has only origins"
                self.lose(said or route.message, what, "keep it in a listener of its own, or let an origin answer")
                continue
            if first := self.shadow(route):
                self.lose(
                    route.message,
                    f"{title} is never reached: {first.title} comes first",
                    "put it in front if it is meant to take requests",
                )
                continue
            try:
                self.route(route, hosts)
            except Unsayable as error:
                self.lost.append(error.lost)
        if (found := host.message.field("rate_limits")) is not None:
            self.lose(found, "`rate_limits` are not carried over", "state `limits` of the routes")

    def hosts(self, host: Host) -> tuple[str, ...] | Lost:
        """Its hosts as a spec has them; why a spec cannot."""
        found: list[str] = []
        for field, domain in zip(host.message.texts("domains"), host.domains, strict=True):
            name = re.sub(r":(?:\d+|\*)$", "", domain) if domain.count(":") == 1 else domain
            if name == "*":
                return ("*",)
            if "*" in name.removeprefix("*."):
                what = f"domain {domain} is a pattern; hosts of a spec are names, or *.name"
                return Lost(field.span, what, "list the names that it is meant for")
            found.append(name)
        return tuple(dict.fromkeys(found)) or ("*",)

    def shadow(self, route: Route) -> Route | None:
        """An earlier route that takes all its requests, which in a spec would not come first."""
        for other in route.host.routes[: route.index]:
            if {name for name, _ in other.match.items()} - {_KEYS.get(other.kind, ""), "case_sensitive"}:
                continue
            literal = _literal(route)
            if other.kind == "prefix" and literal.startswith(other.path) and (route.kind != "regex" or literal):
                return other
            if (
                other.kind == "segments"
                and f"{literal.rstrip('/')}/".startswith(f"{other.path.rstrip('/')}/")
                and route.kind != "regex"
            ):
                return other
            if (other.kind, other.path) == (route.kind, route.path):
                return other
        return None

    # ---- one route ----

    def route(self, route: Route, hosts: tuple[str, ...] | Lost) -> None:
        """A route to an origin.

        :raises Unsayable: if a spec has no words for it.
        """
        stream = self.stream(route)
        name = stream.protocol if stream else "http"
        protocol = protocols()[name]
        told = read_route(self.reader, route, name)
        withheld: list[Lost] = [hosts] if isinstance(hosts, Lost) else []
        match, path = self.match(route)
        methods, conditions = self.conditions(route, name)
        withheld += conditions
        strip = self.strip(route, match, path)
        if isinstance(strip, Lost):
            withheld.append(strip)
            strip = ""
        places = self.reader.places(route, name)
        withheld += [*self.guards(places), *_turned_away(route)]
        origin = self.origin(route)
        upstream, servers = self.upstream(route, origin, name)
        made = terms(protocol, stream, told.reading)
        limit = route.action.field("timeout")
        if limit is not None and protocol.streams and told.reading.behavior.total_timeout.high != float("inf"):
            self.lose(
                limit,
                f"`{limit.text}` ends every stream of {route.title}, and is left out",
                "state max_duration if that is meant",
            )
        if strip:
            made["strip_prefix"] = True if strip == path.rstrip("/") else strip
        origins = [origin for other in _before(route) for origin in _checked_origins(other)]
        cors = {"cors": {"origins": origins}} if origins else self.cors(places)
        fields = {
            **made,
            **({"methods": methods} if methods else {}),
            **self.headers(route, origin, servers, name),
            **cors,
            **({"retry": True} if retried(protocol, told.reading, len(upstream.servers)) else {}),
        }
        self.leftovers(route)
        self.routes.append(
            DraftRoute(
                match=match,
                path=path,
                hosts=() if isinstance(hosts, Lost) else hosts,
                protocol=name,
                upstream=upstream.name,
                fields=fields,
                span=route.message.span,
                reading=told.reading,
                because=stream.why if stream else "",
                withheld=tuple(dict.fromkeys(withheld)),
            )
        )
        for door in route.host.table.doors:
            self.by_door[id(door)] = self.by_door.get(id(door), 0) + 1

    def stream(self, route: Route) -> Stream | None:
        """What a route carries, WebSockets first: their route serves ordinary requests, too."""
        streams = self.signs.all_of(route)
        sure = [each for each in streams if each.protocol == "websocket" and each.confidence is not Confidence.INFERRED]
        return next(iter((*sure, *streams)), None)

    def match(self, route: Route) -> tuple[str, str]:
        """How a spec matches it.

        :raises Unsayable: if it does not.
        """
        if route.kind in {"prefix", "segments"}:
            return "path", route.path or "/"
        if route.kind in {"exact", "regex"}:
            return route.kind, route.path
        what = f"{route.title or 'this route'} is matched by {route.kind}; a spec has paths, prefixes and regular expressions"
        raise Unsayable(Lost(route.match.span, what, "write its path, or a regex"))

    def conditions(self, route: Route, protocol: str) -> tuple[list[str], list[Lost]]:
        """The methods that it is for; and what else of a request it hangs on, which a spec cannot say."""
        methods: list[str] = []
        others: list[Lost] = []
        for header in route.match.messages("headers"):
            name = (header.text("name") or "").lower()
            value = header.text("string_match", "exact") or header.text("exact_match") or ""
            if name == ":method" and value in _METHODS:
                methods.append(value)
                continue
            listed = re.fullmatch(
                r"\^?\(?\??:?([A-Z|]+)\)?\$?", header.text("string_match", "safe_regex", "regex") or ""
            )
            if name == ":method" and listed and set(listed[1].split("|")) <= _METHODS:
                methods += listed[1].split("|")
                continue
            if name == "upgrade" and protocol == "websocket":
                continue
            if name == "content-type" and protocol in {"grpc", "grpc-web", "connect"}:
                continue
            others.append(_hangs(header, route, f"the header {name}"))
        for key, what in _CONDITIONS.items():
            if (found := route.match.field(key)) is not None:
                others.append(_hangs(found, route, what))
        if route.match.flag("case_sensitive") is False:
            others.append(_hangs(route.match, route, "paths in any case"))
        return methods, others

    def strip(self, route: Route, match: str, path: str) -> str | Lost:
        """The prefix that is removed from paths; why a spec cannot change them so."""
        pattern = _REMOVED.fullmatch(route.action.text("regex_rewrite", "pattern", "regex") or "")
        if pattern and route.action.text("regex_rewrite", "substitution") == "/" and match != "regex":
            prefix = re.sub(r"\\(.)", r"\1", pattern[1])
            if f"{path.rstrip('/')}/".startswith(f"{prefix}/"):
                return prefix
        for name in ("regex_rewrite", "path_rewrite_policy", "path_rewrite"):
            if (found := route.action.field(name)) is not None:
                return Lost(
                    found.span,
                    f"`{found.text}` changes paths; a spec can only remove a prefix",
                    "let the origin take the paths of clients",
                )
        found = route.action.field("prefix_rewrite")
        if found is None:
            return ""
        to = found.value.raw
        short = strip_for(path, to) if match != "regex" else None
        if short is None:
            return Lost(
                found.span,
                f"`{found.text}` puts {to} in place of {path}; a spec can only remove a prefix",
                f"let the origin take {path}, then take the route in",
            )
        return short

    def guards(self, places: Sequence[Place]) -> list[Lost]:
        """What decides who gets in: without it, the route would be open to everybody."""
        found: list[Lost] = []
        for place in places:
            for each, _ in place.effects:
                if each.kind in _HARMLESS:
                    what = f"the filter {each.name} is not carried over"
                    self.lose(each.place, what, "see whether the application needs it")
                elif self.made_here(each.place) and each.kind not in _GUARDS:
                    continue
                elif each.kind not in _DECIDED and (each.override is None or any(True for _ in each.override.items())):
                    span = (each.said or each.place).span
                    found.append(guarded(span, f"the filter {each.name}", surely=each.kind in _GUARDS))
            tls = place.door.tls if place.door is not None else None
            certificate = tls.field("require_client_certificate") if tls is not None else None
            if tls is not None and certificate is not None and tls.flag("require_client_certificate"):
                found.append(guarded(certificate.span, "`require_client_certificate`"))
        return found

    def headers(self, route: Route, origin: Origin, servers: _Servers, protocol: str) -> dict[str, Any]:
        """Headers that are set or removed, as far as they are the same for every request."""
        request = dict(self.rewrites("request", route, origin, protocol))
        response = dict(self.rewrites("response", route, origin, protocol))
        literal = route.action.text("host_rewrite_literal")
        if literal:
            request["Host"] = literal
        elif route.action.flag("auto_host_rewrite") and servers.names:
            request["Host"] = servers.names[0]
        for name in ("host_rewrite_header", "host_rewrite_path_regex"):
            if (found := route.action.field(name)) is not None:
                self.lose(
                    found, f"`{found.text}`: a spec sends one Host, or the client's", "let the application find it out"
                )
        sides = {side: made for side, made in (("request", request), ("response", response)) if made}
        return {"headers": sides} if sides else {}

    def rewrites(self, side: str, route: Route, origin: Origin, protocol: str) -> Iterator[tuple[str, str | None]]:
        """The headers of one side, those of the outermost level first, so that the innermost wins."""
        for level in reversed(list(self.levels(route, origin))):
            for gone in level.texts(f"{side}_headers_to_remove"):
                name = gone.value.raw
                # A stream's origin never learns that its client takes gzip.
                asked = name.lower() == "accept-encoding" and protocol not in {"http", "websocket"}
                if name.lower() not in _OWNED | _OF_CORS and not asked:
                    yield name, None
            for each in level.messages(f"{side}_headers_to_add"):
                name, value = each.text("header", "key") or "", each.text("header", "value") or ""
                if "%" in value.replace("%%", ""):
                    what = f"{name}: {value} is told anew for each request; headers of a spec are the same for all"
                    self.lose(each, what, "let the application set it")
                elif name and name.lower() not in _OWNED | _OF_CORS:
                    yield name, value.replace("%%", "%")

    @staticmethod
    def levels(route: Route, origin: Origin) -> Iterator[Message]:
        """What may say something of headers, from the innermost to the outermost."""
        if origin.share is not None:
            yield origin.share
        yield from (route.message, route.host.message, route.host.table.message)

    def cors(self, places: Sequence[Place]) -> dict[str, Any]:
        """The origins that answers are readable for."""
        for place in places:
            for each, _ in place.effects:
                if each.kind != "cors" or each.override is None:
                    continue
                rules = each.override.messages("allow_origin_string_match")
                exact = [rule.text("exact") or "" for rule in rules]
                if rules and all(origin == "*" or "://" in origin for origin in exact):
                    return {"cors": {"origins": list(dict.fromkeys(exact))}}
                if rules:
                    self.lose(
                        rules[0],
                        "origins that are patterns; `cors` of a spec lists them",
                        "list them in `cors` of the route",
                    )
        return {}

    def leftovers(self, route: Route) -> None:
        """Fields of a route that became nothing, and that nothing else takes care of."""
        for name in (
            "rate_limits",
            "request_mirror_policies",
            "internal_redirect_policy",
            "hedge_policy",
            "metadata_match",
            "early_data_policy",
        ):
            if (found := route.action.field(name)) is not None:
                self.lose(found, f"`{name}` of {route.title} is not carried over", "see whether it is needed")

    # ---- origins ----

    def origin(self, route: Route) -> Origin:
        """The one cluster of a route.

        :raises Unsayable: if there are several, or it is not at hand.
        """
        origins = self.reader.origins(route)
        said = origins[0].said.span if origins[0].said else route.action.span
        if len(origins) > 1:
            what = f"{route.title} spreads requests over {len(origins)} clusters by weight; a spec has one upstream for each route"
            raise Unsayable(Lost(said, what, "put their servers into one upstream, or choose one of them"))
        if origins[0].message is None:
            raise Unsayable(Lost(said, f"the cluster of {route.title} is not at hand", "write its servers by hand"))
        return origins[0]

    def upstream(self, route: Route, origin: Origin, protocol: str) -> tuple[DraftUpstream, _Servers]:
        """The group of servers.

        :raises Unsayable: if nobody says which they are.
        """
        cluster = origin.message
        assert cluster is not None
        servers = self.servers(cluster)
        if not servers.addresses:
            what = f"the servers of cluster {cluster.text('name')} come from elsewhere (type {cluster.text('type') or 'STATIC'})"
            raise Unsayable(Lost(cluster.span, what, "write them, or a name that stands for them, into an upstream"))
        socket = cluster.any("transport_socket", "typed_config")
        tls = socket.message("upstream_tls_context") or socket if socket is not None else None
        two = origin.options.has("explicit_http_config", "http2_protocol_options") or cluster.has(
            "http2_protocol_options"
        )
        calls = protocol == "grpc" or (two and protocols()[protocol].grpc_origin)
        scheme = ("grpc" if calls else "http") + ("s" if tls is not None else "")
        fields: dict[str, Any] = {}
        if two and not calls and protocol != "websocket":
            fields["http"] = "2"
        if tls is not None:
            fields["tls"] = self.tls(tls)
        fields |= self.affinity(route, cluster, len(servers.addresses))
        urls = tuple(f"unix:{each}" if each.startswith("/") else f"{scheme}://{each}" for each in servers.addresses)
        key = (cluster.key, repr((scheme, sorted(fields.items(), key=str))))
        if key not in self.upstreams:
            self.upstreams[key] = DraftUpstream(
                name=self.namer.name(cluster.text("name") or "origin"), servers=urls, span=cluster.span, fields=fields
            )
            for name in ("circuit_breakers", "outlier_detection", "health_checks"):
                if (found := cluster.field(name)) is not None and name != "outlier_detection":
                    instead = (
                        "state `scale`, or `max_connections` of the upstream"
                        if name == "circuit_breakers"
                        else "see whether it is needed"
                    )
                    self.lose(found, f"`{name}` of cluster {cluster.text('name')} is not carried over", instead)
        return self.upstreams[key], servers

    def servers(self, cluster: Message) -> _Servers:
        """The endpoints; those of a lower priority, and weights, are lost."""
        addresses: list[str] = []
        names: list[str] = []
        for group in cluster.messages("load_assignment", "endpoints"):
            if group.number("priority"):
                self.lose(
                    group,
                    "servers of a lower priority: those of a spec are equal, so they are left out",
                    "list them if they are to take requests",
                )
                continue
            for each in group.messages("lb_endpoints"):
                if (each.number("load_balancing_weight") or 1) != 1:
                    self.lose(
                        each,
                        "the servers of a spec are equal, so the weight is left out",
                        "list only servers of one size",
                    )
                at = each.message("endpoint", "address", "socket_address")
                pipe = each.text("endpoint", "address", "pipe", "path")
                if at is not None and (host := at.text("address")):
                    addresses.append(f"{f'[{host}]' if ':' in host else host}:{at.number('port_value') or 80}")
                    if re.search("[A-Za-z]", host) and ":" not in host:
                        names.append(host)
                elif pipe:
                    addresses.append(pipe)
        service = _SERVICE.fullmatch(cluster.text("name") or "")
        if not addresses and service is not None:
            # Controllers name a cluster after the service whose endpoints they know; its name stands for them.
            host = service["of_mesh"] or service["host"]
            addresses, names = [f"{host}:{service['port_of_mesh'] or service['port']}"], [host]
        return _Servers(tuple(dict.fromkeys(addresses)), tuple(names))

    def tls(self, tls: Message) -> dict[str, Any]:
        """How the certificate of an origin is checked: as it is today."""
        made: dict[str, Any] = {}
        context = tls.message("common_tls_context", "validation_context") or tls.message(
            "common_tls_context", "combined_validation_context", "default_validation_context"
        )
        ca = context.text("trusted_ca", "filename") if context is not None else None
        checked = context is not None and (context.has("trusted_ca") or context.has("system_root_certs"))
        if not checked:
            made["verify"] = False
        elif ca:
            made["ca"] = ca
        if sni := tls.text("sni"):
            made["sni"] = sni
        if (client := tls.field("common_tls_context", "tls_certificates")) is not None:
            self.lose(
                client,
                "a certificate that Envoy shows to the origin; a spec has none",
                "let the origin trust the network, or a header",
            )
        return made

    def affinity(self, route: Route, cluster: Message, servers: int) -> dict[str, Any]:
        """What ties a client to a server."""
        policies = route.action.messages("hash_policy")
        hashed = (cluster.text("lb_policy") or "") in {"RING_HASH", "MAGLEV"} or cluster.has("load_balancing_policy")
        if not policies or not hashed or servers < 2:  # noqa: PLR2004 - one has nothing to choose
            return {}
        first = policies[0]
        for path, by in (("cookie", "cookie"), ("header", "header"), ("query_parameter", "hash")):
            name = first.text(path, "header_name" if path == "header" else "name")
            if name:
                return {"affinity": {"by": by, "name": name}}
        if first.flag("connection_properties", "source_ip"):
            return {"affinity": {"by": "ip"}}
        self.lose(
            first, "a spec ties clients by address, one cookie, header or argument", "state affinity of the upstream"
        )
        return {}

    # ---- in front ----

    def listener(self) -> None:
        """The one listener of a spec: that of most routes, one with TLS before one without."""
        doors = [door for door, _ in self.world.doors if self.by_door.get(id(door)) and door.port]
        tcp = [door for door in doors if not door.quic]
        if not tcp:
            return
        best = max(tcp, key=lambda door: (door.secure, self.by_door[id(door)], -door.port))
        made: dict[str, Any] = {}
        address = best.listener.text("address", "socket_address", "address") or ""
        if address not in {"", "0.0.0.0"}:  # noqa: S104 - Envoy's own default of every address
            made["address"] = address
        made["port"] = best.port
        if best.tls is not None:
            made["tls"] = self.certificate(best)
        if any(door.quic for door in doors):
            made["http"] = ["1.1", "2", "3"]
        self.settings["listen"] = made
        for door in tcp:
            if door.port != best.port:
                self.lose(
                    door.listener,
                    f"listener {door.name}: a spec has one, which is port {best.port} here",
                    "write a spec of its own for this one",
                )
        for door in tcp:
            if (
                door is not best
                and door.port == best.port
                and door.tls is not None
                and self.certificate(door) != made.get("tls")
            ):
                self.lose(
                    door.tls, "a spec has one certificate", "use one with all hosts, or a spec for each certificate"
                )

    def certificate(self, door: Door) -> dict[str, Any]:
        """The files of TLS; no promise about HTTPS that nobody made."""
        assert door.tls is not None
        found = next(iter(door.tls.messages("common_tls_context", "tls_certificates")), None)
        made: dict[str, Any] = {}
        for name, key in (("certificate", "certificate_chain"), ("key", "private_key")):
            file = found.text(key, "filename") if found is not None else None
            if file is None:
                self.lose(
                    found or door.tls,
                    f"no file of the {name} is known for port {door.port}",
                    f"correct listen.tls.{name}",
                )
            made[name] = file or f"/etc/tls/tls.{'crt' if name == 'certificate' else 'key'}"
        return {**made, "hsts": False}


def _literal(route: Route) -> str:
    """The path, or the beginning of it that a regular expression leaves no choice about."""
    return re.split(r"[\\^$.|?*+()\[\]{}]", route.path, maxsplit=1)[0] if route.kind == "regex" else route.path


def _hangs(place: Field | Message, route: Route, what: str) -> Lost:
    said = f"{route.title} hangs on {what}; routes of a spec hang on host, path and method alone"
    return Lost(place.span, said, "give it a path of its own, then take the route in")


def _before(route: Route) -> Iterator[Route]:
    """Earlier routes that answer requests for this one with an error."""
    for other in route.host.routes[: route.index]:
        status = other.message.number("direct_response", "status") or 0
        if status >= 400 and _may_take(other, _literal(route)):  # noqa: PLR2004 - where errors begin
            yield other


def _turned_away(route: Route) -> Iterator[Lost]:
    """Those that turn clients away for what they are, and not for their method."""
    for other in _before(route):
        asked = {(each.text("name") or "").lower() for each in other.match.messages("headers")} - {":method"}
        asked |= {key for key in _CONDITIONS if other.match.has(key)}
        if asked and not _checked_origins(other):
            what = f"{other.title} turns clients away by {', '.join(sorted(asked))}; without it {route.title} is open to everybody"
            yield Lost(other.message.span, what, "check it in the application, then take the route in")


def _checked_origins(other: Route) -> list[str]:
    """The web origins that a route lets pass which turns all others away; none if it goes by anything else."""
    headers = other.match.messages("headers")
    by_origin = all((each.text("name") or "").lower() == "origin" and each.flag("invert_match") for each in headers)
    found = [each.text("string_match", "exact") or "" for each in headers]
    return found if by_origin and all(found) and not any(other.match.has(key) for key in _CONDITIONS) else []


def _may_take(other: Route, path: str) -> bool:
    """Whether a route may take requests for a path, or for what is below it."""
    return other.kind == "regex" or path.startswith(other.path.rstrip("/")) or other.path.startswith(path)


_REMOVED = re.compile(r"\^?((?:/(?:[\w~-]|\\?[.-])+)+)\((?:/\|\$|\$\|/)\)")
"""``^/api(/|$)``, for which a rewrite puts a slash: the prefix is removed."""
_SERVICE = re.compile(
    r"(?P<host>[a-z0-9][a-z0-9.-]*):(?P<port>[0-9]+)|outbound\|(?P<port_of_mesh>[0-9]+)\|[^|]*\|(?P<of_mesh>[a-z0-9.-]+)"
)
"""The name of a cluster that is a service: ``chat:8000``, or ``outbound|8000||chat.default.svc.cluster.local`` as Istio has it."""
_KEYS = {"prefix": "prefix", "exact": "path", "segments": "path_separated_prefix", "regex": "safe_regex"}
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_CONDITIONS = {
    "query_parameters": "arguments of the query", "runtime_fraction": "chance", "dynamic_metadata": "metadata", "filter_state": "state of filters",
    "tls_context": "the client's certificate", "cookies": "cookies",
}  # fmt: skip
_GUARDS = frozenset(("ext_authz", "jwt_authn", "rbac", "basic_auth", "oauth2", "api_key_auth", "csrf", "gcp_authn"))
"""Filters that let some in, and others not; those that are known nowhere here, and programs, may."""
_HARMLESS = frozenset(
    ("health_check", "fault", "header_mutation", "ratelimit", "local_ratelimit", "stateful_session", "tap", "ip_tagging", "original_src",
     "adaptive_concurrency", "admission_control", "bandwidth_limit", "cdn_loop", "header_to_metadata", "json_to_metadata", "kill_request",
     "set_filter_state", "set_metadata", "grpc_json_transcoder", "credential_injector", "geoip", "body_size_limit", "file_system_buffer",
     "grpc_http1_reverse_bridge", "proto_message_extraction", "rate_limit_quota", "custom_response", "alternate_protocols_cache")
)  # fmt: skip
"""Filters that turn nobody away for who he is."""
_DECIDED = frozenset(
    (
        "router",
        "cors",
        "grpc_web",
        "grpc_stats",
        "compressor",
        "decompressor",
        "buffer",
        "on_demand",
        "grpc_http1_bridge",
        "cache",
    )
)
"""What a hardened config decides for each route by its protocol."""
_OF_CORS = frozenset((*(name.lower() for name in CORS), "vary"))
"""What a filter for CORS, or the spec's own, answers."""
_OWNED = frozenset(
    ("x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-real-ip", "forwarded", "x-request-id", "connection",
     "te", "x-envoy-external-address", "x-envoy-upstream-service-time", "upgrade", "transfer-encoding", "content-length", "host",
     ":authority", "strict-transport-security", "alt-svc", "server", "date")
)  # fmt: skip
"""Headers that are written for every route, or belong to the connection."""
