"""Ports nobody else will take, across threads, pytest-xdist workers and test sessions running side by side.

Binding to port 0 and letting go again is a race: the kernel may hand the same port to the next caller, or use it as the
source of an outgoing connection, before the proxy has bound it. So we take ports below the kernel's ephemeral range, and
keep a lock on each until the process ends: one byte per port in a shared file, which the kernel releases by itself even
after a crash.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import socket
import tempfile
import threading
from pathlib import Path

import pytest

_FIRST = 20000
_GUARD = threading.Lock()
_TAKEN: set[int] = set()
_LOCK_FILE: list[int] = []
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A port that is free on every address now, and ours until this process ends."""
    with _GUARD:
        span = range(_FIRST, _last())
        start = random.choice(span)
        for port in itertools.chain(range(start, span.stop), range(_FIRST, start)):
            if port not in _TAKEN and _reserve(port):
                _TAKEN.add(port)
                if _is_free(port):
                    return port
    raise RuntimeError(f"no free port between {span.start} and {span.stop - 1}")


def free_ports(count: int) -> list[int]:
    """As many different free ports as asked for."""
    return [free_port() for _ in range(count)]


def need_ipv6() -> None:
    """Skip the test where this machine has no IPv6, not even a loopback address."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")


def _last() -> int:
    try:
        first_ephemeral = int(_EPHEMERAL.read_text().split(maxsplit=1)[0])
    except (OSError, ValueError, IndexError):
        return 32000
    # A machine may be set to use nearly every port for outgoing connections; the locks still keep our own apart.
    return first_ephemeral if first_ephemeral > _FIRST + 1000 else 32000


def _reserve(port: int) -> bool:
    if not _LOCK_FILE:
        path = Path(tempfile.gettempdir()) / f"proxycfg-ports-{os.getuid()}"
        _LOCK_FILE.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    try:
        fcntl.lockf(_LOCK_FILE[0], fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tcp.bind(("0.0.0.0", port))
            udp.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True
