"""An nginx configuration as a draft of a spec: what of it a spec can say, and what it cannot.

Three fates of a directive: it becomes a field; what it decides is decided anew for every route, by its protocol (timers, buffers, compression,
logs); or it is told as lost. A route whose requests the spec could not keep as they are (it would lose its login, or its path) is withheld.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

from proxycfg.behavior import exactly
from proxycfg.collector import held_off
from proxycfg.draft import (
    Draft,
    DraftRoute,
    DraftUpstream,
    Lost,
    Namer,
    Unsayable,
    held,
    merged,
    retried,
    strip_for,
    terms,
)
from proxycfg.finding import Confidence
from proxycfg.headers import HSTS
from proxycfg.protocols import protocols
from proxycfg.spec import DEFAULT_KEEPALIVE
from proxycfg.streams import Stream
from proxycfg.targets.nginx import facts
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.draft_fields import Fields, redirects, shown
from proxycfg.targets.nginx.place import Reader
from proxycfg.targets.nginx.read import read_route
from proxycfg.targets.nginx.scope import Level
from proxycfg.targets.nginx.servers import Http, Listen, Location, Server, read_http
from proxycfg.targets.nginx.signs import Signs
from proxycfg.targets.nginx.syntax import Directive, number
from proxycfg.targets.nginx.upstreams import is_address
from proxycfg.targets.nginx.variables import PLAIN


@held_off()
def draft_of(config: Config, version: str, *, stated: bool) -> Draft:
    """The draft of one configuration.

    :param stated: whether somebody says the version: only then the spec does.
    """
    drafting = _Drafting(config, version)
    for http in read_http(config)[:1]:
        drafting.http(http)
    routes, left_out = merged(sorted(drafting.routes, key=lambda route: route.span))
    nginx: dict[str, Any] = {"version": version} if stated else {}
    if config.context != "main":
        nginx["layout"] = "site"
    streams = _scale(held(routes))
    settings = {
        "targets": {"nginx": nginx},
        **drafting.settings,
        **({"scale": {"streams": streams}} if streams > _STREAMS else {}),
    }
    lost = [*drafting.lost, *left_out]
    return Draft(
        target="nginx",
        settings=settings,
        upstreams=tuple(drafting.upstreams.values()),
        routes=tuple(routes),
        lost=tuple(dict.fromkeys(lost)),
    )


def _scale(streams: float) -> int:
    """The scale for which as many slots are written as there are now, in two digits."""
    least = math.ceil((streams - facts.SPARE_SLOTS) / facts.HEADROOM)
    unit: int = 10 ** max(0, len(str(least)) - 2)
    return -(-least // unit) * unit


_STREAMS = 10_000
"""The default of ``scale``."""


class _Pass(NamedTuple):
    """Where a ``*_pass`` leads: the scheme, the name of a group or ``host:port``, and the path that it puts in place of the location's.

    ``removed`` is a prefix that a map takes off the URL as it came.
    """

    scheme: str
    address: str
    path: str
    removed: str = ""


class _Drafting:
    """One run."""

    def __init__(self, config: Config, version: str) -> None:
        self.config = config
        self.version = version
        self.routes: list[DraftRoute] = []
        self.lost: list[Lost] = []
        self.settings: dict[str, Any] = {}
        self.upstreams: dict[tuple[str, str, str], DraftUpstream] = {}
        self.namer = Namer()

    def lose(self, line: Directive, what: str, instead: str = "") -> None:
        """Tell of a directive that is left out; what every generated config has, or a controller writes by itself, needs no telling."""
        if line.span.line and not line.text.text.startswith("# Made by proxycfg "):
            self.lost.append(Lost(line.span, what, instead))

    def http(self, http: Http) -> None:
        """A whole http block."""
        self.reader = Reader(http, self.version)
        self.signs = Signs(http, self.reader.variables)
        self.block = http
        self.fields = Fields(self.config, http, self.reader, self.lose)
        for server in http.servers:
            self.server(server)
        self.listeners()
        self.trusted()
        levels = [level for level in (http.level.above, http.level) if level is not None]
        for level in levels:
            self.fields.leftovers(level)

    # ---- servers ----

    def server(self, server: Server) -> None:
        """A server: the routes of its locations."""
        before = len(self.routes)
        closed = server.level.own.get("return") or [
            line for line in server.level.own.get("rewrite", ()) if redirects(line)
        ]
        if closed and (server.level.own.get("return") or not any(each.handler for each in server.locations.all())):
            self.lose(
                closed[0], f"`{closed[0].source}` answers every request of this server", "keep it in a file of its own"
            )
            return
        hosts = self.hosts(server)
        for location in server.locations.all():
            self.location(location, hosts)
        if len(self.routes) > before:
            self.fields.leftovers(server.level)
        elif not server.locations.prefixes and not server.locations.exact:
            self.lose(server.directive, "this server hands no request to an origin", "keep it in a file of its own")

    def hosts(self, server: Server) -> tuple[str, ...] | Lost:
        """Its hosts, as a spec has them; why a spec cannot have them."""
        found: list[str] = []
        for name in server.names:
            if name in {"", "_", "*", "~^", "~.*", "~^.*$", "~.+", "~^(.+)$", "~^.+$"}:
                found.append("*")
            elif name.startswith(".") and len(name) > 1:
                found += [name[1:], f"*{name}"]
            elif name.startswith("~") or name.endswith(".*"):
                line = next(
                    each
                    for each in server.level.lines("server_name")
                    if name in map(str.lower, each.args) or name in each.args
                )
                return Lost(
                    line.span,
                    f"server_name {name} is a pattern; hosts of a spec are names, or *.name",
                    "list the names that it is meant for",
                )
            else:
                found.append(name)
        return ("*",) if "*" in found else tuple(dict.fromkeys(found))

    def listeners(self) -> None:
        """The one listener of a spec: that of most routes, one with TLS before one without."""
        shares: dict[tuple[str, int, bool], int] = {}
        at: dict[tuple[str, int, bool], tuple[Server, Listen]] = {}
        owners = {route.span: route for route in self.routes}
        for server in self.block.servers:
            count = sum(1 for each in server.locations.all() if each.directive.span in owners)
            for listen in server.listens:
                shares[listen.socket] = shares.get(listen.socket, 0) + count
                at.setdefault(listen.socket, (server, listen))
        used = [key for key, count in shares.items() if count and not key[2] and not key[0].startswith("unix:")]
        if not used:
            return
        sockets = self.reader.sockets.sockets
        best = max(used, key=lambda key: (sockets[key].ssl, shares[key], key[1] in {80, 443}, -key[1]))
        server, listen = at[best]
        both = any(key[1] == best[1] and key[0].startswith("[") for key in used)
        made: dict[str, Any] = {"port": best[1]}
        if best[0] not in {"*", "[::]"}:
            made = {"address": best[0].strip("[]"), **made}
        elif both:
            made = {"address": "::", **made}
        if sockets[best].ssl:
            made["tls"] = self.certificate(server, listen)
        if any("3" in each.reading.behavior.client_http_versions.high for each in self.routes):
            made["http"] = ["1.1", "2", "3"]
        self.settings["listen"] = made
        for key in used:
            if key[1] != best[1]:
                other = at[key][1].directive
                if other is not None:
                    self.lose(
                        other,
                        f"`{other.source}`: a spec has one listener, which is port {best[1]} here",
                        "write a spec of its own for this port, or a redirect to the other",
                    )

    def certificate(self, server: Server, listen: Listen) -> dict[str, Any]:
        """The files of TLS; the server's own promise about HTTPS, which is kept as it is."""
        made: dict[str, Any] = {}
        for name, field_name in (("ssl_certificate", "certificate"), ("ssl_certificate_key", "key")):
            lines = [*server.level.lines(name), *(self.block.level.lines(name))]
            usable = next(
                (line for line in lines if line.args and "$" not in line.args[0] and ":" not in line.args[0]), None
            )
            if usable is None:
                place = lines[0] if lines else listen.directive or server.directive
                # A controller takes it from a secret.
                span = place.span if place.span.line else self.routes[0].span
                what = f"no file of {name} is known for port {listen.port}"
                self.lost.append(Lost(span, what, f"correct listen.tls.{field_name}"))
            made[field_name] = (
                usable.args[0] if usable else f"/etc/tls/tls.{'crt' if field_name == 'certificate' else 'key'}"
            )
        others = {
            line.args[0]: line
            for each in self.block.servers
            if any(inner.port == listen.port for inner in each.listens)
            for line in each.level.lines("ssl_certificate")
            if line.args and line.args[0] != made["certificate"]
        }
        for line in others.values():
            self.lose(
                line,
                f"`{line.source}`: a spec has one certificate",
                "use one with all hosts, or a spec for each certificate",
            )
        made["hsts"] = self.hsts()
        return made

    def hsts(self) -> str | bool:
        """For how long browsers are told to keep to HTTPS today; False if they are not."""
        lines = [
            line
            for server in self.block.servers
            for level in (server.level, self.block.level, *(each.level for each in server.locations.all()))
            for line in level.lines("add_header")
            if line.args[1:] and line.args[0].lower() == HSTS.lower()
        ]
        ages = [re.search(r"max-age=\"?([0-9]{1,9})", line.args[1]) for line in lines]
        longest = max((int(age[1]) for age in ages if age), default=0)
        return f"{longest}s" if longest else False

    def trusted(self) -> None:
        """Whose forwarded headers count."""
        lines = [
            *self.block.level.lines("set_real_ip_from"),
            *(line for each in self.block.servers for line in each.level.lines("set_real_ip_from")),
        ]
        networks = list(dict.fromkeys(line.args[0] for line in lines if line.args))
        known = [each for each in networks if re.fullmatch(r"[0-9A-Fa-f:.]+(?:/[0-9]+)?", each)]
        if known:
            self.settings["trusted_proxies"] = known
        for line in lines:
            if line.args and line.args[0] not in known:
                self.lose(line, f"`{line.source}`: trusted_proxies are networks", "write its networks there")

    # ---- one location ----

    def location(self, location: Location, hosts: tuple[str, ...] | Lost) -> None:
        """A location: one route, or several where others lead to it by name."""
        if location.kind == "named":
            # Those that lead here speak for it.
            return
        level = location.level
        handed_on = self.named(location)
        source = handed_on or location
        handler = source.level.last_handler()
        line = location.directive
        if "internal" in level.own:
            self.lose(line, f"`{line.source}` is internal: no client reaches it", "let the application do what it did")
            return
        if handler is None or "return" in level.own:
            inside = [
                each
                for each in level.own.get("if", ())
                if any(inner.name.endswith("_pass") for inner in self.config.block(each))
            ]
            if inside:
                what = f"`{line.source}` hands requests on under a condition only: `{inside[0].source}`"
                self.lose(inside[0], what, "give each of the origins a path of its own")
            elif not any(True for _ in location.inside):
                what = f"`{line.source}` answers by itself ({_answer(level)}); a spec has only origins"
                self.lose(line, what, "keep it in a server of its own, or let an origin answer")
            return
        withheld: list[Lost] = [hosts] if isinstance(hosts, Lost) else []
        stream = self.stream(source)
        name = stream.protocol if stream else "http"
        reading = read_route(self.reader, source, [source.level], protocol=name).reading
        try:
            match, path = self.match(location)
            to = self.passed(source, handler, name)
            strip = self.strip(location, source, match, path, to)
        except Unsayable as error:
            self.lost.append(error.lost)
            return
        if strip is None:
            what = f"`{handler.source}` puts {to.path or '/'} in place of {path}; a spec can only remove a prefix"
            withheld.append(Lost(handler.span, what, f"let the origin take {path}, then take the route in"))
            strip = ""
        withheld += self.fields.guards(source.level)
        if source is not location:
            withheld += [each for each in self.fields.guards(location.level) if each not in withheld]
        upstream = self.upstream(source, handler, to, name)
        made = terms(protocols()[name], stream, reading)
        if strip:
            made["strip_prefix"] = True if strip == path.rstrip("/") else strip
        fields = {
            **made,
            **self.fields.methods(source.level),
            **self.fields.headers(source, handler, to.address, name),
            **self.fields.cors(source.level),
            **self.fields.limits(source.level),
            **self.fields.cached(source.level, name),
            **({"retry": True} if retried(protocols()[name], reading, len(upstream.servers)) else {}),
        }
        self.routes.append(
            DraftRoute(
                match=match,
                path=path,
                hosts=() if isinstance(hosts, Lost) else hosts,
                protocol=name,
                upstream=upstream.name,
                fields=fields,
                span=line.span,
                reading=reading,
                because=(stream.why + (", and ordinary requests go the same way" if stream.mixed else ""))
                if stream
                else "",
                withheld=tuple(withheld),
            )
        )
        self.fields.leftovers(source.level)
        if source is not location:
            self.fields.leftovers(location.level)

    def named(self, location: Location) -> Location | None:
        """The named location that a location without an origin hands its requests to, if no file answers them."""
        if location.handler is not None:
            return None
        lines = [*location.level.own.get("try_files", ()), *location.level.own.get("error_page", ())]
        for line in lines:
            found = location.server.locations.named.get(line.args[-1]) if line.args else None
            if found is not None:
                self.lose(
                    line,
                    f"`{line.source}`: files are served before the origin is asked",
                    "let the origin, or another server, serve them",
                )
                return found
        return None

    def stream(self, location: Location) -> Stream | None:
        """What a route carries, WebSockets first: their route serves ordinary requests, too, and unbuffered ones."""
        streams = self.signs.all_of(location)
        sure = [each for each in streams if each.protocol == "websocket" and each.confidence is not Confidence.INFERRED]
        return next(iter((*sure, *streams)), None)

    def match(self, location: Location) -> tuple[str, str]:
        """How a spec matches it.

        :raises Unsayable: if it does not.
        """
        parent, name = location.parent, location.name
        if location.kind == "exact":
            return "exact", name
        if location.kind in {"prefix", "no-regex"}:
            return "path", name or "/"
        while parent is not None and parent.kind != "named":
            if (
                not re.match(
                    rf"\^{re.escape(parent.name.rstrip('/'))}(?:/|$|\\|\()",
                    name.replace("\\-", "-").replace("\\.", "."),
                )
                and parent.name != "/"
            ):
                line = location.directive
                what = f"`{line.source}` holds only inside of `{parent.directive.source}`; a spec has no routes within routes"
                raise Unsayable(Lost(line.span, what, "write one regular expression for the whole path"))
            parent = parent.parent
        segment = _SEGMENT.fullmatch(name)
        if segment and location.kind == "regex":
            return "path", re.sub(r"\\(.)", r"\1", segment[1])
        return "regex", ("(?i)" if location.kind == "regex-i" else "") + whole(name)

    def passed(self, location: Location, handler: Directive, protocol: str) -> _Pass:
        """Where requests go.

        :raises Unsayable: if that is no HTTP or gRPC, or hangs on the request.
        """
        if handler.name not in {"proxy_pass", "grpc_pass"} or not handler.args:
            what = f"`{handler.source}`: a spec has origins of HTTP and gRPC alone"
            raise Unsayable(Lost(handler.span, what, "put an HTTP server in front of the application"))
        text, removed = self.without_rest(_OWN_PATH.sub("", handler.args[0]))
        values = self.reader.variables.values(text, PLAIN, location)
        if not values or len(values) != 1:
            what = f"`{handler.source}`: which origin it is hangs on the request"
            raise Unsayable(Lost(handler.span, what, "write a route for each of the origins"))
        target = next(iter(values))
        found = _TARGET.fullmatch(target if "://" in target else f"grpc://{target}")
        if found is None:
            raise Unsayable(
                Lost(handler.span, f"`{handler.source}` is no address that a spec can have", "write host and port")
            )
        secure = found["scheme"].lower() in {"https", "grpcs"}
        # By grpc_pass nginx reaches any origin of HTTP/2.
        calls = protocol == "grpc" or (handler.name == "grpc_pass" and protocols()[protocol].grpc_origin)
        path = found["path"] or ""
        if path and "$" in handler.args[0]:
            # With variables in it, every request goes to the very path that stands there.
            what = f"`{handler.source}` sends every request to {path}"
            raise Unsayable(Lost(handler.span, what, "let the origin take the paths of clients"))
        return _Pass(
            ("grpc" if calls else "http") + ("s" if secure else ""), found["unix"] or found["host"], path, removed
        )

    def without_rest(self, text: str) -> tuple[str, str]:
        """A ``*_pass`` without a variable at its end that is the URL less a prefix, and that prefix."""
        head, dollar, name = text.rpartition("$")
        made = self.reader.variables.map(name.strip("{}")) if dollar else None
        if made is None or made.source != "$request_uri" or made.default != "$request_uri" or not made.patterns:
            return text, ""
        found = _REST.fullmatch(made.patterns[0].key)
        if found is None or made.patterns[0].value.strip("${}") != found["name"]:
            return text, ""
        # A letter may come as it is or with its number.
        plain = re.sub(r"\(\?:\\?(.)\|[^)]*\)", r"\1", found["prefix"]).replace("/+", "/")
        return head, re.sub(r"\\(.)", r"\1", plain)

    def strip(self, location: Location, source: Location, match: str, path: str, to: _Pass) -> str | None:
        """The prefix that is removed from paths; empty for none, None if they are changed otherwise.

        :raises Unsayable: if rewrites send requests to other locations.
        """
        for line in source.level.own.get("rewrite", ()):
            if redirects(line):
                self.lose(line, f"`{line.source}`: a spec has no redirects", "let the origin redirect")
                continue
            pattern, to_text, flag = (*line.args, "", "", "")[:3]
            short = _REMOVED.fullmatch(pattern) if flag == "break" else None
            rest = {"/(.*)": "/$1", "/?(.*)": "/$1", "(/.*)": "$1", "/(.+)": "/$1"}.get(short["rest"] if short else "")
            if short is None or to_text != rest or match == "regex":
                what = f"`{line.source}` changes paths; a spec can only remove a prefix"
                raise Unsayable(Lost(line.span, what, "let the origin take the paths of clients"))
            prefix = re.sub(r"\\(.)", r"\1", short["prefix"])
            return prefix if f"{path.rstrip('/')}/".startswith(f"{prefix}/") else None
        if to.removed:
            return to.removed if f"{path.rstrip('/')}/".startswith(f"{to.removed}/") else None
        if not to.path:
            return ""
        if match == "regex" or source is not location:
            return None
        if match == "exact":
            return "" if path == to.path else (strip_for(path, to.path) or None)
        return strip_for(path, to.path)

    # ---- origins ----

    def upstream(self, location: Location, handler: Directive, to: _Pass, protocol: str) -> DraftUpstream:
        """The group of servers."""
        level = self.block.upstreams.get(to.address) or self.block.upstreams.get(to.address.lower())
        secure = to.scheme in {"https", "grpcs"}
        fields: dict[str, Any] = self.tls(location, handler, to) if secure else {}
        version = location.level.first("proxy_http_version")
        # A handshake needs HTTP/1.1, whatever stands there.
        two = handler.name == "grpc_pass" or (version is not None and version.directive.args[:1] == ("2",))
        if two and protocol != "websocket" and to.scheme in {"http", "https"}:
            fields["http"] = "2"
        key = (to.scheme, to.address, repr(sorted(fields.items(), key=str)))
        if key in self.upstreams:
            return self.upstreams[key]
        if level is None or level.directive is None:
            host, _, port = (
                to.address.partition(":") if not to.address.startswith(("unix:", "[")) else (to.address, "", "")
            )
            label = to.address if is_address(host) else host.split(".")[0]
            name = self.namer.name("local" if host in {"localhost", "127.0.0.1"} and not port else label)
            made = DraftUpstream(name=name, servers=(_url(to.scheme, to.address),), span=handler.span, fields=fields)
        else:
            made = self.group(level, to.scheme, fields)
        self.upstreams[key] = made
        return made

    def group(self, level: Level, scheme: str, fields: dict[str, Any]) -> DraftUpstream:
        """A group of ``upstream``."""
        assert level.directive is not None
        lines = [line for line in level.lines("server") if line.args]
        servers: list[str] = []
        limits: set[int] = set()
        for line in lines:
            words = {word.partition("=")[0]: word.partition("=")[2] for word in line.args[1:]}
            if words.keys() & {"down", "backup"} and len(lines) > 1:
                which = "down" if "down" in words else "backup"
                self.lose(
                    line,
                    f"`{line.source}`: the servers of a spec are equal, so one that is `{which}` is left out",
                    "list it if it is to take requests",
                )
                continue
            if words.get("weight", "1") != "1":
                self.lose(
                    line,
                    f"`{line.source}`: the servers of a spec are equal, so the weight is left out",
                    "list only servers of one size",
                )
            limits.add(number(words.get("max_conns", "0")) or 0)
            servers.append(_url(scheme, line.args[0]))
        fields = {**fields, **self.most(level, limits), **self.affinity(level)}
        kept = level.lines("keepalive")
        if kept and kept[0].args and (idle := number(kept[0].args[0])) and idle != DEFAULT_KEEPALIVE:
            fields["keepalive"] = idle
        self.fields.leftovers(level)
        return DraftUpstream(
            name=self.namer.name(level.directive.args[0]),
            servers=tuple(dict.fromkeys(servers)),
            span=level.directive.span,
            fields=fields,
        )

    def most(self, level: Level, limits: set[int]) -> dict[str, Any]:
        """The connections that each server takes, if all take as many."""
        assert level.directive is not None
        if limits == {0} or not limits:
            return {}
        # Without a zone each worker counts for itself.
        workers = exactly(1.0) if level.lines("zone") else self.reader.workers.processes
        if len(limits) > 1 or not workers.exact:
            why = (
                "servers of a spec are equal"
                if len(limits) > 1
                else "each worker counts for itself, and there is one for each core"
            )
            self.lose(
                level.directive,
                f"max_conns of upstream {level.directive.args[0]}: {why}",
                "state its `max_connections`",
            )
            return {}
        return {"max_connections": int(limits.pop() * workers.low)}

    def affinity(self, level: Level) -> dict[str, Any]:
        """What ties a client to a server."""
        assert level.directive is not None
        group = self.reader.upstreams.named(level.directive.args[0])
        line, by = group.chosen_by, group.affinity
        if line is None or not by.exact or by.low == "none":
            return {}
        if by.low == "ip":
            return {"affinity": {"by": "ip"}}
        key = line.args[0] if line.name == "hash" and line.args else ""
        named = re.fullmatch(r"\$\{?(cookie|arg|http)_(\w+)\}?", key)
        if named:
            kind, name = named[1], named[2]
            kinds = {"cookie": ("cookie", name), "arg": ("hash", name), "http": ("header", name.replace("_", "-"))}
            kept, word = kinds[kind]
            return {"affinity": {"by": kept, "name": word}}
        if line.name == "sticky" and line.args[:1] == ("cookie",) and len(line.args) > 1:
            return {"affinity": {"by": "cookie", "name": line.args[1]}}
        if re.fullmatch(r"\$(?:request_uri|uri|document_uri)", key):
            return {"affinity": {"by": "hash"}}
        self.lose(
            line,
            f"`{line.source}`: a spec ties clients by address, one cookie, header or argument, or by the path",
            "state affinity of the upstream",
        )
        return {}

    def tls(self, location: Location, handler: Directive, to: _Pass) -> dict[str, Any]:
        """How the certificate of an origin is checked: as it is today."""
        module = handler.name.removesuffix("_pass")
        made: dict[str, Any] = {}
        if (first := location.level.first(f"{module}_ssl_verify")) is None or first.directive.args[:1] != ("on",):
            made["verify"] = False
        else:
            ca = location.level.first(f"{module}_ssl_trusted_certificate")
            if ca is not None and ca.directive.args:
                made["ca"] = ca.directive.args[0]
        name = location.level.first(f"{module}_ssl_name")
        said = name.directive.args[0] if name is not None and name.directive.args else ""
        if said and "$" not in said:
            made["sni"] = said
        elif not is_address(to.address.partition(":")[0]) and to.address not in self.block.upstreams:
            made["sni"] = to.address.partition(":")[0]
        return {"tls": made} if made else {}


