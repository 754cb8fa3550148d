"""The shape of ``routes.yaml``: the fields of contract section 5 as pydantic models, with the defaults that the docs state.

:mod:`proxycfg.specfile` checks a file against these and settles it into :mod:`proxycfg.spec`, which the rest of the project reads.

Values are checked as strictly as their meaning allows, yet writers still quote every one of them: a value is data, here and
in every config made from it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from proxycfg.units import YEAR, parse_duration, parse_size

ProtocolName = Literal["sse", "ndjson", "websocket", "grpc", "grpc-web", "connect", "long-poll", "poll", "http"]
HttpVersion = Literal["1.1", "2", "3"]
AffinityBy = Literal["ip", "cookie", "header", "hash"]
Scheme = Literal["http", "https", "grpc", "grpcs", "unix"]
Plan = Literal["free", "pro", "business", "enterprise"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*\.?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def _no_control(text: str) -> str:
    if bad := _CONTROL.search(text):
        raise ValueError(f"must not hold control characters (found U+{ord(bad.group()):04X})")
    return text


def _token(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError("must be a header or cookie name: letters, digits and -_.!#$%&'*+^`|~")
    return text


def _argument(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+", text):
        raise ValueError("must be a name of letters, digits and _")
    return text


def _host(text: str) -> str:
    if text == "*":
        return text
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        pass
    if len(text) > 253 or not _HOST.fullmatch(text):
        raise ValueError("must be a host name such as chat.example.com or *.example.com, without scheme, port or path")
    return text.lower().rstrip(".")


def _path(text: str) -> str:
    _no_control(text)
    if not text.startswith("/"):
        raise ValueError("must start with /")
    if "?" in text or "#" in text:
        raise ValueError("must not hold ? or #: a route is matched on the path alone")
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ValueError("has percent-encoded bytes that are not UTF-8") from None
    if re.search(r"%(?![0-9A-Fa-f]{2})|%2[fF]|%25", text):
        raise ValueError("may hold % only to encode a character other than / and %, as in /caf%C3%A9")
    _no_control(decoded)
    if "//" in decoded or re.search(r"/\.{1,2}(/|$)", decoded):
        raise ValueError("must not hold //, /./ or /../: proxies normalise the path before they match")
    return decoded


def _regex(text: str) -> str:
    _no_control(text)
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is not a regular expression: {error}") from None
    # Both engines must understand it alike: PCRE on nginx, RE2 on Envoy.
    if found := re.search(r"\(\?(?![:iP])|\\[1-9]|[*+?}]\+|\(\?P=", text):
        raise ValueError(f"uses {found.group()!r}, which RE2 (Envoy) does not have: keep to plain groups, classes and repeats")
    return text


def _cidr(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as error:
        raise ValueError(f"is not a network: {error}") from None


def _file(text: str) -> str:
    _no_control(text)
    if not text or text != text.strip():
        raise ValueError("must be a path without spaces around it")
    if "$" in text:
        raise ValueError("must not hold $, which nginx reads as a variable in file names")
    return text


def _origin(text: str) -> str:
    if text == "*":
        return text
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query or "@" in text:
        raise ValueError("must be an origin such as https://app.example.com, or *")
    _host(parts.hostname)
    _ = parts.port
    return text


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    return value


def _size(value: Any) -> Any:
    return parse_size(value) if isinstance(value, str) else value


def _rate(value: Any) -> Any:
    """Requests per second, from 10, ``10/s`` or ``90/m``."""
    if isinstance(value, str) and (match := re.fullmatch(r"(\d+)\s*/\s*([sm])", value)):
        return int(match[1]) / (1 if match[2] == "s" else 60)
    return value


def _version(value: Any) -> Any:
    """Let ``1.1`` and ``2`` stand without quotes."""
    return {1.1: "1.1", 2: "2", 3: "3"}.get(value, value) if isinstance(value, (int, float)) else value


def _dotted(value: Any) -> Any:
    """Let ``1.30`` stand without quotes only where no digit is lost."""
    if isinstance(value, float):
        raise ValueError('must be quoted, since YAML reads 1.30 as 1.3: write "1.30"')  # noqa: TRY004 - pydantic wants ValueError
    return value


Duration = Annotated[float, BeforeValidator(_duration, json_schema_input_type=str | float), Field(gt=0, le=YEAR, allow_inf_nan=False)]
Size = Annotated[int, BeforeValidator(_size, json_schema_input_type=str | int), Field(gt=0, le=2**50)]
Rate = Annotated[float, BeforeValidator(_rate, json_schema_input_type=str | float), Field(gt=0, le=1_000_000, allow_inf_nan=False)]
Host = Annotated[str, AfterValidator(_host), Field(min_length=1)]
UrlPath = Annotated[str, AfterValidator(_path), Field(min_length=1, max_length=2048)]
Regex = Annotated[str, AfterValidator(_regex), Field(min_length=1, max_length=1024)]
Token = Annotated[str, AfterValidator(_token), Field(min_length=1, max_length=128)]
Argument = Annotated[str, AfterValidator(_argument), Field(min_length=1, max_length=128)]
HeaderValue = Annotated[str, AfterValidator(_no_control), Field(max_length=4096)]
FilePath = Annotated[str, AfterValidator(_file), Field(max_length=4096)]
Cidr = Annotated[str, AfterValidator(_cidr)]
Origin = Annotated[str, AfterValidator(_origin)]
EngineVersion = Annotated[str, BeforeValidator(_dotted), Field(pattern=r"^\d{1,3}\.\d{1,3}(\.\d{1,3})?$")]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class _Model(BaseModel):
    # Strict: "8080" is not a port and 1 is not true; coercions that people rely on are spelled out above.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Tls(_Model):
    """The listener's own certificate."""

    certificate: FilePath = Field(description="PEM file with the certificate chain", examples=["/etc/tls/tls.crt"])
    key: FilePath = Field(description="PEM file with the private key", examples=["/etc/tls/tls.key"])


