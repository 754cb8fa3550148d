"""The shape of ``routes.yaml``: the fields of contract section 5 as pydantic models, with the defaults that the docs state.

:mod:`proxycfg.specfile` checks a file against these and settles it into :mod:`proxycfg.spec`, which everybody else reads;
:mod:`proxycfg.wording` says what is wrong.

Values are checked as strictly as their meaning allows, yet writers still quote every one of them: a value is data, here and
in every config made from it.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
import warnings
from collections.abc import Callable
from typing import Annotated, Any, Literal, Self, cast
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from proxycfg.units import DURATION, SIZE, YEAR, parse_duration, parse_size
from proxycfg.yamldoc import called

ProtocolName = Literal["sse", "ndjson", "websocket", "grpc", "grpc-web", "connect", "long-poll", "poll", "http"]
HttpVersion = Literal["1.1", "2", "3"]
AffinityBy = Literal["ip", "cookie", "header", "hash"]
Scheme = Literal["http", "https", "grpc", "grpcs", "unix"]
Plan = Literal["free", "pro", "business", "enterprise"]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_TCHARS = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LABEL = r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*\.?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_VERSION = r"[0-9]{1,3}\.[0-9]{1,3}(\.[0-9]{1,3})?"
_DEFAULT_PORTS = {"http": 80, "https": 443, "grpc": 80, "grpcs": 443}
_RATE = r"([0-9]{1,12}) ?/ ?([sm])"
_MOST_GROUPS = 100
_MOST_TIMES = 1000
_MOST_STEPS = 1900
_LEAST_DURATION = 0.001
_LEAST_RATE = 1 / 60
_MOST_RATE = 1_000_000
_MOST_BYTES = 2**50


class Wrong(ValueError):
    """A value that cannot be meant: what is wrong with it, what to write instead, and where inside the value it is.

    A message that starts with a verb is a predicate: :mod:`proxycfg.wording` puts the field's name before it.
    """

    def __init__(self, message: str, instead: str = "", at: tuple[str | int, ...] = ()) -> None:
        """Keep the parts apart."""
        super().__init__(message)
        self.instead = instead
        self.at = at


def _no_control(text: str) -> str:
    if bad := _CONTROL.search(text):
        raise Wrong(f"must not hold control characters (found U+{ord(bad.group()):04X})", "remove it")
    return text


def _token(text: str) -> str:
    if not re.fullmatch(_TCHARS, text):
        raise Wrong("must be letters, digits and -_.!#$%&'*+^`|~ alone", "write a name such as X-Request-ID")
    return text


def _host(text: str) -> str:
    if text == "*":
        return text
    try:
        address = ipaddress.ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        pass
    else:
        # A zone, as in fe80::1%eth0, may hold any character at all, and means nothing on another machine.
        if "%" not in text:
            return str(address)
    if not text.isascii():
        raise Wrong("must be a host name in ASCII", "write the xn-- form, as DNS has it")
    if len(text) > 253 or not _HOST.fullmatch(text):  # noqa: PLR2004 - the longest name that DNS has
        raise Wrong(
            "must be a host name, without scheme, port or path",
            "write a name such as chat.example.com, *.example.com, or * for any",
        )
    return text.lower().rstrip(".")


def _exact_host(text: str) -> str:
    if "*" in text:
        raise Wrong("must name one host, not a wildcard", "write the name that is in the certificate")
    return _host(text)


def _path(text: str) -> str:
    _no_control(text)
    if not text.startswith("/"):
        plain = re.fullmatch(r"[\w-][\w./-]{0,60}", text)
        raise Wrong("must start with /", f"write /{text}" if plain else "write a path such as /v1/chat")
    if "?" in text or "#" in text:
        raise Wrong("must not hold ? or #", "remove the query: a route is matched on the path alone")
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise Wrong("has percent-encoded bytes that are not UTF-8", "write the characters themselves") from None
    if re.search(r"%(?![0-9A-Fa-f]{2})|%2[fF]|%25", text):
        raise Wrong("may hold % only to encode a character other than / and %", "write as in /caf%C3%A9, or /café")
    _no_control(decoded)
    if "//" in decoded or re.search(r"/\.{1,2}(/|$)", decoded):
        raise Wrong("must not hold //, /./ or /../", "write the path as proxies see it once they have normalised it")
    return decoded


_REGEX_PARTS = re.compile(
    r"(?P<escape>\\.)|(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<group>\((?:\?P<\w+>|\?[ims]*(?:-[ims]+)?[:)])?)(?!\?)|(?P<odd>\(\?(?:P=|[A-Za-z-]+|.)?)"
    r"|(?P<foreign>[*+?}]\+|\{,[0-9]*\})|(?P<times>\{[0-9]+(?:,[0-9]*)?\}(?!\+))|(?P<end>\))|(?P<sign>[^?*+^$|])",
    re.DOTALL,
)
"""An expression cut up so far that an escaped or bracketed sign is not taken for an operator."""


def _regex(text: str) -> str:
    _no_control(text)
    if text.count("(") > _MOST_GROUPS:
        raise Wrong(f"has more than {_MOST_GROUPS} groups", "write several routes")
    try:
        with warnings.catch_warnings():
            # Python warns of [[ and the like, which mean another thing to it than to PCRE and RE2.
            warnings.simplefilter("ignore")
            re.compile(text)
    except (re.error, OverflowError) as error:
        raise Wrong(
            f"is not a regular expression: {error}", "put a backslash before signs that stand for themselves"
        ) from None
    # Both engines must understand it alike: PCRE on nginx, RE2 on Envoy.
    for part in _REGEX_PARTS.finditer(text):
        escaped = part["escape"] and re.fullmatch(r"\\[1-9ZNUu]", part["escape"])
        if escaped or part["odd"] or part["foreign"]:
            raise Wrong(
                f"uses `{part.group()}`, which nginx or Envoy (RE2) does not have",
                "keep to plain groups, classes and repeats, and to the flags i, m and s",
            )
    _check_repeats(text)
    return text


def _check_repeats(text: str) -> None:
    """RE2 takes 1000 repeats at the most, those of repeats within repeats multiplied; PCRE writes groups out into 64 KiB, 33 bytes a class."""
    # Of each open group: the steps in it, those of its last part, and how often that part's own repeats multiply.
    groups = [[0, 0, 1, 1]]
    for part in _REGEX_PARTS.finditer(text):
        here = groups[-1]
        if part["times"]:
            times = max(int(number) for number in re.findall("[0-9]+", part["times"]))
            here[0] += here[1] * (times - 1)
            here[1] *= times
            here[2] *= max(times, 1)
            here[3] = max(here[3], here[2])
        elif part["group"] and not part["group"].endswith(")"):
            groups.append([0, 0, 1, 1])
        elif part["end"] and len(groups) > 1:
            steps, _, _, nested = groups.pop()
            groups[-1][0] += steps + 1
            groups[-1][1:3] = [steps + 1, nested]
            groups[-1][3] = max(groups[-1][3], nested)
        elif not part["group"]:
            here[0] += 1
            here[1:3] = [1, 1]
        if max(group[3] for group in groups) > _MOST_TIMES or groups[-1][0] > _MOST_STEPS:
            raise Wrong(
                f"repeats more than {_MOST_TIMES} times, repeats within repeats multiplied, or makes more than {_MOST_STEPS} signs in all, "
                "which RE2 (Envoy) or PCRE (nginx) does not do",
                "use * or +",
            )


def _address(text: str) -> str:
    with contextlib.suppress(ValueError):
        if "%" not in text:
            return str(ipaddress.ip_address(text))
    raise Wrong(
        "must be an IP address",
        "write 0.0.0.0 for every IPv4 address, :: for those of IPv6 too, or one such as 127.0.0.1",
    )


def _cidr(text: str) -> str:
    if "%" not in text:
        try:
            loose = ipaddress.ip_network(text, strict=False)
        except ValueError:
            pass
        else:
            if "/" in text and loose.network_address != ipaddress.ip_address(text.split("/", maxsplit=1)[0]):
                raise Wrong("has bits set beyond its prefix", f"write {loose}")
            return str(loose)
    raise Wrong("must be a network in CIDR form", "write one such as 10.0.0.0/8, fd00::/8 or 192.0.2.7")


def _file(text: str) -> str:
    _no_control(text)
    if not text or text != text.strip():
        raise Wrong("must be the path of a file, without spaces around it", "write one such as /etc/tls/tls.crt")
    if "$" in text:
        raise Wrong("must not hold $, which nginx reads as a variable in file names", "rename the file")
    return text


def _split_url(text: str) -> tuple[str, str, int | None, str]:
    """Scheme, host, port, and whatever else there is; an empty host where there is none."""
    _no_control(text)
    try:
        parts = urlsplit(text)
    except ValueError:
        return "", "", None, text
    # urlsplit drops the sign of an empty query or fragment.
    rest = parts.path + text[len(text.split("?", 1)[0].split("#", 1)[0]) :] + "@" * parts.netloc.count("@")
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise Wrong("has a port that is not between 1 and 65535", "correct it, or leave it out for the scheme's own")
    return parts.scheme, parts.hostname or "", port, rest


def _origin(text: str) -> str:
    """An origin as browsers write it, since it is compared with what they send."""
    if text == "*":
        return text
    scheme, host, port, rest = _split_url(text)
    if scheme not in ("http", "https") or not host or rest or "*" in host:
        raise Wrong(
            "must be one origin, scheme and host alone", "write one such as https://app.example.com, or * for any"
        )
    host = _host(host)
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" if port in (None, _DEFAULT_PORTS[scheme]) else f"{scheme}://{shown}:{port}"


def _number(value: Any, wanted: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Wrong("has no value" if value is None else f"must be {wanted}, not {called(value)}", f"write {wanted}")
    return value


def _duration(value: Any) -> float:
    seconds = parse_duration(value) if isinstance(value, str) else _number(value, "a duration such as 30s, 5m or 1h")
    if not _LEAST_DURATION <= seconds <= YEAR:
        raise Wrong("must be between 1ms and 365d", "365d is as good as never; without the field its default holds")
    return float(seconds)


def _size(value: Any) -> int:
    size = parse_size(value) if isinstance(value, str) else _number(value, "a size such as 65536, 64KiB or 16MiB")
    if not 1 <= size <= _MOST_BYTES or size != int(size):
        raise Wrong(f"must be a whole number of bytes from 1 to {_MOST_BYTES}", "without the field its default holds")
    return int(size)


def _rate(value: Any) -> float:
    """Requests per second, from 10, ``10/s`` or ``90/m``."""
    if isinstance(value, str) and (match := re.fullmatch(_RATE, value)):
        rate = int(match[1]) / (1 if match[2] == "s" else 60)
    else:
        rate = _number(value, "a rate such as 10, 10/s or 90/m")
    if not _LEAST_RATE <= rate <= _MOST_RATE:
        raise Wrong(
            f"must be between 1/m and {_MOST_RATE}/s", "write a rate such as 10/s; without the field there is no limit"
        )
    return float(rate)


def _version(value: Any) -> Any:
    """Let ``1.1`` and ``2`` stand without quotes."""
    return {1.1: "1.1", 2: "2", 3: "3"}.get(value, value) if isinstance(value, (int, float)) else value


def _engine_version(value: Any) -> Any:
    if isinstance(value, float):
        # 1.30 has lost its last digit by now.
        raise Wrong("must be quoted, since YAML reads 1.30 as 1.3", 'write it in quotes, such as "1.30"')
    if isinstance(value, str) and not re.fullmatch(_VERSION, value):
        raise Wrong("must be two or three numbers with dots between", 'write a version such as "1.30" or "1.30.1"')
    return value


def format_version(value: Any) -> Any:
    """The ``version`` of a file, which is a whole number."""
    if isinstance(value, (bool, float)):
        raise Wrong(f"cannot be {called(value)}", "write 1")
    return value


def _words(pattern: str, message: str, instead: str) -> tuple[Any, Any]:
    """A text of a limited alphabet, for us and for editors."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise Wrong(message, instead)
        return text

    return _text(check, f"^{pattern}$")


