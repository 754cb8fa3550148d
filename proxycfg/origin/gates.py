"""Gates: a stream waits at one until somebody who saw the last event lets it go on.

A gate is a counter of permits with a name. Releasing before anyone waits is fine, the permit is kept: so there is no
race between the client's confirmation and the stream's arrival at the gate.
"""

import asyncio
import contextlib
from collections import deque

# A client that releases keys nobody ever waits for must not fill the memory of a long-running origin.
_KEPT_KEYS = 10_000


class Gates:
    """All gates of one origin; used from the event loop only."""

    def __init__(self) -> None:
        """Start with every gate shut."""
        self._permits: dict[str, int] = {}
        self._open: dict[str, None] = {}
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    async def passed(self, name: str) -> None:
        """Return when the gate let this caller through; use up one permit."""
        if name in self._open:
            return
        if permits := self._permits.pop(name, 0):
            if permits > 1:
                self._permits[name] = permits - 1
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue = self._waiting.setdefault(name, deque())
        queue.append(future)
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.release(name)  # The permit came in the moment the client left: the next one shall have it.
            else:
                with contextlib.suppress(ValueError):  # A release between the cancel and here has taken it out.
                    queue.remove(future)
                if not queue and self._waiting.get(name) is queue:
                    del self._waiting[name]
            raise

    def release(self, name: str, permits: int = 1) -> None:
        """Let so many through, now or when they come."""
        queue = self._waiting.get(name)
        while permits and queue:
            future = queue.popleft()
            if not future.done():
                future.set_result(None)
                permits -= 1
        if queue is not None and not queue:
            self._waiting.pop(name, None)
        if permits:
            self._permits[name] = self._permits.pop(name, 0) + permits
            while len(self._permits) > _KEPT_KEYS:
                del self._permits[next(iter(self._permits))]

    def open(self, name: str) -> None:
        """Take the gate off its hinges: everyone passes from now on."""
        self._open[name] = None
        while len(self._open) > _KEPT_KEYS:
            del self._open[next(iter(self._open))]
        self._permits.pop(name, None)
        for future in self._waiting.pop(name, ()):
            if not future.done():
                future.set_result(None)

    def waiting(self) -> dict[str, int]:
        """How many streams stand at each gate."""
        return {name: len(queue) for name, queue in self._waiting.items()}
