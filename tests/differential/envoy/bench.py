"""Envoy on the bench: a listener of the lab's own tells when it has dealt with what came before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from proxycfg.lab.bench import PATIENCE, Ask, fresh
from proxycfg.lab.client import Call1, dial
from proxycfg.lab.origin import Origin
from tests.differential.bench import Bench


class EnvoyBench(Bench):
    """One Envoy; its own listener answers when it has dealt with what came before."""

    awaits_retries = False

    def __init__(
        self,
        origin: Origin,
        ports: dict[int, int],
        control: int,
        logs: Callable[[], Sequence[str]],
        longest: float = 3.5,
    ) -> None:
        """``logs`` gives all that Envoy has printed, and all that is in files of access logs; the lab's own requests are in each."""
        super().__init__(origin, Path(), ports, control)
        self._logs = logs
        self.longest = longest

    def authority(self, ask: Ask) -> str:
        """With the port, as clients say it, where that is not the usual one."""
        usual = ask.port == (443 if ask.secure else 80)
        return ask.host if usual else f"{ask.host}:{self.ports[ask.port]}"

    def logged(self, key: str) -> bool:
        """Whether an access log has the query of that exchange by now."""
        return any(f"token=Q{key}" in text for text in self._logs())

    async def has_logged(self, key: str) -> bool:
        """Whether it has, when a later request to the lab's own listener is in each log."""
        mark = fresh()
        call = await dial("127.0.0.1", self.control, "http/1.1", host="lab")
        assert isinstance(call, Call1)
        call.send("GET", f"/{mark}", [], host="lab")
        await call.whole(PATIENCE)
        call.hang_up()
        until = time.monotonic() + PATIENCE
        while not all(mark in text for text in self._logs()) and time.monotonic() < until:  # noqa: ASYNC110 - a file tells nobody when it grows
            # It is written within 50 ms.
            await asyncio.sleep(0.02)
        assert all(mark in text for text in self._logs())
        return self.logged(key)

    async def now(self) -> float:
        """The time when this was asked. All that was sent to Envoy's one worker before has been read, and all that it had sent by then has come."""
        asked = time.monotonic()
        await super().now()
        return asked
