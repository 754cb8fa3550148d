"""The stage on which a config is run as it is: everything that its surroundings must hold, and the requests that lead to its routes.

What is not the config's own and had to be put there is listed, for the report to name: nothing is supplied in silence.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from proxycfg.record import field, record

if TYPE_CHECKING:
    from proxycfg.errors import Problem
    from proxycfg.reading import ReadRoute
    from proxycfg.source import Span


@record(frozen=True, slots=True)
class Supplied:
    """Something that the config names and that was not given with it.

    :param what: such as ``certificate``, ``upstream name``.
    :param name: as the config has it.
    :param span: who asks for it.
    """

    what: str
    name: str
    span: Span | None = None

    def to_json(self) -> dict[str, object]:
        """An element of ``supplied`` in the report."""
        return {"what": self.what, "name": self.name, "location": self.span.to_json() if self.span else None}


Given = Callable[[str], "bytes | None"]
"""A file that was given with the config, by the path that the proxy would open; None if it was not."""
Supply = Callable[[str], bytes]
"""A stand-in of a kind: ``certificate``, ``key``, ``dhparam``, ``htpasswd``, ``ticket key``."""

SYSTEM = frozenset(
    {
        "/",
        "/etc",
        "/usr",
        "/bin",
        "/sbin",
        "/lib",
        "/lib64",
        "/proc",
        "/sys",
        "/dev",
        "/var",
        "/usr/lib",
        "/usr/bin",
        "/usr/sbin",
    }
)
"""Folders that nothing is laid over: the proxy itself lives in them."""


class Around:
    """What has to be around a config, as it is found: origins, files and folders, each told."""

    def __init__(self, files: Mapping[str, bytes], writable: tuple[str, ...]) -> None:
        """``files`` and ``writable`` folders are there in any case."""
        self.files = dict(files)
        self.writable = dict.fromkeys(writable)
        self.supplied: list[Supplied] = []
        self.ports: set[int] = {80, 443}
        self.loopback: dict[tuple[str, int], None] = {}
        self.sockets: dict[str, None] = {}
        self.names: dict[str, None] = {}
        self.secure = False

    def origin(self, host: str, port: int, span: Span) -> None:
        """An origin by its name or address."""
        host = "127.0.0.1" if host.lower() == "localhost" else host.lower().strip("[]")
        try:
            local = ipaddress.ip_address(host).is_loopback
        except ValueError:
            self.names[host] = None
            self.ports.add(port)
            self.tell(Supplied("upstream name", f"{host}:{port}", span))
            return
        if local:
            self.loopback[host, port] = None
        else:
            self.ports.add(port)
        self.tell(Supplied("upstream address", f"{host}:{port}", span))

    def socket(self, path: str, span: Span) -> None:
        """An origin in the file system."""
        path = unrun(path)
        self.sockets[path] = None
        self.tell(Supplied("upstream socket", path, span))

    def lay(self, path: str, content: bytes, what: Supplied) -> bool:
        """Supply a file; whether it can be."""
        if path.rpartition("/")[0] in SYSTEM | {""}:
            return False
        self.files[path] = content
        self.tell(what)
        return True

    def tell(self, one: Supplied) -> None:
        """Something is supplied; told once."""
        if not any((each.what, each.name) == (one.what, one.name) for each in self.supplied):
            self.supplied.append(one)

    def written(self, folder: str) -> bool:
        """A folder that the proxy writes to; whether it may."""
        folder = unrun(folder)
        if folder in SYSTEM:
            return False
        self.writable[folder] = None
        return True

    def called(self, taken: Callable[[str, int], bool]) -> Iterator[tuple[str, int]]:
        """The origins on loopback; what the proxy listens on by itself it may well call."""
        return (each for each in self.loopback if not taken(*each))


def unrun(path: str) -> str:
    """A path without the link that /var/run is."""
    return re.sub(r"^/var/run(?=/|$)", "/run", path)


@record(frozen=True, slots=True, kw_only=True)
class Entry:
    """One request of a client, as plain values: where to connect, and what to say."""

    address: str
    port: int
    secure: bool
    host: str
    path: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, object]:
        """As the lab takes it."""
        return {
            "address": self.address,
            "port": self.port,
            "secure": self.secure,
            "host": self.host,
            "path": self.path,
            "method": self.method,
            "headers": [list(pair) for pair in self.headers],
        }

    @property
    def url(self) -> str:
        """The same as people write it."""
        usual = self.port == (443 if self.secure else 80)
        return f"http{'s' if self.secure else ''}://{self.host}{'' if usual else f':{self.port}'}{self.path}"


@record(frozen=True, slots=True, kw_only=True)
class StagedRoute:
    """A route, and how to get there.

    :param entries: a request for it through each of its listeners that leads there; the first is the ordinary one, and none says that ``why_not``.
    :param straight: whether the request comes there without a detour, so that limits of other places do not apply.
    :param posts: whether a POST ends there as well, and ``shakes`` a WebSocket handshake.
    :param complete: whether every listener of the server leads there.
    """

    route: ReadRoute
    because: str
    entries: tuple[Entry, ...]
    why_not: str = ""
    straight: bool = True
    posts: bool = True
    shakes: bool = True
    complete: bool = True


@record(frozen=True, slots=True, kw_only=True)
class Stage:
    """What a config needs around it.

    :param texts: the files of the config as they were read, by the names that places have.
    :param files: absolute path → content, the config's own and what was supplied.
    :param writable: folders that the proxy writes to.
    :param ports: on which the origin listens, on every address of the world.
    :param own: addresses that the proxy listens on, with their prefix length.
    :param loopback: addresses and ports of origins on the proxy's own loopback; ``sockets``: those in the file system.
    :param two: addresses and ports in cleartext on which clients have to speak HTTP/2.
    :param names: of upstreams, each of which gets an address.
    :param listens: TCP ports of the proxy.
    :param secure: whether an origin is called over TLS.
    :param sides: whether the proxy asks origins on its own besides, with what the client has sent.
    :param rest: seconds for which a server that has failed stays away from the others of its group.
    :param command: the proxy and its arguments.
    :param lacks: what cannot be supplied and will keep the proxy from starting, as problems with a place.
    """

    target: str
    version: str
    texts: Mapping[str, str]
    files: Mapping[str, bytes]
    supplied: tuple[Supplied, ...]
    writable: tuple[str, ...]
    ports: tuple[int, ...]
    own: tuple[str, ...]
    loopback: tuple[tuple[str, int], ...]
    sockets: tuple[str, ...]
    names: tuple[str, ...]
    listens: tuple[int, ...]
    two: tuple[tuple[str, int], ...]
    secure: bool
    sides: bool
    rest: float
    command: tuple[str, ...]
    routes: tuple[StagedRoute, ...]
    lacks: tuple[Problem, ...] = field(default=())
