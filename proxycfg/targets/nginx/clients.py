"""What clients can speak to a server: its sockets, with what other servers of the same socket add to them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from proxycfg.behavior import HTTP_VERSIONS, TRANSPORTS, Between, Transports, exactly
from proxycfg.targets.nginx import facts
from proxycfg.targets.nginx.servers import Http, Listen, Server, default_server
from proxycfg.targets.nginx.syntax import Directive

_Key = tuple[str, int, bool]


class Clients(NamedTuple):
    """How clients reach a server.

    :param versions: the HTTP versions that they can speak.
    :param transports: the same, apart by TLS (contract section 4, ``stalls_on``).
    :param decided_by: the directive that says so; None for silence.
    :param quic: whether some of them come over QUIC.
    """

    versions: Between[frozenset[str]]
    transports: Between[Transports]
    decided_by: Directive | None
    quic: bool


UNKNOWN = Clients(Between(frozenset(), HTTP_VERSIONS), Between(frozenset(), TRANSPORTS), None, quic=False)
"""Of a fragment, whose server is not at hand."""


class Socket(NamedTuple):
    """What all servers of a socket share: a parameter that one of their ``listen`` has counts for all.

    ``servers`` are those that listen on it, in the order of the file, each with its ``listen``.
    """

    ssl: bool
    http2: Directive | None
    default: Server
    servers: Sequence[tuple[Server, Listen]]


class Sockets:
    """The sockets of one http block."""

    def __init__(self, http: Http, version: str) -> None:
        """``version`` decides what ``http2`` means."""
        self.version = version
        self.new = facts.has(version, "http2_directive")
        pairs: dict[_Key, list[tuple[Server, Listen]]] = {}
        for server in http.servers:
            for listen in server.listens:
                pairs.setdefault(listen.socket, []).append((server, listen))
        self.sockets = {socket: self._shared(found) for socket, found in pairs.items()}
        self._clients: dict[int, Clients] = {}

    def _shared(self, pairs: list[tuple[Server, Listen]]) -> Socket:
        default = default_server(pairs)
        # `ssl on` makes TLS ports of all that the server listens on; 1.25.1 dropped it.
        ssl_on = not self.new and _is_on(default, "ssl")
        http2 = next((listen.directive for _, listen in pairs if listen.http2), None)
        return Socket(ssl_on or any(listen.ssl for _, listen in pairs), http2, default, pairs)

    @property
    def count(self) -> int:
        """How many sockets each worker listens on; an address of its own is part of the socket for all addresses of its port."""
        every = {(port, quic, ":" in address) for address, port, quic in self.sockets if address in {"*", "[::]"}}
        return sum(
            1
            for address, port, quic in self.sockets
            if address in {"*", "[::]"} or address.startswith("unix:") or (port, quic, ":" in address) not in every
        )

    def of(self, server: Server, listen: Listen | None = None) -> Clients:
        """The clients of a server, or of one of its listeners only."""
        if server.level.directive is None and server.listens[0].directive is None:
            return UNKNOWN
        if listen is not None:
            return self._of(server, (listen,))
        found = self._clients.get(id(server))
        if found is None:
            found = self._clients[id(server)] = self._of(server, server.listens)
        return found

    def _of(self, server: Server, listens: Sequence[Listen]) -> Clients:
        versions: set[str] = set()
        transports: set[str] = set()
        decided_by: Directive | None = None
        quic = False
        for listen in listens:
            shared = self.sockets[listen.socket]
            if listen.quic:
                if facts.has(self.version, "http3") and _first(server, "http3", "on") != "off":
                    versions.add("3")
                    transports.add("3")
                    quic = True
                continue
            two = shared.http2
            if self.new and two is None and _is_on(server, "http2") and (shared.ssl or _is_on(shared.default, "http2")):
                two = _lines(server, "http2")[0]
            # Before 1.25.1 a cleartext port speaks one of them; a TLS port lets the client choose.
            if two is None or shared.ssl or self.new:
                versions.add("1.1")
                transports.add("http/1.1+tls" if shared.ssl else "http/1.1")
            if two is not None:
                versions.add("2")
                transports.add("2")
                decided_by = decided_by or two
        if decided_by is None:
            decided_by = next((listen.directive for listen in listens if listen.directive), None)
        return Clients(_set(*sorted(versions)), _set(*sorted(transports)), decided_by, quic)


@cache
def _set(*words: str) -> Between[frozenset[str]]:
    """There are a dozen of them, and thousands of servers."""
    return exactly(frozenset(words))


def _first(server: Server, name: str, otherwise: str) -> str:
    found = _lines(server, name)
    return found[0].args[0].lower() if found and found[0].args else otherwise


def _lines(server: Server, name: str) -> list[Directive]:
    """What is in force at the server's level; not through ``in_force``, which is kept for each of thousands of servers."""
    above = server.level.above
    return server.level.lines(name) or (above.in_force.get(name, []) if above is not None else [])


def _is_on(server: Server, name: str) -> bool:
    return _first(server, name, "off") == "on"