def _number_or(pattern: str, least: float, most: float, kind: str = "number") -> WithJsonSchema:
    """For editors: a number, or a text of that pattern."""
    text = {"type": "string", "pattern": f"^{pattern}$"}
    return WithJsonSchema({"anyOf": [{"type": kind, "minimum": least, "maximum": most}, text]})


Duration = Annotated[float, BeforeValidator(_duration), _number_or(DURATION, _LEAST_DURATION, YEAR)]
Size = Annotated[int, BeforeValidator(_size), _number_or(SIZE, 1, _MOST_BYTES, "integer")]
Rate = Annotated[float, BeforeValidator(_rate), _number_or(_RATE, _LEAST_RATE, _MOST_RATE)]


def _text(check: Callable[[str], str], pattern: str = "", most: int | None = None) -> tuple[Any, Any]:
    """A text that ``check`` accepts; ``pattern`` is what editors can say of it, and never refuses what the check takes."""
    return AfterValidator(check), Field(max_length=most, json_schema_extra={"pattern": pattern} if pattern else None)


_HEX = "[0-9A-Fa-f.]*"
_HTTP = "[Hh][Tt][Tt][Pp][Ss]?"
_GRPC = "[Gg][Rr][Pp][Cc][Ss]?"

Host = Annotated[
    str,
    *_text(_host, rf"^(\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[?{_HEX}(:{_HEX}){{2,}}\]?)$"),
    Field(min_length=1),
]
ExactHost = Annotated[str, *_text(_exact_host, "^[^*]*$"), Field(min_length=1)]
UrlPath = Annotated[str, *_text(_path, "^/[^?#]*$", 2048), Field(min_length=1)]
Regex = Annotated[str, *_text(_regex, most=1024), Field(min_length=1)]
Token = Annotated[str, *_text(_token, f"^{_TCHARS}$", 128), Field(min_length=1)]
HeaderValue = Annotated[str, *_text(_no_control, r"^[^\r\n]*$", 4096)]
FilePath = Annotated[str, *_text(_file, r"^[^\s$]([^$]*[^\s$])?$", 4096), Field(min_length=1)]
Cidr = Annotated[str, *_text(_cidr, "^[0-9A-Fa-f:.]+(/[0-9.]+)?$")]
IpAddress = Annotated[str, *_text(_address, "^[0-9A-Fa-f:.]+$")]
Origin = Annotated[str, *_text(_origin, rf"^(\*|{_HTTP}://[^/?#@*\s]+)$")]
EngineVersion = Annotated[str, BeforeValidator(_engine_version), Field(json_schema_extra={"pattern": f"^{_VERSION}$"})]
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Model(BaseModel):
    """A mapping of a file that people write."""

    # Strict: "8080" is not a port and 1 is not true; coercions that people rely on are spelled out above.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Tls(Model):
    """The listener's own certificate."""

    certificate: FilePath = Field(description="PEM file with the certificate chain", examples=["/etc/tls/tls.crt"])
    key: FilePath = Field(description="PEM file with the private key", examples=["/etc/tls/tls.key"])
    hsts: Literal[False] | Duration = Field(
        YEAR,
        description="how long browsers that came once keep to HTTPS, on every port of the host; false for no such promise",
        examples=["30d", False],
    )


