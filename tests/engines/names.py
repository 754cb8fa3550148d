"""Name resolution for proxies under test: a hosts file of ours, and a resolver that never answers."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from pathlib import Path

_BASE = "127.0.0.1 localhost\n"
# Loopback again, where nobody listens: a name that is not in the hosts file fails at once and in here, instead of being
# asked of the network the machine happens to be on.
_RESOLVER = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"


class Names:
    """The two files, mounted over ``/etc/hosts`` and ``/etc/resolv.conf``.

    They are changed in place, never replaced: a mounted file is the file itself, not its name.
    """

    def __init__(self, directory: Path) -> None:
        """Write both files, without any name but localhost."""
        directory.mkdir(parents=True, exist_ok=True)
        self.hosts_file = directory / "hosts"
        self.resolver_file = directory / "resolv.conf"
        self.hosts_file.write_text(_BASE)
        self.resolver_file.write_text(_RESOLVER)
        self._known: dict[str, str] = {}

    def add(self, hosts: Mapping[str, str], in_use: Sequence[Mapping[str, str]]) -> None:
        """Make ``hosts`` resolve; ``in_use`` is what running proxies rely on, and stays true.

        Names are added and not taken away: Envoy asks again every few seconds, and must never find the file half empty.
        """
        for name, address in hosts.items():
            if not ipaddress.ip_address(address).is_loopback:
                raise ValueError(f"{name} would be {address}: tests talk to loopback addresses only")
            if any(other.get(name, address) != address for other in in_use):
                raise ValueError(f"{name} cannot be {address}: a running proxy has it as {self._known[name]}")
        new = {name: address for name, address in hosts.items() if self._known.get(name) != address}
        changed = bool(new.keys() & self._known.keys())
        self._known.update(new)
        if changed:
            self.hosts_file.write_text(_BASE + _lines(self._known))
        elif new:
            with self.hosts_file.open("a") as file:
                file.write(_lines(new))


def _lines(hosts: Mapping[str, str]) -> str:
    return "".join(f"{address} {name}\n" for name, address in hosts.items())
