"""A proxy of which nobody was told that it is measured: the bench of `proxycfg check`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from proxycfg.lab.bench import Bench, Exchange
from proxycfg.lab.origin import Origin
from proxycfg.lab.quiet import Quiet


class Stand(Bench):
    """Keeps pace by what the kernel tells, and reads the files that the proxy writes."""

    awaits_retries = False

    def __init__(self, origin: Origin, quiet: Quiet, written: Iterable[str]) -> None:
        """``written`` are the folders that the proxy writes to."""
        super().__init__(origin)
        self._quiet = quiet
        self._written = tuple(written)
        quiet.silent = self._silent
        self._narrow: list[Exchange] = []
        self._clients = (f"127.{a}.{b}.{c}" for a in range(2, 250) for b in range(250) for c in range(1, 250))

    def _silent(self) -> set[int]:
        """Our ports where bytes stand still on purpose: clients that do not read, and an origin that floods somebody who does not."""
        self._narrow = [each for each in self._narrow if not each.call.closed.is_set()]
        ours = {_port(each.call.transport, "sockname") for each in self._narrow}
        return ours | {_port(arrival.wire.transport, "peername") for each in self._narrow for arrival in each.arrivals}

    async def ask(self, *args: Any, narrow: bool = False, **how: Any) -> Exchange:
        """Send a request; a narrow client is one that will stop reading."""
        # Each from a client of its own: what one client may ask in a second, or hold, is no trait of the route.
        how.setdefault("source", next(self._clients))
        exchange = await super().ask(*args, narrow=narrow, **how)
        if narrow:
            self._narrow.append(exchange)
        return exchange

    @property
    def late_at(self) -> float:
        """When this machine was last too busy to keep pace; by :func:`time.monotonic`."""
        return self._quiet.late_at

    async def now(self) -> float:
        """The proxy's time, when nothing is under way."""
        await self._quiet.caught_up()
        return self._quiet.now()

    async def tick(self) -> float:
        """The proxy's time a moment later."""
        return await self._quiet.tick()

    async def caught_up(self, rounds: int = 3) -> None:  # noqa: ARG002 - once is enough
        """Return when nothing is under way."""
        await self._quiet.caught_up()

    def gave_up(self, exchange: Exchange) -> bool:
        """Whether the proxy's end of the connection is closed."""
        own, peer = (exchange.call.transport.get_extra_info(name)[1] for name in ("sockname", "peername"))
        return self._quiet.has_left(peer, own)

    def forget_stores(self) -> None:
        """They belong to the proxy; nothing of ours may remove them."""

    def stored(self, mark: str) -> bool:
        """Whether a file that the proxy has written holds a word, logs aside."""
        return any(_holds(path, mark) for path in self._files() if not _IS_LOG.search(path.name))

    async def has_logged(self, key: str) -> bool:
        """Whether a file that the proxy has written has the query."""
        await self._quiet.caught_up()
        return any(_holds(path, f"token=Q{key}") for path in self._files())

    def _files(self) -> Iterable[Path]:
        for folder in self._written:
            yield from (path for path in Path(folder).rglob("*") if path.is_file() and not path.is_symlink())


def _port(transport: Any, name: str) -> int:
    """A port of a connection; 0 where it has none, or is gone."""
    told = transport.get_extra_info(name)
    return int(told[1]) if isinstance(told, tuple) else 0


_IS_LOG = re.compile(r"log")


def _holds(path: Path, word: str) -> bool:
    try:
        return word.encode() in path.read_bytes()
    except OSError:
        return False