class Listen(Model):
    """Where clients connect."""

    address: IpAddress = Field(
        "0.0.0.0",  # noqa: S104 - a proxy is there for others
        description="IP address to listen on; :: is every address, IPv6 and IPv4, on machines that have IPv6",
        examples=["::", "127.0.0.1"],
    )
    port: int = Field(8080, ge=1, le=65535, description="TCP port, and UDP port where HTTP/3 is offered")
    tls: Tls | None = Field(None, description="certificate and key; plain HTTP if left out")
    http: list[
        Annotated[HttpVersion, BeforeValidator(_version), WithJsonSchema({"enum": ["1.1", "2", "3", 1.1, 2, 3]})]
    ] = Field(
        default=["1.1", "2"],
        min_length=1,
        description="HTTP versions offered to clients; 3 needs tls",
    )

    @model_validator(mode="after")
    def _http3_needs_tls(self) -> Self:
        if "3" in self.http and self.tls is None:
            raise Wrong(
                "HTTP/3 exists only over TLS",
                "add `tls: {certificate: …, key: …}`, or remove 3 from http",
                at=("http",),
            )
        return self


class Scale(Model):
    """How much to hold."""

    streams: int = Field(
        10_000,
        ge=1,
        le=10_000_000,
        description="concurrent streams to hold; sets workers, file limits and circuit breakers",
    )


