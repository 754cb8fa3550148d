"""ingress-nginx: the nginx.conf that its template would make of ``Ingress`` objects, as of controller 1.15 with nginx 1.27.

Only what matters to a stream is written. Each line has the place of the annotation or of the ConfigMap's key that asks for it, or none where the
controller sets it by itself: ``rootfs/etc/nginx/template/nginx.tmpl``, ``internal/ingress/controller/config/config.go``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from proxycfg.kubernetes.envoys import entries
from proxycfg.kubernetes.lowered import words
from proxycfg.kubernetes.manifests import Manifests, Object
from proxycfg.record import field, record
from proxycfg.source import Span
from proxycfg.streams import MARK
from proxycfg.targets.envoy.comments import comments
from proxycfg.targets.envoy.tree import Field, Message
from proxycfg.targets.nginx.config import Config, load_placed
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.syntax import Placed

NAME = "ingress-nginx 1.15"
NGINX = "1.27"
"""The nginx that it brings along."""
GROUPS = ("networking.k8s.io", "extensions")
PREFIX = "nginx.ingress.kubernetes.io/"
FILE = "nginx.conf of ingress-nginx"
_OTHERS = ("nginx.org/", "nginx.com/")
"""Annotations of another controller, which calls itself by the same name."""
_LOG = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" '
    "$request_length $request_time [$proxy_upstream_name] $upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"
)
_GZIP = (
    "application/atom+xml application/javascript application/x-javascript application/json application/rss+xml application/vnd.ms-fontobject "
    "application/x-font-ttf application/x-web-app-manifest+json application/xhtml+xml application/xml font/opentype image/svg+xml image/x-icon "
    "text/css text/javascript text/plain text/x-component"
)


class Option(NamedTuple):
    """A directive that an annotation sets, or a key of the ConfigMap, or nobody.

    :param key: of the ConfigMap, and with the prefix the annotation; empty where nothing sets it.
    :param takes: the values that the controller takes; for any other it does as if nothing was written.
    """

    name: str
    key: str
    default: str
    unit: str = ""
    takes: str = r"[^\s;{}\"'\\]+(?: [^\s;{}\"'\\]+)*"


_SECONDS = r"[0-9]{1,9}"
"""Whole numbers alone: ``60s`` is none."""
_SIZE = r"[0-9]{1,12}[kKmMgG]?"
_SWITCH = "on|off"
_MAIN = (
    Option("worker_processes", "worker-processes", "auto"),
    Option("worker_shutdown_timeout", "worker-shutdown-timeout", "240s"),
)
_EVENTS = (Option("worker_connections", "max-worker-connections", "16384", takes=_SECONDS),)
_HTTP = (
    Option("tcp_nopush", "", "on"),
    Option("tcp_nodelay", "", "on"),
    Option("keepalive_timeout", "keep-alive", "75", "s", _SECONDS),
    Option("keepalive_requests", "keep-alive-requests", "1000", takes=_SECONDS),
    Option("client_header_buffer_size", "client-header-buffer-size", "1k", takes=_SIZE),
    Option("large_client_header_buffers", "large-client-header-buffers", "4 8k", takes=rf"[0-9]{{1,9}} {_SIZE}"),
    Option("client_header_timeout", "client-header-timeout", "60", "s", _SECONDS),
    Option("client_body_timeout", "client-body-timeout", "60", "s", _SECONDS),
    Option("client_body_buffer_size", "client-body-buffer-size", "8k", takes=_SIZE),
    Option("http2_max_concurrent_streams", "http2-max-concurrent-streams", "128", takes=_SECONDS),
    Option("default_type", "default-type", "text/html"),
)
_LOCATION = (
    Option("proxy_connect_timeout", "proxy-connect-timeout", "5", "s", _SECONDS),
    Option("proxy_send_timeout", "proxy-send-timeout", "60", "s", _SECONDS),
    Option("proxy_read_timeout", "proxy-read-timeout", "60", "s", _SECONDS),
    Option("proxy_buffering", "proxy-buffering", "off", takes=_SWITCH),
    Option("proxy_buffer_size", "proxy-buffer-size", "4k", takes=_SIZE),
    Option("proxy_max_temp_file_size", "proxy-max-temp-file-size", "1024m", takes=_SIZE),
    Option("proxy_request_buffering", "proxy-request-buffering", "on", takes=_SWITCH),
    Option("proxy_http_version", "proxy-http-version", "1.1", takes=r"1\.[01]"),
    Option("proxy_next_upstream_timeout", "proxy-next-upstream-timeout", "0", takes=_SECONDS),
    Option("proxy_next_upstream_tries", "proxy-next-upstream-tries", "3", takes=_SECONDS),
    Option("client_max_body_size", "proxy-body-size", "1m", takes=_SIZE),
)
_UPSTREAM = (
    Option("keepalive", "upstream-keepalive-connections", "320", takes=_SECONDS),
    Option("keepalive_time", "upstream-keepalive-time", "1h"),
    Option("keepalive_timeout", "upstream-keepalive-timeout", "60", "s", _SECONDS),
    Option("keepalive_requests", "upstream-keepalive-requests", "10000", takes=_SECONDS),
)
_GZIPPED = (
    Option("gzip_min_length", "gzip-min-length", "256", takes=_SECONDS),
    Option("gzip_types", "gzip-types", _GZIP),
)
_OF_GRPC = tuple(
    Option(f"grpc_{timer}_timeout", f"proxy-{timer}-timeout", default, "s", _SECONDS)
    for timer, default in (("connect", "5"), ("send", "60"), ("read", "60"))
)
_KNOWN = frozenset(
    ("affinity", "affinity-canary-behavior", "affinity-mode", "allowlist-source-range", "app-root", "auth-always-set-cookie",
     "auth-cache-duration", "auth-cache-key", "auth-keepalive", "auth-keepalive-requests", "auth-keepalive-share-vars",
     "auth-keepalive-timeout", "auth-method", "auth-proxy-set-headers", "auth-realm", "auth-request-redirect", "auth-response-headers",
     "auth-secret", "auth-secret-type", "auth-signin", "auth-signin-redirect-param", "auth-snippet", "auth-tls-error-page",
     "auth-tls-match-cn", "auth-tls-pass-certificate-to-upstream", "auth-tls-secret", "auth-tls-verify-client", "auth-tls-verify-depth",
     "auth-type", "auth-url", "backend-protocol", "canary", "canary-by-cookie", "canary-by-header", "canary-by-header-pattern",
     "canary-by-header-value", "canary-weight", "canary-weight-total", "client-body-buffer-size", "configuration-snippet",
     "connection-proxy-header", "cors-allow-credentials", "cors-allow-headers", "cors-allow-methods", "cors-allow-origin",
     "cors-expose-headers", "cors-max-age", "custom-headers", "custom-http-errors", "default-backend", "denylist-source-range",
     "disable-proxy-intercept-errors", "enable-access-log", "enable-cors", "enable-global-auth", "enable-modsecurity",
     "enable-opentelemetry", "enable-owasp-core-rules", "enable-rewrite-log", "fastcgi-index", "fastcgi-params-configmap",
     "force-ssl-redirect", "from-to-www-redirect", "http2-push-preload", "limit-allowlist", "limit-burst-multiplier", "limit-connections",
     "limit-rate", "limit-rate-after", "limit-rpm", "limit-rps", "limit-whitelist", "load-balance", "mirror-host", "mirror-request-body",
     "mirror-target", "modsecurity-snippet", "modsecurity-transaction-id", "opentelemetry-operation-name",
     "opentelemetry-trust-incoming-span", "permanent-redirect", "permanent-redirect-code", "preserve-trailing-slash", "proxy-body-size",
     "proxy-buffer-size", "proxy-buffering", "proxy-buffers-number", "proxy-busy-buffers-size", "proxy-connect-timeout",
     "proxy-cookie-domain", "proxy-cookie-path", "proxy-http-version", "proxy-max-temp-file-size", "proxy-next-upstream",
     "proxy-next-upstream-timeout", "proxy-next-upstream-tries", "proxy-read-timeout", "proxy-redirect-from", "proxy-redirect-to",
     "proxy-request-buffering", "proxy-send-timeout", "proxy-ssl-ciphers", "proxy-ssl-name", "proxy-ssl-protocols", "proxy-ssl-secret",
     "proxy-ssl-server-name", "proxy-ssl-verify", "proxy-ssl-verify-depth", "relative-redirects", "rewrite-target", "satisfy",
     "server-alias", "server-snippet", "service-upstream", "session-cookie-change-on-failure", "session-cookie-conditional-samesite-none",
     "session-cookie-domain", "session-cookie-expires", "session-cookie-max-age", "session-cookie-name", "session-cookie-partitioned",
     "session-cookie-path", "session-cookie-samesite", "session-cookie-secure", "ssl-ciphers", "ssl-passthrough",
     "ssl-prefer-server-ciphers", "ssl-redirect", "stream-snippet", "temporal-redirect", "temporal-redirect-code", "upstream-hash-by",
     "upstream-hash-by-subset", "upstream-hash-by-subset-size", "upstream-vhost", "use-port-in-redirects", "use-regex",
     "whitelist-source-range", "x-forwarded-prefix")
)  # fmt: skip
"""Annotations that there are, those that no stream notices included."""
_VALUE = re.compile(r"[^\s;{}\"'\\]+(?: [^\s;{}\"'\\]+)*")
"""What fits a directive without quotes: nothing else is taken over from an annotation."""
_HEADERS = (
    ("Host", "$http_host"), ("X-Request-ID", "$req_id"), ("X-Real-IP", "$remote_addr"), ("X-Forwarded-For", "$remote_addr"),
    ("X-Forwarded-Host", "$http_host"), ("X-Forwarded-Port", "$server_port"), ("X-Forwarded-Proto", "$scheme"),
    ("X-Forwarded-Scheme", "$scheme"), ("X-Scheme", "$scheme"),
)  # fmt: skip


@record(frozen=True, slots=True)
class Path:
    """A path of an ``Ingress``: what a location is made of."""

    owner: Object
    message: Message
    path: str
    kind: str
    backend: str
    port: str
    tls: bool = False

    @property
    def span(self) -> Span:
        """Where it stands: its own entry, or the default backend."""
        return self.message.span


@record(slots=True)
class Ingresses:
    """The nginx of one controller, as manifests make it.

    :param paths: by the place of each.
    """

    config: Config
    paths: dict[Span, Path] = field(default_factory=dict)


def lower(manifests: Manifests) -> Ingresses | None:
    """The nginx.conf; None where no ``Ingress`` of ingress-nginx is."""
    found = [each for group in GROUPS for each in manifests.of("Ingress", group) if is_ours(each, manifests)]
    return _Template(manifests).rendered(found) if found else None


def is_ours(ingress: Object, manifests: Manifests) -> bool:
    """Whether it is one for ingress-nginx: by the controller of its class, the usual name of that, or its annotations."""
    said = ingress.spec.text("ingressClassName")
    old = ingress.annotation("kubernetes.io/ingress.class")
    name = said or (old.value.raw if old is not None else "")
    known = manifests.find("IngressClass", GROUPS[0], "", name) if name else None
    keys = [key for key, _ in entries(ingress.message, "metadata", "annotations")]
    if known is not None:
        return known.spec.text("controller") == "k8s.io/ingress-nginx"
    theirs = any(key.startswith(_OTHERS) for key in keys)
    return (name == "nginx" and not theirs) or any(key.startswith(PREFIX) for key in keys)


class _Template:
    """What the template prints, line by line with its place."""

    def __init__(self, manifests: Manifests) -> None:
        self.manifests = manifests
        self.lines: list[str] = []
        self.places: list[tuple[Span, str]] = []
        self.assumed: list[str] = []
        self.nowhere = Span.nowhere(NAME)
        self.map = _config_map(manifests)
        self.declared = [
            comment
            for trees in manifests.files.values()
            for comment in comments(trees)
            if comment.text.strip().removeprefix(MARK).strip().startswith("protocol")
        ]

    def write(self, line: str, span: Span | None = None, said: str = "") -> None:
        """A line, or several of a snippet."""
        for at, part in enumerate(line.split("\n")):
            self.lines.append(part)
            place = span or self.nowhere
            inside = at and place.stands and place.end_line > place.line
            self.places.append((place._replace(line=min(place.line + at, place.end_line)) if inside else place, said))

    def directive(self, name: str, value: str, said: Field | None) -> None:
        """A directive, asked for or supplied."""
        self.write(f"{name} {value};", said.span if said is not None else None, words(said) if said is not None else "")

    def option(self, option: Option, owner: Object | None = None) -> None:
        """A directive that an annotation sets, or a key of the ConfigMap, or nobody."""
        said = owner.annotation(PREFIX + option.key) if owner is not None and option.key else None
        for found in (said, self.map.get(option.key)):
            if found is not None:
                text = found.value.raw.strip()
                taken = re.fullmatch(option.takes, text) is not None
                self.directive(option.name, f"{text if taken else option.default}{option.unit}", found)
                return
        self.write(f"{option.name} {option.default}{option.unit};")

    # ---- the whole ----

    def rendered(self, ingresses: list[Object]) -> Ingresses:
        self.assumed.append(
            f"read as {NAME} does"
            + ("" if self.map else " with a ConfigMap that says nothing else: another one may set timeouts for all")
        )
        by_host: dict[str, list[Path]] = {}
        for ingress in ingresses:
            for host, path in self.paths(ingress):
                by_host.setdefault(host, []).append(path)
        for option in _MAIN:
            self.option(option)
        self.write("events {")
        for option in _EVENTS:
            self.option(option)
        self.write("}")
        self.write("http {")
        self.http(by_host)
        if "_" not in by_host:
            self.write(
                "server {\nlisten 80 default_server;\nlisten 443 ssl default_server;\nserver_name _;\nreturn 404;\n}"
            )
        paths: dict[Span, Path] = {}
        for host, found in by_host.items():
            self.server(host, found)
            paths |= {path.span: path for path in found}
        self.write("}")
        text = "\n".join(self.lines) + "\n"
        config = load_placed(Placed(FILE, text, self.places), is_directive=opens_line)
        config.made_from |= {name: trees.source for name, trees in self.manifests.files.items()}
        config.assumed[:] = self.assumed
        return Ingresses(config, paths)

    def paths(self, ingress: Object) -> Iterator[tuple[str, Path]]:
        secure = {each.value.raw for tls in ingress.spec.messages("tls") for each in tls.texts("hosts")}
        for key, what in (("canary", "a canary"), ("ssl-passthrough", "passes TLS on as it is")):
            said = ingress.annotation(PREFIX + key)
            if said is not None and said.value.raw == "true":
                self.assumed.append(f"{said.span}: {ingress.title} is {what}: its routes are not part of this")
                return
        for key, said in entries(ingress.message, "metadata", "annotations"):
            if key.startswith(PREFIX) and key.removeprefix(PREFIX) not in _KNOWN:
                self.assumed.append(f"{said.span}: {key} does nothing: ingress-nginx has no such annotation")
        default = ingress.spec.message("defaultBackend") or ingress.spec.message("backend")
        if default is not None and not ingress.spec.has("rules"):
            name, port = _backend(default)
            yield "_", Path(ingress, default, "/", "Prefix", name, port)
        for rule in ingress.spec.messages("rules"):
            host = rule.text("host") or "_"
            if not re.fullmatch(r"[\w.*-]+", host):
                # The API server refuses it, too.
                continue
            for each in rule.messages("http", "paths"):
                name, port = _backend(each.message("backend") or each)
                tls = host in secure or any(one.startswith("*.") and host.endswith(one[1:]) for one in secure)
                # What Ingress once called nothing is the controller's own way.
                kind = each.text("pathType") or "ImplementationSpecific"
                yield host, Path(ingress, each, each.text("path") or "/", kind, name, port, tls)

    def http(self, by_host: Mapping[str, list[Path]]) -> None:
        for option in _HTTP:
            self.option(option)
        gzip = self.map.get("use-gzip")
        if gzip is not None and gzip.value.raw == "true":
            self.directive("gzip", "on", gzip)
            self.write("gzip_http_version 1.1;")
            self.write("gzip_proxied any;")
            for option in _GZIPPED:
                self.option(option)
        log = self.map.get("log-format-upstream")
        if log is not None and "'" not in log.value.raw and "\\" not in log.value.raw:
            self.write(f"log_format upstreaminfo '{' '.join(log.value.raw.split())}';", log.span, words(log))
        else:
            self.write(f"log_format upstreaminfo '{_LOG}';")
        disabled = self.map.get("disable-access-log")
        if disabled is not None and disabled.value.raw == "true":
            self.directive("access_log", "off", disabled)
        else:
            self.write("access_log /var/log/nginx/access.log upstreaminfo;")
        self.write("map $http_upgrade $connection_upgrade {\ndefault upgrade;\n'' '';\n}")
        self.write('map $http_x_request_id $req_id {\ndefault $http_x_request_id;\n"" $request_id;\n}')
        self.snippet(self.map.get("http-snippet"))
        known: set[str] = set()
        for paths in by_host.values():
            for path in paths:
                self.upstream(path, known)
                self.zones(path, known)

    def upstream(self, path: Path, known: set[str]) -> None:
        """One group for each backend: the template has a single one, and a program in Lua that chooses among all endpoints."""
        name = _group(path)
        if name in known:
            return
        known.add(name)
        backend = path.message.field("backend")
        self.write(f"upstream {name} {{", backend.span if backend is not None else path.span, f"backend {path.backend}")
        self.write(f"server {path.backend or 'default-backend'}:{path.port if path.port.isdigit() else '80'};")
        affinity = path.owner.annotation(f"{PREFIX}affinity")
        cookie = path.owner.annotation(f"{PREFIX}session-cookie-name")
        hashed = path.owner.annotation(f"{PREFIX}upstream-hash-by")
        if affinity is not None and affinity.value.raw == "cookie":
            word = (
                cookie.value.raw
                if cookie is not None and re.fullmatch(r"[\w-]+", cookie.value.raw)
                else "INGRESSCOOKIE"
            )
            self.directive("sticky cookie", word, affinity)
        elif hashed is not None and _VALUE.fullmatch(hashed.value.raw):
            self.directive("hash", f"{hashed.value.raw} consistent", hashed)
        for option in _UPSTREAM:
            self.option(option)
        self.write("}")

    def zones(self, path: Path, known: set[str]) -> None:
        for key, rate in _LIMITS.items():
            said = path.owner.annotation(PREFIX + key)
            zone = _zone(path.owner, key)
            if said is None or not said.value.raw.isdigit() or said.value.raw == "0" or zone in known:
                continue
            known.add(zone)
            limit = f" rate={said.value.raw}{rate}" if rate else ""
            self.directive(
                f"limit_{'req' if rate else 'conn'}_zone", f"$binary_remote_addr zone={zone}:5m{limit}", said
            )

    # ---- servers and locations ----

    def server(self, host: str, paths: list[Path]) -> None:
        first = paths[0].owner
        aliases = first.annotation(f"{PREFIX}server-alias")
        names = [host, *(re.findall(r"[\w.*-]+", aliases.value.raw) if aliases is not None else ())]
        rule = next((each for each in first.spec.messages("rules") if each.text("host") == host), None)
        place = rule.field("host") if rule is not None else None
        self.write("server {", place.span if place is not None else first.span)
        self.write(f"server_name {' '.join(names)};", place.span if place is not None else first.span)
        redirected = first.annotation(f"{PREFIX}ssl-redirect") or self.map.get("ssl-redirect")
        sent_away = paths[0].tls and (redirected is None or redirected.value.raw != "false")
        if not sent_away:
            self.write("listen 80;")
        self.write("listen 443 ssl;")
        two = self.map.get("use-http2")
        self.directive("http2", "off" if two is not None and two.value.raw == "false" else "on", two)
        self.snippet(self.map.get("server-snippet"))
        for owner in {id(path.owner): path.owner for path in paths}.values():
            self.snippet(owner.annotation(f"{PREFIX}server-snippet"))
        patterns = any(_rewritten(path) or _flag(path.owner, "use-regex") for path in paths)
        exact = {path.path for path in paths if path.kind == "Exact"}
        written: set[str] = set()
        for path in sorted(paths, key=lambda each: -len(each.path)):
            for match in _matches(path, exact, patterns=patterns):
                if match not in written:
                    written.add(match)
                    self.location(match, path)
        if not any(match in {'"/"', '~* "^/"'} for match in written):
            self.write("location / {\nreturn 404;\n}")
        self.write("}")
        if sent_away:
            self.write(
                f"server {{\nlisten 80;\nserver_name {' '.join(names)};\nreturn 308 https://$host$request_uri;\n}}"
            )

    def location(self, match: str, path: Path) -> None:
        owner = path.owner
        for comment in self.declared:
            if _about(comment.span, path):
                self.write(f"#{comment.text}", comment.span)
        asked = owner.annotation(f"{PREFIX}auth-url")
        if asked is not None:
            self.asking(match, asked)
        self.write(f"location {match} {{", path.span)
        if asked is not None:
            self.directive("auth_request", _asked(match), asked)
        if _flag(owner, "enable-access-log", default="true") is False:
            self.directive("access_log", "off", owner.annotation(f"{PREFIX}enable-access-log"))
        self.limits(owner)
        self.proxying(path)
        self.write("}", path.span)

    def asking(self, match: str, asked: Field) -> None:
        """The location of the subrequest that asks whether a request may pass."""
        self.write(f"location = {_asked(match)} {{\ninternal;\nproxy_pass_request_body off;", asked.span)
        self.write(
            'proxy_set_header Content-Length "";\nproxy_buffering off;\nproxy_http_version 1.1;\nproxy_pass http://auth.invalid;\n}',
            asked.span,
        )

    def limits(self, owner: Object) -> None:
        burst = owner.annotation(f"{PREFIX}limit-burst-multiplier")
        times = int(burst.value.raw) if burst is not None and burst.value.raw.isdigit() else 5
        for key, rate in _LIMITS.items():
            said = owner.annotation(PREFIX + key)
            if said is None or not said.value.raw.isdigit() or said.value.raw == "0":
                continue
            zone = _zone(owner, key)
            if rate:
                self.directive("limit_req", f"zone={zone} burst={int(said.value.raw) * times} nodelay", said)
            else:
                self.directive("limit_conn", f"{zone} {said.value.raw}", said)
        for name, key in (("limit_rate_after", "limit-rate-after"), ("limit_rate", "limit-rate")):
            said = owner.annotation(PREFIX + key)
            if said is not None and said.value.raw.isdigit() and said.value.raw != "0":
                self.directive(name, f"{said.value.raw}k", said)

    def proxying(self, path: Path) -> None:
        owner = path.owner
        protocol = owner.annotation(f"{PREFIX}backend-protocol")
        word = protocol.value.raw.upper() if protocol is not None else "HTTP"
        grpc = word in {"GRPC", "GRPCS"}
        header = f"{'grpc' if grpc else 'proxy'}_set_header"
        upstream_host = owner.annotation(f"{PREFIX}upstream-vhost")
        for name, value in _HEADERS:
            said = upstream_host if name == "Host" else None
            self.directive(
                f"{header} {name}",
                said.value.raw if said is not None and _VALUE.fullmatch(said.value.raw) else value,
                said,
            )
        self.write(f"{header} Upgrade $http_upgrade;")
        connection = owner.annotation(f"{PREFIX}connection-proxy-header")
        if connection is not None and _VALUE.fullmatch(connection.value.raw):
            self.directive(f"{header} Connection", f'"{connection.value.raw}"', connection)
        else:
            self.write(f"{header} Connection $connection_upgrade;")
        for option in (*_LOCATION, *(_OF_GRPC if grpc else ())):
            self.option(option, owner)
        self.buffers(owner)
        self.retries(owner)
        self.errors(owner)
        self.snippet(owner.annotation(f"{PREFIX}configuration-snippet"))
        self.snippet(self.map.get("location-snippet"))
        for key, code in (("permanent-redirect", "301"), ("temporal-redirect", "302")):
            said = owner.annotation(PREFIX + key)
            if said is not None:
                self.directive("return", f"{code} $scheme://$http_host", said)
        target = owner.annotation(f"{PREFIX}rewrite-target")
        if target is not None and _VALUE.fullmatch(target.value.raw) and target.value.raw != path.path:
            self.write(f'rewrite "(?i){_quoted(path.path)}" {target.value.raw} break;', target.span, words(target))
        scheme = {
            "HTTPS": "https://",
            "AUTO_HTTP": "$scheme://",
            "GRPC": "grpc://",
            "GRPCS": "grpcs://",
            "FCGI": "",
        }.get(word, "http://")
        module = "grpc" if grpc else "fastcgi" if word == "FCGI" else "proxy"
        backend = path.message.field("backend")
        span = protocol.span if protocol is not None else backend.span if backend is not None else path.span
        self.write(
            f"{module}_pass {scheme}{_group(path)};",
            span,
            words(protocol) if protocol is not None else f"backend {path.backend}",
        )

    def buffers(self, owner: Object) -> None:
        """A number from one annotation, a size from another."""
        count, size = (
            owner.annotation(PREFIX + key) or self.map.get(key) for key in ("proxy-buffers-number", "proxy-buffer-size")
        )
        words_of = [
            each.value.raw if each is not None and _VALUE.fullmatch(each.value.raw) else usual
            for each, usual in ((count, "4"), (size, "4k"))
        ]
        self.directive("proxy_buffers", " ".join(words_of), count or size)

    def retries(self, owner: Object) -> None:
        said = owner.annotation(f"{PREFIX}proxy-next-upstream") or self.map.get("proxy-next-upstream")
        always = self.map.get("retry-non-idempotent")
        on = [
            word
            for word in (said.value.raw if said is not None else "error timeout").split()
            if re.fullmatch(r"\w+", word)
        ]
        if always is not None and always.value.raw == "true" and "non_idempotent" not in on:
            on.append("non_idempotent")
            said = always
        self.directive("proxy_next_upstream", " ".join(on) or "off", said)

    def errors(self, owner: Object) -> None:
        said = owner.annotation(f"{PREFIX}custom-http-errors") or self.map.get("custom-http-errors")
        off = _flag(owner, "disable-proxy-intercept-errors")
        codes = [word for word in re.split(r"[\s,]+", said.value.raw) if word.isdigit()] if said is not None else []
        if codes and not off:
            self.directive("proxy_intercept_errors", "on", said)
            self.directive("error_page", f"{' '.join(codes)} = /custom-errors", said)

    def snippet(self, said: Field | None) -> None:
        """What somebody wrote in nginx's own words, with the place of each line as far as YAML keeps lines."""
        if said is None or not said.value.raw.strip():
            return
        first = said.value.span
        lines = self.manifests.files[first.file].lines
        block = first.end_line > first.line
        for at, line in enumerate(said.value.raw.rstrip("\n").split("\n")):
            number = min(first.line + 1 + at, first.end_line)
            there = lines[number - 1] if block else ""
            span = (
                Span(first.file, number, len(there) - len(there.lstrip()) + 1, number, len(there) + 1)
                if block
                else first
            )
            self.write(line, span, line.strip().rstrip(";"))