class Listen(_Model):
    """Where clients connect."""

    port: int = Field(8080, ge=1, le=65535, description="TCP port, and UDP port where HTTP/3 is offered")
    tls: Tls | None = Field(None, description="certificate and key; plain HTTP if left out")
    http: list[Annotated[HttpVersion, BeforeValidator(_version)]] = Field(
        default=["1.1", "2"],
        min_length=1,
        description="HTTP versions offered to clients; 3 needs tls",
    )

    @model_validator(mode="after")
    def _http3_needs_tls(self) -> Self:
        if "3" in self.http and self.tls is None:
            raise ValueError("HTTP/3 exists only over TLS: add tls: {certificate, key}, or remove 3 from http")
        return self


class Scale(_Model):
    """How much to hold."""

    streams: int = Field(
        10_000,
        ge=1,
        le=10_000_000,
        description="concurrent streams to hold; sets workers, file limits and circuit breakers",
    )


class UpstreamTls(_Model):
    """How the origin's certificate is checked."""

    verify: bool = Field(True, description="check the origin's certificate; off only for a private network you trust")
    ca: FilePath | None = Field(None, description="PEM file with the CAs to trust; default the system's")
    sni: Host | None = Field(None, description="name to ask for and to check; default the host of the first server")


class Affinity(_Model):
    """Which origin a reconnecting client lands on."""

    by: AffinityBy = Field(description="what tells clients apart; hash is the query argument `name`, or the path without a name")
    name: Token | None = Field(None, description="the cookie, header or query argument")

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.by in ("cookie", "header") and not self.name:
            raise ValueError(f"affinity by {self.by} needs `name`, the {self.by} to look at")
        if self.by == "ip" and self.name:
            raise ValueError("affinity by ip has no name: remove `name`")
        if self.by in ("cookie", "hash") and self.name:
            _argument(self.name)
        if self.by == "header" and self.name and not re.fullmatch(r"[A-Za-z0-9-]+", self.name):
            raise ValueError("affinity by header needs a header name of letters, digits and -")
        return self


