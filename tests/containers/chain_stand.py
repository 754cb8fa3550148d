"""A stack on real proxies: each hop of a ``stack.yaml`` started with its own config, one in front of the other, and an origin behind them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from proxycfg.cli.stacks import load_stack
from proxycfg.origin import Origin
from tests.clients.http import Client, Transport
from tests.engines import RunningProxy, StartProxy, free_port

ORIGIN_PORT = 9000
"""The port of the origin in the configs of a stack."""
_PORTS = re.compile(r"(?P<before>\blisten (?:127\.0\.0\.\d:)?|\b127\.0\.0\.\d:|\bport_value: )(?P<port>\d{2,5})\b")
_FILES = {"nginx": "nginx.conf", "envoy": "envoy.yaml"}
_USUAL = {"nginx": "1.30", "envoy": "1.40"}


@dataclass(frozen=True)
class StandingStack:
    """The hops of a stack, running.

    :param ports: those of the configs, and what they are here.
    :param doors: where each hop listens, outermost first.
    """

    origin: Origin
    proxies: tuple[RunningProxy, ...]
    ports: dict[int, int]
    doors: tuple[int, ...]

    @property
    def inner(self) -> StandingStack:
        """The same without its outermost hop."""
        return replace(self, proxies=self.proxies[1:], doors=self.doors[1:])

    def client(self, transport: Transport = "http/1.1", *, timeout: float = 10.0) -> Client:
        """A client of the outermost hop."""
        return Client(("127.0.0.1", self.doors[0]), transport, host="chat.example.com", timeout=timeout)


def stand(
    path: Path, start: StartProxy, origin: Origin, folder: Callable[[], Path], *, time_lapse: int | None = None
) -> StandingStack:
    """Start the hops of a stack that have a config of nginx or Envoy, the innermost first.

    :param time_lapse: how many times faster the clocks of nginx run.
    """
    stack, _ = load_stack(str(path))
    ports = {ORIGIN_PORT: origin.port}
    proxies: list[RunningProxy] = []
    doors: list[int] = []
    for hop in reversed([hop for hop in stack.hops if hop.kind in _FILES]):
        text = Path(hop.config).read_text()
        listens = int(re.search(r"listen (?:[\d.]+:)?(\d+)|port_value: (\d+)", text).expand(r"\1\2"))  # type: ignore[union-attr]

        def placed(found: re.Match[str]) -> str:
            port = int(found["port"])
            return f"{found['before']}{ports.setdefault(port, free_port())}"

        at = folder()
        (at / _FILES[hop.kind]).write_text(_PORTS.sub(placed, text))
        version = re.search(rf"# {hop.kind} (\S+)", text)
        engine = f"{hop.kind}-{version[1] if version else _USUAL[hop.kind]}"
        lapse = time_lapse if hop.kind == "nginx" else None
        proxies.insert(0, start(engine, at, name=hop.name, time_lapse=lapse, ready_port=ports[listens]))
        doors.insert(0, ports[listens])
    return StandingStack(origin, tuple(proxies), ports, tuple(doors))