def whole(pattern: str) -> str:
    r"""A regular expression that is looked for anywhere, as one that matches the whole path.

    >>> whole(r"^/rooms/\d+$")
    '/rooms/\\d+'
    >>> whole(r"\.php$")
    '.*\\.php'
    """
    flat = re.sub(r"\\.|\[[^\]]*\]", "", pattern)
    depth = 0
    for sign in flat:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if sign == "|" and depth == 0:
            return f".*(?:{pattern}).*"
    begins = pattern.startswith("^")
    ends = re.search(r"(?<!\\)(?:\\\\)*(\$|\\z)\Z", pattern)
    body = pattern[1 if begins else 0 : ends.start(1) if ends else len(pattern)]
    if not begins and not body.startswith(".*"):
        body = f".*{body}"
    body = body if ends or body.endswith(".*") else f"{body}.*"
    return body[3:-1] if _is_one_group(body) else body


def _is_one_group(pattern: str) -> bool:
    """Whether it is ``(?:…)`` and nothing beside."""
    if not pattern.startswith("(?:") or not pattern.endswith(")"):
        return False
    depth = 0
    flat = re.sub(r"\\.|\[[^\]]*\]", lambda found: "." * len(found[0]), pattern)
    for at, sign in enumerate(flat):
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth == 0:
            return at == len(pattern) - 1
    return False


