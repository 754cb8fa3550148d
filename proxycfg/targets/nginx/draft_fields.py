"""What of an nginx location becomes the fields of a route, beside its match and its origin; what guards it; and what is left.

A value that is another one for each request has no field: it is told as lost.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from proxycfg.draft import Lost, guarded
from proxycfg.headers import CORS
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.place import Reader, seconds
from proxycfg.targets.nginx.scope import Level
from proxycfg.targets.nginx.servers import Http, Location
from proxycfg.targets.nginx.syntax import Directive, number
from proxycfg.targets.nginx.upstreams import is_address
from proxycfg.targets.nginx.variables import PLAIN, names_in
from proxycfg.units import show_duration

Lose = Callable[..., None]
"""Tells of a directive that is left out: the directive, what is lost, and what to do."""


class Fields:
    """The fields of the routes of one http block."""

    def __init__(self, config: Config, http: Http, reader: Reader, lose: Lose) -> None:
        """``lose`` is told of everything that becomes no field."""
        self.config = config
        self.http = http
        self.reader = reader
        self.lose = lose

    def guards(self, level: Level) -> list[Lost]:
        """What decides who gets in: without it, the route would be open to everybody."""
        names = {line.name for each in level.levels() for line in each.children if _GUARD.fullmatch(line.name)}
        firsts = [first.directive for name in sorted(names) if (first := level.first(name)) is not None]
        found = [line for line in firsts if line.args[:1] not in {("off",), ("optional_no_ca",)}]
        found += level.all("deny")[0][:1]
        found += [line for line in level.own.get("limit_except", ()) if not self.is_of_methods(line)]
        found += [line for each in level.levels() for line in each.lines("if") if self.refuses(line)]
        return [guarded(line.span, f"`{line.source}`") for line in dict.fromkeys(found)]

    def refuses(self, condition: Directive) -> bool:
        """Whether an ``if`` turns clients away, or to a login, for what they are; for their host, method, scheme or path does not count."""
        # What is answered with a 2xx, such as a preflight, is let in.
        answers = any(
            redirects(line) or (line.name == "return" and line.args[:1] and not line.args[0].startswith("2"))
            for line in self.config.block(condition)
        )
        variables = self.reader.variables
        asked = {inner for name in names_in(" ".join(condition.args)) for inner in variables.reach(name)}
        # What a map looks at is among them, unless that is an address or chance; what a `set` hangs on is not told.
        asked = {name for name in asked if (made := variables.map(name)) is None or made.source is None}
        return answers and not asked <= _OF_THE_URL and self.checked_origins(condition) is None

    def is_of_methods(self, line: Directive) -> bool:
        """Whether a ``limit_except`` turns away all other methods, whoever asks."""
        return all(inner.name == "deny" and inner.args == ("all",) for inner in self.config.block(line))

    def checked_origins(self, condition: Directive) -> list[str] | None:
        """The web origins that an ``if`` lets through, where it asks a map of them; None if it does anything else."""
        asked = names_in(" ".join(condition.args))
        made = self.reader.variables.map(asked[0]) if len(asked) == 1 else None
        if made is None or names_in(made.source or "") != ["http_origin"] or made.patterns or made.masks:
            return None
        found = [key for key, value in made.exact.items() if key and value in {"", "0"}]
        return found if found and made.default not in {"", "0"} else None

    def methods(self, level: Level) -> dict[str, Any]:
        """The methods that pass ``limit_except``."""
        for line in level.own.get("limit_except", ()):
            if self.is_of_methods(line):
                known = [word.upper() for word in line.args if word.upper() in _METHODS]
                return {"methods": known} if known else {}
        return {}

    def headers(self, location: Location, handler: Directive, host: str, protocol: str) -> dict[str, Any]:
        """Headers that are set or removed, as far as they are the same for every request."""
        module = handler.name.removesuffix("_pass")
        request: dict[str, str | None] = {}
        lines = location.level.in_force.get(f"{module}_set_header", ())
        host_said = False
        for line in lines:
            if len(line.args) < 2:  # noqa: PLR2004 - a name and a value
                continue
            name, value = line.args[0], line.args[1]
            lower = name.lower()
            host_said = host_said or lower == "host"
            if lower == "accept-encoding" and protocol not in {"http", "websocket"}:
                continue
            if lower in _OWNED or (lower == "host" and names_in(value) and _SAME_HOST.issuperset(names_in(value))):
                continue
            if lower == "host" and "proxy_host" in names_in(value):
                host_said = False
                continue
            if re.fullmatch(rf"\$\{{?http_{re.escape(lower.replace('-', '_'))}\}}?", value):
                continue
            values = self.reader.variables.values(value, PLAIN, location)
            if values is None or len(values) != 1:
                self.lose(
                    line,
                    f"`{line.source}`: headers of a spec are the same for every request",
                    "let the application, or a hop in front, set it",
                )
                continue
            request[name] = next(iter(values)) or None
        address = host.partition(":")[0]
        if not host_said and "." in address and not is_address(address) and host not in self.http.upstreams:
            request["Host"] = address
        response = self.response_headers(location)
        sides = {side: made for side, made in (("request", request), ("response", response)) if made}
        return {"headers": sides} if sides else {}

    def response_headers(self, location: Location) -> dict[str, str | None]:
        """What is added to answers, or hidden."""
        made: dict[str, str | None] = {}
        for line in location.level.in_force.get("add_header", ()):
            if len(line.args) < 2:  # noqa: PLR2004 - a name and a value
                continue
            name, value = line.args[0], line.args[1]
            lower = name.lower()
            if lower in _ANSWERED or any(lower == each.lower() for each in CORS):
                continue
            values = self.reader.variables.values(value, PLAIN, location)
            if values is None or len(values) != 1:
                self.lose(
                    line,
                    f"`{line.source}`: headers of a spec are the same for every answer",
                    "let the application send it",
                )
            elif text := next(iter(values)):
                made[name] = text
        for line in location.level.in_force.get("proxy_hide_header", ()):
            if line.args and line.args[0].lower() not in {each.lower() for each in made} | _ANSWERED:
                made[line.args[0]] = None
        return made

    def cors(self, level: Level) -> dict[str, Any]:
        """The origins that answers are readable for, or that may open a socket."""
        for line in level.own.get("if", ()):
            if origins := self.checked_origins(line):
                return {"cors": {"origins": origins}}
        for line in level.in_force.get("add_header", ()):
            if len(line.args) > 1 and line.args[0].lower() == "access-control-allow-origin":
                if "$" not in line.args[1] and (line.args[1] == "*" or "://" in line.args[1]):
                    return {"cors": {"origins": [line.args[1]]}}
                self.lose(
                    line,
                    f"`{line.source}`: which origins may read answers hangs on the request",
                    "list them in `cors` of the route",
                )
        return {}

    def limits(self, level: Level) -> dict[str, Any]:
        """What one client may take."""
        made: dict[str, Any] = {}
        for line in level.in_force.get("limit_req", ()):
            zone = self.zone("limit_req_zone", line)
            rate = next((word[5:] for word in (zone.args if zone else ()) if word.startswith("rate=")), "")
            found = re.fullmatch(r"([0-9]{1,9})r/([sm])", rate)
            if zone is None or found is None or not self.by_address(zone) or "rate" in made:
                self.lose(
                    line,
                    f"`{line.source}`: limits of a spec are one rate for each client address",
                    "state `limits` of the route",
                )
                continue
            made["rate"] = f"{found[1]}/{found[2]}"
            burst = next((number(word[6:]) for word in line.args if word.startswith("burst=")), None)
            made["burst"] = burst or 0
        for line in level.in_force.get("limit_conn", ()):
            zone = self.zone("limit_conn_zone", line)
            most = number(line.args[1]) if len(line.args) > 1 else None
            if zone is None or not most or not self.by_address(zone):
                self.lose(
                    line,
                    f"`{line.source}`: limits of a spec count streams of each client address",
                    "state `max_connections` of the upstream",
                )
                continue
            made["per_client"] = most
        return {"limits": made} if made else {}

    def zone(self, kind: str, line: Directive) -> Directive | None:
        """The zone that a limit counts in."""
        words = [word.removeprefix("zone=") for word in line.args[:1]] + [
            word[5:] for word in line.args if word.startswith("zone=")
        ]
        for zone in self.http.level.own.get(kind, ()):
            name = next((word[5:].partition(":")[0] for word in zone.args if word.startswith("zone=")), "")
            if name in words:
                return zone
        return None

    def by_address(self, zone: Directive) -> bool:
        """Whether a zone counts by the client's address, alone or apart for each path and the like."""
        return any(
            self.reader.upstreams.kind_of(f"${name}") == "ip" for name in names_in(zone.args[0] if zone.args else "")
        )

    def cached(self, level: Level, protocol: str) -> dict[str, Any]:
        """For how long answers are shared."""
        first = level.first("proxy_cache")
        if first is None or first.directive.args[:1] == ("off",):
            return {}
        line = first.directive
        times = [
            seconds(each.args[-1])
            for each in level.in_force.get("proxy_cache_valid", ())
            if each.args and (len(each.args) == 1 or "200" in each.args)
        ]
        known = [each for each in times if each]
        if protocol == "poll" and known:
            return {"cache": show_duration(min(known))}
        self.lose(
            line, f"`{line.source}`: only a route of protocol poll is cached", "let the application, or a CDN, cache it"
        )
        return {}

    # ---- what is left ----

    def leftovers(self, level: Level) -> None:
        """What stands in a block, and became nothing, though nothing else takes care of it."""
        for line in level.children:
            if line.name == "proxy_redirect" and line.args in {("off",), ("default",)}:
                continue
            if line.block is None and line.name not in _TAKEN and not _DECIDED.fullmatch(line.name):
                self.lose(line, f"`{shown(line)}` is not carried over", "see whether the application needs it")
            elif line.name == "if" and not self.refuses(line):
                self.lose(
                    line,
                    f"`{line.source}` is not carried over: routes of a spec hang on host and path alone",
                    "let the application decide",
                )