class Server(_Model):
    """One origin server, out of a URL."""

    scheme: Scheme
    host: str = ""
    port: int = 0
    socket: str = ""

    @property
    def secure(self) -> bool:
        """Whether the origin is reached over TLS."""
        return self.scheme in ("https", "grpcs")

    @property
    def address(self) -> str:
        """``host:port``, or ``unix:/path``."""
        if self.scheme == "unix":
            return f"unix:{self.socket}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


_DEFAULT_PORTS = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}


def parse_server(url: str) -> Server:
    """A server out of ``http://api:8000``, ``grpcs://agents`` or ``unix:/run/app.sock``.

    :raises ValueError: with what is wrong with it.
    """
    _no_control(url)
    if url.startswith("unix:"):
        socket = url.removeprefix("unix:").removeprefix("//")
        if not re.fullmatch(r"/[A-Za-z0-9._/+@-]{1,100}", socket):
            raise ValueError("a unix upstream is unix:/path/to.sock, of letters, digits and ._/+@-, at most 101 characters")
        return Server(scheme="unix", socket=socket)
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("must be a URL: http://host:port, https://, grpc://, grpcs:// or unix:/path")
    if parts.path not in ("", "/") or parts.query or parts.fragment or "@" in parts.netloc or url.endswith(("?", "#")):
        raise ValueError("must be scheme, host and port alone; use strip_prefix on the route to change paths")
    host = _host(parts.hostname)
    if "*" in host:
        raise ValueError("must name one host, not a wildcard")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("has a port that is not between 1 and 65535") from None
    if port == 0:
        raise ValueError("has a port that is not between 1 and 65535")
    # Not validated again: 10,000 routes ask for their servers often.
    return Server.model_construct(scheme=cast("Scheme", parts.scheme), host=host, port=port or _DEFAULT_PORTS[parts.scheme], socket="")


def _server_url(text: str) -> str:
    parse_server(text)
    return text


class Upstream(_Model):
    """A group of equal origin servers."""

    servers: list[Annotated[str, AfterValidator(_server_url)]] = Field(
        min_length=1,
        max_length=1000,
        description="URLs of equal servers; all of one scheme",
        examples=[["http://speech-1:9000", "http://speech-2:9000"]],
    )
    http: Annotated[Literal["1.1", "2"], BeforeValidator(_version)] | None = Field(
        None, description="HTTP version towards the servers; default 2 for grpc and grpcs, else 1.1"
    )
    tls: UpstreamTls = Field(default_factory=UpstreamTls, description="for https and grpcs servers")
    affinity: Affinity | None = Field(None, description="default none: each stream goes to the server with the fewest")
    max_connections: int | None = Field(None, ge=1, le=10_000_000, description="connections to each server; default no limit")
    keepalive: int | None = Field(None, ge=0, le=100_000, description="idle connections kept open per worker; default 64")

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, value: Any) -> Any:
        return {"servers": [value]} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_scheme(self) -> Self:
        schemes = {server.scheme for server in self.parsed()} - {"unix"}
        if len(schemes) > 1:
            raise ValueError(f"servers of one upstream must have one scheme, not {' and '.join(sorted(schemes))}")
        if schemes & {"grpc", "grpcs"} and self.http == "1.1":
            raise ValueError("gRPC exists only over HTTP/2: remove `http`, or use an http:// or https:// URL")
        return self

    def parsed(self) -> list[Server]:
        """The servers as records."""
        return [parse_server(url) for url in self.servers]

    @property
    def scheme(self) -> str:
        """The scheme that the servers share."""
        return next((s.scheme for s in self.parsed() if s.scheme != "unix"), "unix")

    @property
    def speaks_grpc(self) -> bool:
        """Whether the URL says that this origin is a gRPC server."""
        return self.scheme in ("grpc", "grpcs")

    @property
    def secure(self) -> bool:
        """Whether the servers are reached over TLS."""
        return self.scheme in ("https", "grpcs")

    @property
    def http_version(self) -> Literal["1.1", "2"]:
        """The HTTP version spoken to the servers."""
        return self.http or ("2" if self.speaks_grpc else "1.1")


