"""A request that somebody asks about: what a client sends for a URL, and the requests of one ``explain``."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from proxycfg.record import field, record


@record(frozen=True, slots=True)
class Request:
    """What a client asks: scheme, host, port, the target as sent, and the headers that are known to be there (lower-case names).

    ``address`` is where the client's connection arrives, empty where that is not known.
    """

    scheme: str
    host: str
    port: int
    target: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = ""


_SCHEMES = {
    "http": ("http", 80),
    "ws": ("http", 80),
    "grpc": ("http", 80),
    "https": ("https", 443),
    "wss": ("https", 443),
    "grpcs": ("https", 443),
}


def request_of(url: str, *, method: str = "GET", headers: Mapping[str, str] | None = None) -> Request:
    """The request that a client makes of a URL (``http``, ``https``, ``ws``, ``wss``, ``grpc`` or ``grpcs``).

    :raises ValueError: if it is no such URL.
    """
    wrong = ValueError(f"{url!r} is not a URL such as https://chat.example.com/v1/chat/completions")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in _SCHEMES or not parts.hostname or re.search(r"[\x00-\x20]", url):
        raise wrong
    scheme, usual = _SCHEMES[parts.scheme]
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        literal = ipaddress.ip_address(parts.hostname)
        address = f"[{literal}]" if literal.version == 6 else str(literal)  # noqa: PLR2004 - IPv6
    except ValueError:
        address = ""
    return Request(scheme, parts.hostname, usual if port is None else port, target, method, headers or {}, address)


_HEADERS: Mapping[str, Mapping[str, str]] = {
    "websocket": {"upgrade": "websocket", "connection": "Upgrade"},
    "sse": {"accept": "text/event-stream"},
    "grpc": {"content-type": "application/grpc", "te": "trailers"},
    "grpc-web": {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"},
}
"""What a client of the protocol says, for configs that branch on it."""
_POSTED = frozenset({"grpc", "grpc-web", "connect"})


@record(frozen=True, slots=True)
class Asked:
    """The requests that somebody asks about: URLs, and paths on a host, or on any.

    :param method: empty for the one that the protocol uses.
    :param headers: by their names in lower case.
    """

    urls: Sequence[str] = ()
    paths: Sequence[str] = ()
    host: str = ""
    method: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def sent(self, protocol: str) -> tuple[str, dict[str, str]]:
        """The method and the headers of a client of the protocol, or those that were asked for."""
        method = self.method or ("POST" if protocol in _POSTED else "GET")
        return method, {**_HEADERS.get(protocol, {}), **self.headers}

    def request(self, url: str, protocol: str | None) -> Request:
        """The request for a URL; its scheme tells the protocol where nobody else does.

        :raises ValueError: if it is no URL.
        """
        scheme = url.partition("://")[0]
        told = "websocket" if scheme in {"ws", "wss"} else "grpc" if scheme.startswith("grpc") else ""
        method, headers = self.sent(protocol or told)
        return request_of(url, method=method, headers=headers)