def _url(scheme: str, address: str) -> str:
    if address.startswith("unix:"):
        return address.partition(":/")[0] + ":/" + address.partition(":/")[2].partition(":")[0]
    port = address.rpartition(":")[2] if not address.endswith("]") and ":" in address else ""
    # A server of a group without a port is at 80, whatever is spoken there.
    return f"{scheme}://{address}" if port else f"{scheme}://{address}:{443 if scheme in {'https', 'grpcs'} else 80}"


def _answer(level: Level) -> str:
    """What a location without an origin does, in a word."""
    for name in ("return", "try_files", "rewrite", "alias", "root"):
        if found := level.own.get(name):
            return shown(found[0])
    return "files of its root"


_OWN_PATH = re.compile(r"(?:\$request_uri|\$uri(?:\$is_args\$args)?|\$document_uri)$")
"""Behind the address, the path of the request: the same as nothing there."""
_TARGET = re.compile(
    r"(?P<scheme>https?|grpcs?)://(?:(?P<unix>unix:/[^:]*):?|(?P<host>\[[^\]]*\](?::[0-9]+)?|[^/\s$?#]+))(?P<path>/[^\s?#]*)?",
    re.IGNORECASE,
)
_SEGMENT = re.compile(r"\^((?:/(?:[\w~-]|\\?[.-])+)+)\(?(?:\?:)?(?:/\|(?:\$|\\z)|(?:\$|\\z)\|/)\)?")
"""``^/api(/|$)``: a segment prefix, as a spec has them."""
_REST = re.compile(r"~\*?\^(?P<prefix>/.+?)\(\?P?<(?P<name>\w+)>/\.\*\)\$?")
"""A prefix, and behind it the rest as a capture."""
_REMOVED = re.compile(
    r"(?:\(\?s\))?\^?(?P<prefix>(?:/(?:[\w~-]|\\?[.-])+)+)(?P<rest>/\(\.\*\)|/\?\(\.\*\)|\(/\.\*\)|/\(\.\+\))\$?"
)