class Upload(_Model):
    """What clients may send."""

    stream: bool | None = Field(
        None, description="pass the body on as it arrives; default yes for websocket, grpc, grpc-web and connect"
    )
    max_bytes: Size | None = Field(None, description="largest body; default 16MiB, without limit where uploads stream")


class Auth(_Model):
    """Where the credential travels: it decides what logs must not keep."""

    by: Literal["cookie", "header", "query"] = Field(description="query masks it in every access log")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,128}$")] = Field(description="name of the cookie, header or query argument")


class Cors(_Model):
    """Which web origins may call the route from a browser."""

    origins: list[Origin] = Field(min_length=1, max_length=100, description="exact origins, or * for any without credentials")


class Limits(_Model):
    """What one client may take."""

    per_client: int | None = Field(None, ge=1, le=1_000_000, description="concurrent streams of one client address")
    rate: Rate | None = Field(None, description="new requests a second of one client address: 10, 10/s or 90/m")
    burst: int | None = Field(None, ge=0, le=1_000_000, description="requests above the rate that pass at once; default 4 × rate")

    @model_validator(mode="after")
    def _burst_needs_rate(self) -> Self:
        if self.burst is not None and self.rate is None:
            raise ValueError("burst means nothing without rate: add rate, or remove burst")
        return self


class Retry(_Model):
    """When a request may be tried on another server: only if the first one cannot have started on it."""

    attempts: int = Field(2, ge=1, le=10, description="tries in all, the first one included")


_HOP_BY_HOP = frozenset(
    "connection keep-alive proxy-connection te trailer transfer-encoding upgrade content-length expect".split()
)


def _end_to_end(name: str) -> str:
    if _token(name).lower() in _HOP_BY_HOP or name.startswith(":"):
        raise ValueError(f"{name} belongs to the connection, which is the proxy's business: remove it here")
    return name


HeaderName = Annotated[str, AfterValidator(_end_to_end), Field(min_length=1, max_length=128)]


class Rewrites(_Model):
    """Headers to set, or to remove where the value is null."""

    request: dict[HeaderName, HeaderValue | None] = Field(default_factory=dict, description="towards the origin")
    response: dict[HeaderName, HeaderValue | None] = Field(default_factory=dict, description="towards the client")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for headers in (self.request, self.response):
            lower = [name.lower() for name in headers]
            for name in headers:
                if lower.count(name.lower()) > 1:
                    raise ValueError(f"{name} is written more than once, in different case: keep one")
        return self


class RouteDefaults(_Model):
    """The fields that ``defaults`` may hold for every route."""

    protocol: ProtocolName | None = Field(None, description="what travels on the route; default http")
    upstream: str | None = Field(None, description="name of an upstream")
    methods: list[Method] | None = Field(None, min_length=1, description="allowed methods; default every method")
    hosts: list[Host] | None = Field(None, min_length=1, description="hosts of this route alone; default the spec's hosts")
    heartbeat: Duration | None = Field(None, description="how often the origin sends something when idle")
    idle_timeout: Duration | None = Field(
        None, description="longest silence to allow; default 3 heartbeats, at least 1m, or 1h without a heartbeat"
    )
    max_duration: Duration | None = Field(None, description="longest stream; default no limit")
    upload: Upload | None = Field(None, description="what clients may send")
    strip_prefix: bool | UrlPath | None = Field(
        None, description="remove the route's path, or this prefix of it, before the origin sees it"
    )
    headers: Rewrites | None = Field(None, description="headers to set or remove")
    auth: Auth | None = Field(None, description="where the credential travels")
    cors: Cors | None = Field(None, description="which web origins may call the route")
    limits: Limits | None = Field(None, description="what one client may take")
    retry: bool | Retry | None = Field(None, description="try another server if the first cannot be reached; default off")
    cache: Duration | None = Field(None, description="for poll: seconds of shared cache; default 1s")