class UpstreamTls(Model):
    """How the origin's certificate is checked."""

    verify: bool = Field(True, description="check the origin's certificate; off only for a private network you trust")
    ca: FilePath | None = Field(
        None,
        description="PEM file with the CAs to trust; default the system's",
        examples=["/etc/ssl/certs/internal-ca.pem"],
    )
    sni: ExactHost | None = Field(
        None,
        description="name to ask for and to check; default the host of the first server",
        examples=["api.internal.example"],
    )


class Affinity(Model):
    """Which origin a reconnecting client lands on."""

    by: AffinityBy = Field(
        description="what tells clients apart; hash is the query argument `name`, or the path without a name"
    )
    name: Token | None = Field(None, description="the cookie, header or query argument", examples=["session_id"])

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.by in ("cookie", "header") and not self.name:
            raise Wrong(f"affinity by {self.by} needs the name of a {self.by}", "add `name: …`")
        if self.by == "ip" and self.name:
            raise Wrong("affinity by ip has no name", "remove `name`", at=("name",))
        # nginx reads them as $cookie_NAME, $arg_NAME and $http_NAME.
        allowed = r"[A-Za-z0-9-]+" if self.by == "header" else r"[A-Za-z0-9_]+"
        if self.name and not re.fullmatch(allowed, self.name):
            raise Wrong(
                f"affinity by {self.by} cannot use this name",
                f"keep to letters, digits and {allowed[-3]}",
                at=("name",),
            )
        return self