_LIMITS = {"limit-connections": "", "limit-rps": "r/s", "limit-rpm": "r/m"}


def _config_map(manifests: Manifests) -> dict[str, Field]:
    """The keys of the controller's ConfigMap, if it is among them."""
    for each in manifests.of("ConfigMap"):
        labels = each.message.text("metadata", "labels", "app.kubernetes.io/name")
        if labels == "ingress-nginx" or each.name in {
            "ingress-nginx-controller",
            "nginx-configuration",
            "ingress-nginx",
        }:
            return {key: said for key, said in entries(each.message, "data") if said.value.kind == "scalar"}
    return {}


def _backend(backend: Message) -> tuple[str, str]:
    """The name and the port of a service, in the words of today's API and of the one before."""
    name = backend.text("service", "name") or backend.text("serviceName") or backend.text("resource", "name") or ""
    port = (
        backend.text("service", "port", "number")
        or backend.text("service", "port", "name")
        or backend.text("servicePort")
        or ""
    )
    return name if re.fullmatch(r"[\w.-]+", name) else "", port


def _group(path: Path) -> str:
    """The name of an upstream: that of the service, so that it tells what it tells."""
    hashed = any(path.owner.annotation(PREFIX + key) is not None for key in ("affinity", "upstream-hash-by"))
    name = path.backend or "default-backend"
    suffix = ".".join(filter(None, (path.owner.namespace, path.port if path.port.isdigit() else "")))
    return f"{name}.{suffix}{f'.{path.owner.name}' if hashed else ''}" if suffix or hashed else name


