"""The few words of rtnetlink and sock_diag that the lab needs, since an image with Python has no `ip` and no `ss`.

Numbers are those of ``linux/rtnetlink.h``, ``linux/if_link.h`` and ``linux/inet_diag.h``.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from typing import NamedTuple

Address = ipaddress.IPv4Interface | ipaddress.IPv6Interface

_ROUTE, _SOCK_DIAG = 0, 4
_NEWLINK, _NEWADDR, _NEWROUTE, _BY_FAMILY = 16, 20, 24, 20
_ERROR, _DONE = 2, 3
_REQUEST, _ACK, _DUMP, _CREATE = 0x1, 0x4, 0x300, 0x400
_REPLACE = 0x100
_UP = 1
_NO_DAD = 0x02
"""An address is ours at once: nobody else could have it."""
_LOCAL_TABLE, _MAIN_TABLE = 255, 254
_UNICAST, _LOCAL = 1, 2
_STATIC = 4
_QUICK_ACK = 15


def _attribute(kind: int, value: bytes) -> bytes:
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + b"\0" * (-size % 4)


def _text(kind: int, value: str) -> bytes:
    return _attribute(kind, value.encode() + b"\0")


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


class Links:
    """The links, addresses and routes of the network namespace that this was made in."""

    def __init__(self) -> None:
        """Needs CAP_NET_ADMIN to change anything."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _ROUTE)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _ask(self, kind: int, flags: int, body: bytes) -> None:
        self._socket.send(struct.pack("=IHHII", 16 + len(body), kind, _REQUEST | _ACK | flags, 1, 0) + body)
        answer = self._socket.recv(65536)
        code = struct.unpack_from("=i", answer, 16)[0]
        if code:
            raise OSError(-code, os.strerror(-code))

    def up(self, name: str) -> None:
        """Switch a link on."""
        self._ask(_NEWLINK, 0, struct.pack("=BxHiII", 0, 0, socket.if_nametoindex(name), _UP, _UP))

    def pair(self, name: str, other: str, pid: int) -> None:
        """A cable: one end here, the other one in the namespace of a process."""
        nobody = struct.pack("=BxHiII", 0, 0, 0, 0, 0)
        peer = _attribute(1, nobody + _text(3, other) + _number(19, pid))
        about = _attribute(18, _text(1, "veth") + _attribute(2, peer))
        self._ask(_NEWLINK, _CREATE, nobody + _text(3, name) + about)

    def address(self, name: str, address: Address) -> None:
        """Give a link an address."""
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        flags = 0 if address.version == 4 else _NO_DAD
        head = struct.pack("=BBBBI", family, address.network.prefixlen, flags, 0, socket.if_nametoindex(name))
        packed = address.ip.packed
        self._ask(_NEWADDR, _CREATE | _REPLACE, head + _attribute(2, packed) + _attribute(1, packed))

    def local(self, network: str) -> None:
        """Every address of a network is one of this namespace."""
        self._route(ipaddress.ip_network(network), "lo", _LOCAL_TABLE, _LOCAL)

    def reach(self, network: str, name: str, via: str = "", *, before_local: bool = False) -> None:
        """A network lies behind a link.

        :param before_local: even if the same addresses are local otherwise.
        """
        table = _LOCAL_TABLE if before_local else _MAIN_TABLE
        self._route(ipaddress.ip_network(network), name, table, _UNICAST, via)

    def _route(
        self, network: ipaddress.IPv4Network | ipaddress.IPv6Network, name: str, table: int, kind: int, via: str = ""
    ) -> None:
        family = socket.AF_INET if network.version == 4 else socket.AF_INET6
        scope = 254 if kind == _LOCAL else 0 if via else 253
        body = struct.pack("=BBBBBBBBI", family, network.prefixlen, 0, 0, table, _STATIC, scope, kind, 0)
        if network.prefixlen:
            body += _attribute(1, network.network_address.packed)
        if via:
            body += _attribute(5, ipaddress.ip_address(via).packed)
        # What is sent is acknowledged at once: pace is kept by it.
        body += _number(4, socket.if_nametoindex(name)) + _attribute(8, _number(_QUICK_ACK, 1))
        self._ask(_NEWROUTE, _CREATE | _REPLACE, body)


class Held(NamedTuple):
    """A socket as the kernel has it.

    :param unread: bytes that came and were not read; of a listener, connections that nobody has taken.
    :param unsettled: bytes that were written and that the other side has not acknowledged.
    :param owner: the user whose it is.
    """

    state: int
    port: int
    peer: int
    unread: int
    unsettled: int
    owner: int


ESTABLISHED, LISTENING = 1, 10
_ALL_BUT_WAITING = 0xFFF & ~(1 << 6)
"""Every state but TIME_WAIT, which nobody owns, and which there are thousands of."""
_REQUEST_OF = "=BBBxI48x"
_SOCKET_OF = "=BBBB2s2s44xIIIII"


class Sockets:
    """The TCP sockets of the network namespace that this was made in."""

    def __init__(self, diagnosed: socket.socket | None = None) -> None:
        """``diagnosed`` is a socket of the kind that :func:`diagnosing` makes, of another namespace."""
        self._socket = diagnosed or diagnosing()

    def every(self) -> list[Held]:
        """Each of them."""
        found: list[Held] = []
        for family in (socket.AF_INET, socket.AF_INET6):
            body = struct.pack(_REQUEST_OF, family, socket.IPPROTO_TCP, 0, _ALL_BUT_WAITING)
            self._socket.send(struct.pack("=IHHII", 16 + len(body), _BY_FAMILY, _REQUEST | _DUMP, 1, 0) + body)
            # To its end, or the next answer would begin with what is left of this one.
            while not self._read(found):
                pass
        return found

    def _read(self, found: list[Held]) -> bool:
        """Take what comes at once; whether that was the end."""
        data = self._socket.recv(1 << 18)
        at = 0
        while at < len(data):
            size, kind = struct.unpack_from("=IH", data, at)
            if kind in {_DONE, _ERROR}:
                return True
            _, state, _, _, port, peer, _, unread, unsettled, owner, _ = struct.unpack_from(_SOCKET_OF, data, at + 16)
            ports = (int.from_bytes(port, "big"), int.from_bytes(peer, "big"))
            found.append(Held(state, *ports, unread, unsettled, owner))
            at += size + -size % 4
        return False


def diagnosing() -> socket.socket:
    """A socket by which the kernel tells of the others of this namespace."""
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG)