class Server(Model):
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


def parse_server(url: str) -> Server:
    """A server out of ``http://api:8000``, ``grpcs://agents`` or ``unix:/run/app.sock``.

    :raises ValueError: with what is wrong with it.
    """
    if url.startswith("unix:"):
        socket = _no_control(url).removeprefix("unix:").removeprefix("//")
        if not re.fullmatch(r"/[A-Za-z0-9._/+@-]{1,100}", socket):
            raise Wrong(
                "must be the absolute path of a socket, at most 101 characters long",
                "write unix:/path/to.sock, of letters, digits and ._/+@-",
            )
        return Server(scheme="unix", socket=socket)
    scheme, host, port, rest = _split_url(url)
    if scheme not in _DEFAULT_PORTS or not host:
        raise Wrong("must be a URL", "write http://host:port, or https://, grpc://, grpcs://, or unix:/path")
    if rest not in ("", "/"):
        raise Wrong(
            "must be scheme, host and port alone",
            "remove the credentials; the route's `headers` can carry them"
            if "@" in rest
            else "change paths with the route's `strip_prefix`",
        )
    if "*" in host:
        raise Wrong("must name one host, not a wildcard", "list the servers: {servers: [URL, URL]}")
    port = port or _DEFAULT_PORTS[scheme]
    # Not validated again: 10,000 routes ask for their servers often.
    return Server.model_construct(scheme=cast("Scheme", scheme), host=_host(host), port=port, socket="")


SERVER_URL = rf"^(({_HTTP}|{_GRPC})://[^/?#@*\s]+/?|unix:(//)?/[A-Za-z0-9._/+@-]+)$"
"""What editors can say of a server's URL."""


def _server_url(text: str) -> str:
    parse_server(text)
    return text


