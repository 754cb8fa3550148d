"""The stage on which a config is run as it is: everything that its surroundings must hold, and the requests that lead to its routes.

What is not the config's own and had to be put there is listed, for the report to name: nothing is supplied in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    secure: bool
    sides: bool
    rest: float
    command: tuple[str, ...]
    routes: tuple[StagedRoute, ...]
    lacks: tuple[Problem, ...] = field(default=())
