"""Names of upstreams: each has an address of its own, so that the origin knows by the address it is asked at which one was meant."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable

FIRST = ipaddress.IPv4Address("198.18.0.1")
"""Of the network that RFC 2544 keeps for benchmarks: nobody's upstream is there by its number."""
_A, _AAAA, _INTERNET = 1, 28, 1
_PACKET_INFO = 8


class Names:
    """Addresses by name, and names by address."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """``known`` are names in the order of their addresses, from :data:`FIRST` on."""
        self.addresses: dict[str, str] = {}
        self.names: dict[str, str] = {}
        for name in known:
            self.address(name)

    def address(self, name: str) -> str:
        """The address of a name, which gets one now if it has none."""
        name = name.lower().rstrip(".")
        if name not in self.addresses:
            address = str(FIRST + len(self.addresses))
            self.addresses[name] = address
            self.names[address] = name
        return self.addresses[name]

    def answer(self, question: bytes) -> bytes | None:
        """A DNS server's answer: the address, for a minute; nothing for other kinds of records; None to what is no question."""
        if len(question) < 12 + 5 or question[2] & 0x80:
            return None
        labels, at = [], 12
        while at < len(question) and (size := question[at]):
            labels.append(question[at + 1 : at + 1 + size].decode("ascii", "replace"))
            at += 1 + size
        end = at + 5
        if end > len(question):
            return None
        kind, _ = struct.unpack_from("!HH", question, at + 1)
        records = b""
        if kind == _A:
            packed = ipaddress.IPv4Address(self.address(".".join(labels))).packed
            records = struct.pack("!HHHIH", 0xC00C, _A, _INTERNET, 60, 4) + packed
        head = question[:2] + b"\x84\x80" + struct.pack("!HHHH", 1, bool(records), 0, 0)
        return head + question[12:end] + records

    def serve(self, sock: socket.socket) -> None:
        """Answer what has come to a socket, from the address that was asked."""
        try:
            question, more, _, peer = sock.recvmsg(4096, 128)
        except (BlockingIOError, InterruptedError):
            return
        answer = self.answer(question)
        asked = [data for level, kind, data in more if (level, kind) == (socket.IPPROTO_IP, _PACKET_INFO)]
        if answer is None or not asked:
            return
        _, _, address = struct.unpack("=i4s4s", asked[0])
        told = struct.pack("=i4s4s", 0, address, b"\0" * 4)
        sock.sendmsg([answer], [(socket.IPPROTO_IP, _PACKET_INFO, told)], 0, peer)