class Upstream(Model):
    """A group of equal origin servers."""

    servers: list[Annotated[str, *_text(_server_url, SERVER_URL)]] = Field(
        min_length=1,
        max_length=1000,
        description="URLs of equal servers; all of one scheme",
        examples=[["http://speech-1:9000", "http://speech-2:9000"]],
    )
    http: (
        Annotated[Literal["1.1", "2"], BeforeValidator(_version), WithJsonSchema({"enum": ["1.1", "2", 1.1, 2]})] | None
    ) = Field(None, description="HTTP version towards the servers; default 2 for grpc and grpcs, else 1.1")
    tls: UpstreamTls = Field(default_factory=UpstreamTls, description="for https and grpcs servers")  # pyright: ignore[reportArgumentType]
    affinity: Affinity | None = Field(None, description="default none: each stream goes to the server with the fewest")
    max_connections: int | None = Field(
        None, ge=1, le=10_000_000, description="connections to each server; default no limit", examples=[2000]
    )
    keepalive: int | None = Field(
        None, ge=0, le=100_000, description="idle connections kept open per worker; default 64", examples=[64]
    )

    @model_validator(mode="before")
    @classmethod
    def _from_url(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"servers": [value]}
        if value is None or isinstance(value, (list, int, float)):
            raise Wrong(
                "has no value" if value is None else f"must be a URL or a mapping, not {called(value)}",
                "write a URL such as http://api:8000, or {servers: [URL, URL]}",
            )
        return value

    @model_validator(mode="after")
    def _one_scheme(self) -> Self:
        schemes = {server.scheme for server in self.parsed()} - {"unix"}
        if len(schemes) > 1:
            said = " and ".join(sorted(schemes))
            raise Wrong(
                f"servers of one upstream must have one scheme, not {said}", "make two upstreams", at=("servers",)
            )
        if schemes & {"grpc", "grpcs"} and self.http == "1.1":
            raise Wrong(
                "gRPC exists only over HTTP/2", "remove `http`, or write an http:// or https:// URL", at=("http",)
            )
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


class Upload(Model):
    """What clients may send."""

    stream: bool | None = Field(
        None, description="pass the body on as it arrives; default yes for websocket, grpc, grpc-web and connect"
    )
    max_bytes: Size | None = Field(
        None, description="largest body; default 16MiB, without limit where uploads stream", examples=["64MiB"]
    )


class Auth(Model):
    """Where the credential travels: it decides what logs must not keep."""

    by: Literal["cookie", "header", "query"] = Field(description="query masks it in every access log")
    name: Annotated[
        str, *_words("[A-Za-z0-9_-]{1,128}", "must be letters, digits, _ and -", "write a name such as access_token")
    ] = Field(description="name of the cookie, header or query argument", examples=["access_token"])


class Cors(Model):
    """Which web origins may call the route from a browser."""

    origins: list[Origin] = Field(
        min_length=1,
        max_length=100,
        description="exact origins, or * for any without credentials",
        examples=[["https://app.example.com"]],
    )

    @model_validator(mode="after")
    def _any_alone(self) -> Self:
        if "*" in self.origins and len(set(self.origins)) > 1:
            raise Wrong("* allows any origin, so the others mean nothing", "remove * or the others", at=("origins",))
        return self


class Limits(Model):
    """What one client may take."""

    per_client: int | None = Field(
        None, ge=1, le=1_000_000, description="concurrent streams of one client address", examples=[20]
    )
    rate: Rate | None = Field(
        None, description="new requests a second of one client address: 10, 10/s or 90/m", examples=["10/s", "90/m"]
    )
    burst: int | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="requests above the rate that pass at once; default 4 × rate",
        examples=[40],
    )

    @model_validator(mode="after")
    def _burst_needs_rate(self) -> Self:
        if self.burst is not None and self.rate is None:
            raise Wrong("burst means nothing without a rate", "add `rate: …`, or remove burst", at=("burst",))
        return self


class Retry(Model):
    """When a request may be tried on another server: only if the first one cannot have started on it."""

    attempts: int = Field(2, ge=1, le=10, description="tries in all, the first one included")


_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "expect",
    )
)


def _end_to_end(name: str) -> str:
    if _token(name).lower() in _HOP_BY_HOP or name.startswith(":"):
        raise Wrong(f"header {name} belongs to the connection, which is the proxy's business", "remove it")
    return name


HeaderName = Annotated[str, *_text(_end_to_end, most=128), Field(min_length=1)]


def _or_none(value: str | None) -> str | None:
    """A header with nothing in it is removed: nginx cannot send one, and few receivers tell the two apart."""
    return value if value and value.strip(" \t") else None


HeaderOrNone = Annotated[HeaderValue | None, AfterValidator(_or_none)]