class RouteEntry(RouteDefaults):
    """One place that a client can reach."""

    path: UrlPath | None = Field(None, description="segment prefix: /api matches /api and /api/x, not /apix")
    exact: UrlPath | None = Field(None, description="this path alone, in place of path")
    regex: Regex | None = Field(None, description="a regular expression that matches the whole path, in place of path")

    @model_validator(mode="after")
    def _one_match(self) -> Self:
        given = [name for name in ("path", "exact", "regex") if getattr(self, name) is not None]
        if len(given) != 1:
            said = f"has {' and '.join(given)}" if given else "has no path"
            raise ValueError(f"a route {said}: write exactly one of path, exact or regex")
        return self

    @property
    def match(self) -> tuple[Literal["prefix", "exact", "regex"], str]:
        """The kind of match and its argument."""
        if self.exact is not None:
            return "exact", self.exact
        if self.regex is not None:
            return "regex", self.regex
        return "prefix", self.path or "/"


class NginxTarget(_Model):
    """What the nginx config is for."""

    version: EngineVersion | None = Field(None, description="version that will run it; default the newest stable", examples=["1.26"])
    layout: Literal["full", "site"] = Field("full", description="full is a whole nginx.conf; site is a file for conf.d")


class EnvoyTarget(_Model):
    """What the Envoy config is for."""

    version: EngineVersion | None = Field(None, description="version that will run it; default 1.40", examples=["1.40"])


class CloudflareTarget(_Model):
    """What the Cloudflare config is for."""

    plan: Plan = Field("free", description="decides timeouts and which settings exist")
    zone: str | None = Field(None, pattern=r"^[A-Za-z0-9.-]{1,253}$", description="zone id or name")
    account: str | None = Field(None, pattern=r"^[A-Za-z0-9-]{1,64}$", description="account id")
    worker: bool = Field(False, description="put a Worker in front that sends heartbeats and repairs endings")
    tunnel: bool = Field(False, description="reach the origin through cloudflared")


class Targets(_Model):
    """Settings per target; naming one here also makes `generate` write it."""

    nginx: NginxTarget | None = None
    envoy: EnvoyTarget | None = None
    cloudflare: CloudflareTarget | None = None


class CloudflareHop(_Model):
    """Cloudflare as a hop of a chain."""

    cloudflare: CloudflareTarget


class NginxHop(_Model):
    """nginx as a hop of a chain."""

    nginx: NginxTarget


class EnvoyHop(_Model):
    """Envoy as a hop of a chain."""

    envoy: EnvoyTarget


Hop = Literal["nginx", "envoy", "cloudflare"] | CloudflareHop | NginxHop | EnvoyHop


def _upstream_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError("an upstream's name is letters, digits and _.-, starting with a letter or digit, at most 63 characters")
    return text


class SpecFile(_Model):
    """A whole ``routes.yaml``."""

    version: Literal[1] = Field(1, description="of this format")
    hosts: list[Host] = Field(default_factory=lambda: ["*"], min_length=1, description="server names; default any")
    listen: Listen = Field(default_factory=Listen, description="where clients connect; plain HTTP on 8080 if left out")
    scale: Scale = Field(default_factory=Scale, description="how much to hold")
    trusted_proxies: list[Cidr] = Field(default_factory=list, description="networks whose forwarded headers count")
    chain: list[Hop] = Field(default_factory=list, description="hops, outermost first; default each target alone")
    targets: Targets = Field(default_factory=Targets, description="settings per target")
    defaults: RouteDefaults = Field(default_factory=RouteDefaults, description="any route field, for every route without its own")
    upstreams: dict[Annotated[str, AfterValidator(_upstream_name)], Upstream] = Field(
        min_length=1, description="the origins by name: a URL, or {servers, …}"
    )
    routes: list[RouteEntry] = Field(min_length=1, description="the places that clients can reach")
