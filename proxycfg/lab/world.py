"""The world outside of the proxy: a network namespace in which every address is ours, at the other end of the one cable out of the proxy's.

In the proxy's own namespace live only its listeners and what it calls on loopback: an origin may listen on a port that the proxy listens on, too.
"""

from __future__ import annotations

import contextlib
import ctypes
import ipaddress
import os
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from proxycfg.lab.netlink import Links, diagnosing

HERE, THERE = ipaddress.ip_interface("169.254.71.2/30"), ipaddress.ip_interface("169.254.71.1/30")
HERE_6, THERE_6 = ipaddress.ip_interface("fd71::2/126"), ipaddress.ip_interface("fd71::1/126")
DNS = 53
_QUEUE = 512
_NEW_NETWORK = 0x40000000
_CHUNK = 200
"""Sockets that go over in one message: the kernel takes 253."""


@dataclass(frozen=True)
class World:
    """The sockets of the lab that live out there, and on the proxy's loopback.

    :param listeners: the origin's, each with its port.
    :param names: UDP sockets on which names are asked for.
    :param diagnosed: tells of the sockets out there.
    """

    listeners: list[socket.socket]
    names: list[socket.socket]
    diagnosed: socket.socket


def make(ports: Iterable[int], own: Iterable[str], loopback: Iterable[tuple[str, int]]) -> World:
    """Lay the cable; needs CAP_NET_ADMIN and CAP_SYS_ADMIN, and CAP_NET_BIND_SERVICE for low ports.

    :param ports: those on which the origin is to listen, on every address.
    :param own: addresses that the proxy listens on.
    :param loopback: loopback addresses and ports of origins, such as 127.0.0.1:3000.
    """
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    if not child:
        # Nothing of Python's end must run twice.
        try:
            here.close()
            _outside(there, list(ports))
        finally:
            os._exit(0)
    there.close()
    with here, contextlib.closing(Links()) as links:
        assert here.recv(1) == b"n", "no network namespace"
        links.up("lo")
        links.pair("world", "proxy", child)
        links.address("world", HERE)
        with contextlib.suppress(OSError):
            links.address("world", HERE_6)
        links.up("world")
        for address in own:
            links.address("lo", ipaddress.ip_interface(address))
        links.reach("0.0.0.0/0", "world", str(THERE.ip))
        with contextlib.suppress(OSError):
            links.reach("::/0", "world", str(THERE_6.ip))
        here.send(b"c")
        (count,) = here.recv(8)
        sockets = list(_taken(here, count))
    os.waitpid(child, 0)
    told = [one for one in sockets if one.type == socket.SOCK_DGRAM]
    listeners = [one for one in sockets if one.type == socket.SOCK_STREAM]
    diagnosed = next(one for one in sockets if one.type == socket.SOCK_RAW)
    told.append(_datagrams(socket.AF_INET, "0.0.0.0"))
    for address, port in loopback:
        with contextlib.suppress(OSError):
            listeners.append(_listener(address, port))
    return World(listeners, told, diagnosed)


def _outside(parent: socket.socket, ports: list[int]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "cannot make a network namespace")
    parent.send(b"n")
    parent.recv(1)
    with contextlib.closing(Links()) as links:
        links.up("lo")
        links.address("proxy", THERE)
        with contextlib.suppress(OSError):
            links.address("proxy", THERE_6)
        links.up("proxy")
        # The way back, before all that is local.
        links.reach(f"{HERE.ip}/32", "proxy", before_local=True)
        links.local("0.0.0.0/0")
        with contextlib.suppress(OSError):
            links.reach(f"{HERE_6.ip}/128", "proxy", before_local=True)
            links.local("::/0")
    sockets = [diagnosing(), _datagrams(socket.AF_INET, "0.0.0.0")]
    for family, anywhere in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        with contextlib.suppress(OSError):
            sockets += [_listener(anywhere, port, family) for port in ports]
    parent.send(bytes([-(-len(sockets) // _CHUNK)]))
    for at in range(0, len(sockets), _CHUNK):
        socket.send_fds(parent, [b"s"], [one.fileno() for one in sockets[at : at + _CHUNK]])


def _taken(parent: socket.socket, count: int) -> Iterator[socket.socket]:
    for _ in range(count):
        _, handles, _, _ = socket.recv_fds(parent, 1, _CHUNK)
        yield from (socket.socket(fileno=handle) for handle in handles)


def _listener(address: str, port: int, family: socket.AddressFamily | None = None) -> socket.socket:
    made = socket.socket(family or (socket.AF_INET6 if ":" in address else socket.AF_INET))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if made.family is socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.bind((address, port))
    made.listen(_QUEUE)
    return made


def _datagrams(family: socket.AddressFamily, address: str) -> socket.socket:
    made = socket.socket(family, socket.SOCK_DGRAM)
    # An answer must come from the address that was asked.
    made.setsockopt(socket.IPPROTO_IP, 8, 1)
    made.bind((address, DNS))
    return made