class Rewrites(Model):
    """Headers to set, or to remove where the value is null or empty."""

    request: dict[HeaderName, HeaderOrNone] = Field(
        default_factory=dict, description="towards the origin", examples=[{"X-Tenant": "acme"}]
    )
    response: dict[HeaderName, HeaderOrNone] = Field(
        default_factory=dict, description="towards the client", examples=[{"Cache-Control": "no-store"}]
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        for side in ("request", "response"):
            seen: set[str] = set()
            for name in getattr(self, side):
                if name.lower() in seen:
                    raise Wrong(
                        f"header {name} is written twice, in different case", "keep one of them", at=(side, name)
                    )
                seen.add(name.lower())
        return self


class RouteDefaults(Model):
    """The fields that ``defaults`` may hold for every route."""

    protocol: ProtocolName | None = Field(None, description="what travels on the route; default http")
    upstream: str | None = Field(None, description="name of an upstream", examples=["api"])
    methods: list[Method] | None = Field(
        None, min_length=1, description="allowed methods; default every method", examples=[["GET", "POST"]]
    )
    hosts: list[Host] | None = Field(
        None,
        min_length=1,
        description="hosts of this route alone; default the spec's hosts",
        examples=[["chat.example.com"]],
    )
    heartbeat: Duration | None = Field(
        None, description="how often the origin sends something when idle", examples=["15s"]
    )
    idle_timeout: Duration | None = Field(
        None,
        description="longest silence to allow; default 3 heartbeats, at least 1m; without a heartbeat by protocol: 1h, long-poll 2m, "
        "poll and http 1m",
        examples=["5m"],
    )
    max_duration: Duration | None = Field(None, description="longest stream; default no limit", examples=["2h"])
    upload: Upload | None = Field(None, description="what clients may send")
    strip_prefix: bool | UrlPath | None = Field(
        None, description="remove the route's path, or this prefix of it, before the origin sees it", examples=["/api"]
    )
    headers: Rewrites | None = Field(None, description="headers to set or remove")
    auth: Auth | None = Field(None, description="where the credential travels")
    cors: Cors | None = Field(None, description="which web origins may call the route")
    limits: Limits | None = Field(
        None, description="what one client may take; default 50 requests a second for poll, no limit else"
    )
    retry: bool | Retry | None = Field(
        None, description="try another server if the first cannot be reached; default off"
    )
    cache: Literal[False] | Duration | None = Field(
        None,
        description="for poll: seconds for which one answer serves everybody without a credential; default 1s, false for none",
        examples=["1s", False],
    )


class RouteEntry(RouteDefaults):
    """One place that a client can reach."""

    path: UrlPath | None = Field(
        None, description="segment prefix: /api matches /api and /api/x, not /apix", examples=["/v1/chat/completions"]
    )
    exact: UrlPath | None = Field(None, description="this path alone, in place of path", examples=["/healthz"])
    regex: Regex | None = Field(
        None,
        description="a regular expression that matches the whole path, in place of path",
        examples=["/rooms/[0-9]+/events"],
    )

    @model_validator(mode="after")
    def _one_match(self) -> Self:
        given = [name for name in ("path", "exact", "regex") if getattr(self, name) is not None]
        if not given:
            raise Wrong("the route has no path", "add `path: /…`; or `exact`, or `regex`, in its place")
        if len(given) > 1:
            raise Wrong(f"the route has {' and '.join(given)}", f"keep one of {' and '.join(given)}", at=(given[1],))
        return self

    @property
    def match(self) -> tuple[Literal["prefix", "exact", "regex"], str]:
        """The kind of match and its argument."""
        if self.exact is not None:
            return "exact", self.exact
        if self.regex is not None:
            return "regex", self.regex
        return "prefix", self.path or "/"


class NginxTarget(Model):
    """What the nginx config is for."""

    version: EngineVersion | None = Field(
        None, description="version that will run it; default the newest stable", examples=["1.26"]
    )
    layout: Literal["full", "site"] = Field("full", description="full is a whole nginx.conf; site is a file for conf.d")
    resolver: list[IpAddress] | None = Field(
        None,
        min_length=1,
        description="DNS servers by which nginx follows origins that change their address (1.27.3 or newer); Docker's is 127.0.0.11; "
        "default none: names are looked up when nginx starts",
        examples=[["127.0.0.11"]],
    )


class EnvoyTarget(Model):
    """What the Envoy config is for."""

    version: EngineVersion | None = Field(None, description="version that will run it; default 1.40", examples=["1.40"])


class CloudflareTarget(Model):
    """What the Cloudflare config is for."""

    plan: Plan = Field("free", description="the zone's plan: decides timers, limits and which settings and rules exist")
    zone: (
        Annotated[str, *_words("[A-Za-z0-9.-]{1,253}", "must be a zone's id or name", "write one such as example.com")]
        | None
    ) = Field(None, description="zone id, or name, which Terraform then looks up", examples=["example.com"])
    account: (
        Annotated[str, *_words("[A-Za-z0-9-]{1,64}", "must be an account's id", "copy it from the dashboard")] | None
    ) = Field(None, description="account id, for the Worker", examples=["0123456789abcdef0123456789abcdef"])
    worker: bool = Field(False, description="write a Worker that sends heartbeats and repairs endings, too")
    tunnel: bool = Field(
        False, description="write a config for cloudflared, which reaches origins without an address on the internet"
    )


class Targets(Model):
    """Settings per target; naming one here also makes `generate` write it."""

    nginx: NginxTarget | None = Field(None, description="what the nginx config is for")
    envoy: EnvoyTarget | None = Field(None, description="what the Envoy config is for")
    cloudflare: CloudflareTarget | None = Field(None, description="what the Cloudflare config is for")


def _hop_address(text: str) -> str:
    server = parse_server(text)
    if server.scheme != "http":
        raise Wrong(
            "must be an http:// URL: hops of a chain speak cleartext to each other", "write http://10.0.0.5:8081"
        )
    return text


class Hop(Targets):
    """One hop of a chain: the name of a target, or the target with its settings."""

    at: Annotated[str, AfterValidator(_hop_address)] | None = Field(
        None,
        description="where the hop before it reaches it; default its own name, on a port of its own from 8081 on",
        examples=["http://10.0.0.5:8081"],
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value not in Targets.model_fields:
                raise Wrong("cannot be a hop", f"write one of {', '.join(Targets.model_fields)}")
            return {value: {}}
        if value is None or isinstance(value, (list, int, float)):
            raise Wrong(f"a hop cannot be {called(value)}", f"write one of {', '.join(Targets.model_fields)}")
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set - {"at"}) != 1:
            raise Wrong(
                "a hop is one target", f"put each of {', '.join(Targets.model_fields)} behind a `- ` of its own"
            )
        return self

    @property
    def name(self) -> str:
        """The target."""
        return next(iter(self.model_fields_set - {"at"}))


def _upstream_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise Wrong(
            "cannot be the name of an upstream", "write at most 63 letters, digits and _.-, a letter or digit first"
        )
    return text


class SpecFile(Model):
    """A whole ``routes.yaml``."""

    version: Annotated[Literal[1], BeforeValidator(format_version)] = Field(1, description="of this format")
    hosts: list[Host] = Field(
        default_factory=lambda: ["*"],
        min_length=1,
        description="server names; default any",
        examples=[["chat.example.com"]],
    )
    listen: Listen = Field(default_factory=Listen, description="where clients connect; plain HTTP on 8080 if left out")  # pyright: ignore[reportArgumentType]
    scale: Scale = Field(default_factory=Scale, description="how much to hold")  # pyright: ignore[reportArgumentType]
    trusted_proxies: list[Cidr] = Field(
        default_factory=list, description="networks whose forwarded headers count", examples=[["10.0.0.0/8"]]
    )
    chain: list[Hop] = Field(
        default_factory=list,
        description="hops, outermost first; default each target alone",
        examples=[["nginx", "envoy"]],
    )
    targets: Targets = Field(default_factory=Targets, description="settings per target")  # pyright: ignore[reportArgumentType]
    defaults: RouteDefaults = Field(
        default_factory=RouteDefaults,  # pyright: ignore[reportArgumentType]
        description="any route field, for every route without its own",
    )
    upstreams: dict[Annotated[str, AfterValidator(_upstream_name)], Upstream] = Field(
        min_length=1, description="the origins by name: a URL, or {servers, …}"
    )
    routes: list[RouteEntry] = Field(min_length=1, description="the places that clients can reach")