def _zone(owner: Object, key: str) -> str:
    return f"{owner.namespace or 'default'}_{owner.name}_{key.removeprefix('limit-')}"


def _flag(owner: Object, key: str, default: str = "false") -> bool:
    said = owner.annotation(PREFIX + key)
    return (said.value.raw if said is not None else default) == "true"


def _rewritten(path: Path) -> bool:
    target = path.owner.annotation(f"{PREFIX}rewrite-target")
    return target is not None and target.value.raw not in {"", path.path}


def _quoted(path: str) -> str:
    return path.replace("\\", "\\\\").replace('"', '\\"')


def _matches(path: Path, exact: set[str], *, patterns: bool) -> Iterator[str]:
    """What the locations of a path match: prefixes of segments take two."""
    written = _quoted(path.path)
    if patterns:
        yield f'~* "^{written}"'
    elif path.kind == "Exact":
        yield f'= "{written}"'
    elif path.kind != "Prefix" or path.path == "/":
        yield f'"{written}"'
    else:
        yield f'"{written.rstrip("/")}/"'
        if path.path not in exact:
            yield f'= "{written}"'


def _asked(match: str) -> str:
    return "/_external-auth-" + re.sub(r"\W", "_", match)


def _about(span: Span, path: Path) -> bool:
    """Whether a comment speaks of a path: within its entry, above it, or at the annotations of its object."""
    here = path.span
    if span.file != here.file:
        return False
    if here.line - 1 <= span.line <= here.end_line:
        return True
    there = path.owner.message.field("metadata")
    return there is not None and there.span.line <= span.line <= there.span.end_line