def redirects(line: Directive) -> bool:
    """Whether a rewrite answers with a redirect."""
    return line.name == "rewrite" and (
        line.args[2:3] in {("permanent",), ("redirect",)}
        or (len(line.args) > 1 and line.args[1].startswith(("http://", "https://", "$scheme")))
    )


def shown(line: Directive) -> str:
    """A directive on one line, or its beginning."""
    text = " ".join(line.source.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


_LONGEST = 100
_GUARD = re.compile(
    r"auth_(?!request_set|basic_user_file|delay|http|jwt_)\w+|(?:server_)?(?:access|rewrite)_by_lua\w*|js_access|secure_link|ssl_verify_client|perl|oidc\w*"
)
"""Directives that let some in, and others not, or run programs that may."""
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_OF_THE_URL = frozenset(
    ("host", "http_host", "server_name", "request_method", "scheme", "https", "server_port", "uri", "request_uri", "document_uri", "request_filename",
     "args", "query_string", "is_args", "http_user_agent", "http_referer", "http_upgrade", "http_x_forwarded_proto")
)  # fmt: skip
_SAME_HOST = frozenset(
    ("host", "http_host", "server_port", "proxy_port", "server_name", "is_request_port", "request_port")
)
"""Variables of which the host is made that the client asked for."""
_OWNED = frozenset(
    ("x-real-ip", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-server", "x-forwarded-scheme",
     "x-forwarded-ssl", "x-scheme", "x-original-forwarded-for", "forwarded", "x-request-id", "upgrade", "connection", "te", "content-length",
     "transfer-encoding", "keep-alive", "proxy-connection", "trailer", "expect", "http2-settings")
)  # fmt: skip
"""Request headers that are written for every route, or belong to the connection."""
_ANSWERED = frozenset(
    ("strict-transport-security", "alt-svc", "server", "date", "connection", "transfer-encoding", "content-length", "x-accel-buffering", "upgrade",
     "trailer", "keep-alive")
)  # fmt: skip
"""Response headers that are decided elsewhere, or belong to the connection."""

_TAKEN = frozenset(
    ("listen", "server_name", "proxy_pass", "grpc_pass", "proxy_set_header", "grpc_set_header", "add_header", "proxy_hide_header",
     "grpc_hide_header", "rewrite", "return", "set", "if", "limit_except", "limit_req", "limit_conn", "limit_req_zone", "limit_conn_zone",
     "proxy_cache", "proxy_cache_valid", "proxy_cache_path", "auth_basic", "auth_basic_user_file", "auth_request", "auth_request_set",
     "auth_jwt", "deny", "allow", "satisfy", "secure_link", "server", "upstream", "hash", "ip_hash", "sticky", "least_conn", "keepalive",
     "zone", "keepalive_timeout", "keepalive_requests", "keepalive_time", "resolver", "resolver_timeout", "set_real_ip_from",
     "real_ip_header", "real_ip_recursive", "include", "internal", "try_files", "map", "break", "root", "index", "random", "least_time",
     "user", "pid", "events", "load_module", "daemon", "env", "pcre_jit", "timer_resolution", "thread_pool", "master_process", "lock_file",
     "satisfy_any", "ssi", "autoindex", "charset", "default_type", "log_format", "access_log", "error_log", "server_tokens", "rewrite_log")
)  # fmt: skip
"""What became a field, or a guard, or a route; or concerns only how nginx runs, or files that it serves itself."""
_DECIDED = re.compile(
    r"(?:proxy|grpc)_(?:(?:read|send|connect)_timeout|.*buffer.*|max_temp_file_size|temp_.*|http_version|next_upstream.*|socket_keepalive|intercept_errors"
    r"|ignore_client_abort|ssl_.*|headers_hash.*|cache_.*|pass_request_.*|pass_header|limit_rate|ignore_headers|no_cache|force_ranges|set_body_unused)"
    r"|client_.*|keepalive_.*|send_(?:timeout|lowat)|lingering_.*|tcp_.*|sendfile.*|aio.*|directio.*|gzip.*|brotli.*|zstd.*|ssl_.*|http2.*|http3.*|quic_.*"
    r"|types.*|variables_hash.*|map_hash.*|server_names_hash.*|large_client_header_buffers|reset_timedout_connection|open_file_cache.*|limit_(?:req|conn)_.*"
    r"|ignore_invalid_headers|underscores_in_headers|port_in_redirect|absolute_redirect|server_name_in_redirect|worker_.*|log_.*|output_buffers"
    r"|postpone_output|read_ahead|chunked_transfer_encoding|etag|if_modified_since|msie_.*|connection_pool_size|request_pool_size|uninitialized_.*"
    r"|max_ranges|limit_rate.*|charset_.*|override_charset|ssl"
)
"""What a hardened config decides for each route by its protocol, or by the scale."""
