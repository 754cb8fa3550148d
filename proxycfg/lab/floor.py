"""The lab at work: what it is told comes as JSON lines on standard input, and what it has to tell goes to standard output."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from proxycfg.lab.bench import Ask
from proxycfg.lab.names import Names
from proxycfg.lab.netlink import LISTENING, Sockets
from proxycfg.lab.origin import Origin
from proxycfg.lab.probe import Target
from proxycfg.lab.quiet import Quiet, Threads
from proxycfg.lab.stand import Stand
from proxycfg.lab.world import World
from proxycfg.probes.kits import EVERY

_TRIES = 3
_LOOKS_EVERY = 0.01
_PROXY = 65534
"""The user that the proxy runs as."""


def run(world: World, setting: Mapping[str, Any]) -> None:
    """Do what is asked until standard input ends."""
    # The proxy is nobody that could be waited for: what it must not do is keep us.
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        asyncio.run(_Lab(world, setting).work())


def _say(**what: Any) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class _Lab:
    def __init__(self, world: World, setting: Mapping[str, Any]) -> None:
        self._world = world
        self._setting = setting
        self._origin = Origin(shares=bool(setting["shares"]))
        self._origin.sides = bool(setting["sides"])
        self._names = Names(setting["names"])
        self._here = Sockets()

    async def work(self) -> None:
        loop = asyncio.get_running_loop()
        # A connection that breaks is an event of a measurement.
        loop.set_exception_handler(lambda _loop, _context: None)
        for sock in self._world.names:
            sock.setblocking(False)
            loop.add_reader(sock, self._names.serve, sock)
        self._origin.serve(self._world.listeners, _context(self._setting["certificate"]))
        lines: asyncio.Queue[bytes] = asyncio.Queue()

        def read() -> None:
            while line := sys.stdin.buffer.readline():
                loop.call_soon_threadsafe(lines.put_nowait, line)
            # Whatever is going on, nobody is there to hear of it.
            os._exit(0)

        threading.Thread(target=read, daemon=True).start()
        _say(ready=True)
        tasks: set[asyncio.Task[None]] = set()
        while True:
            # Side by side: whether we are there is asked while we do something else.
            task = asyncio.create_task(self._do(json.loads(await lines.get())))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _do(self, asked: Mapping[str, Any]) -> None:
        try:
            await getattr(self, f"_{asked['do']}")(asked)
        except Exception:  # noqa: BLE001 - told to whoever asked
            _say(failed=traceback.format_exc())

    async def _listening(self, asked: Mapping[str, Any]) -> None:
        """Say when the proxy listens on all of these ports, or that it does not in time."""
        wanted = set(asked["ports"])
        there: set[int] = set()
        end = time.monotonic() + asked["within"]
        while time.monotonic() < end:
            there = {held.port for held in self._here.every() if held.state == LISTENING and held.owner == _PROXY}
            if wanted <= there:
                _say(listening=sorted(there))
                return
            await asyncio.sleep(_LOOKS_EVERY)
        _say(listening=sorted(there & wanted), missing=sorted(wanted - there))

    async def _measure(self, asked: Mapping[str, Any]) -> None:
        """Each probe on each route: the routes side by side, and then one after another where nothing else may disturb.

        What is quick is done in turn on each route, beside what waits for timers.
        """
        quiet = Quiet(Threads(_own()), (self._here, Sockets(self._world.diagnosed)), lapse=asked["lapse"])
        stand = Stand(self._origin, quiet, self._setting["writable"])
        stand.longest = asked["longest"]
        stand.two_only = frozenset((address, port) for address, port in asked["two"])
        routes = [(route["id"], _target(route)) for route in asked["routes"]]

        async def in_turn(number: int, target: Target, probes: Iterable[str]) -> None:
            for name in probes:
                await _tried(stand, number, target, name)

        jobs = [in_turn(number, target, asked["quick"]) for number, target in routes]
        jobs += [_tried(stand, number, target, name) for number, target in routes for name in asked["slow"]]
        await asyncio.gather(*jobs)
        for number, target in routes:
            await in_turn(number, target, asked["alone"])
            if asked["rest"]:
                # Where the proxy has ended, that is told below.
                with contextlib.suppress(ConnectionError):
                    await stand.until(lambda: False, asked["rest"])
        stand.close()
        _say(done=True, alive=Threads(_own()).alive())

    async def _hello(self, asked: Mapping[str, Any]) -> None:  # noqa: ARG002 - there is nothing more to it
        """Say that we are here."""
        _say(hello=True)


async def _tried(stand: Stand, number: int, target: Target, name: str) -> None:
    """One probe on one route, told as soon as it is done; one during which this machine could not keep pace is done again."""
    for _ in range(_TRIES):
        began = time.monotonic()
        try:
            seen = await EVERY[name].recorded(stand, target)
        except OSError as error:
            _say(route=number, probe=name, skipped=error.strerror or str(error))
            return
        if stand.late_at < began:
            _say(route=number, probe=name, timeline=[event.to_json() for event in seen])
            return
    _say(route=number, probe=name, skipped="this machine is too busy to keep pace with the proxy")


def _own() -> set[int]:
    """The lab's processes: this one and the one that keeps it."""
    return {os.getpid(), os.getppid()}


def _target(route: Mapping[str, Any]) -> Target:
    asks = tuple(
        Ask(**{**each, "headers": tuple((name, value) for name, value in each["headers"])}) for each in route["asks"]
    )
    return Target(
        # Nobody has written places into the config.
        place="",
        ask=asks[0],
        asks=asks,
        protocol=route["protocol"],
        straight=route["straight"],
        posts=route["posts"],
        shakes=route["shakes"],
        complete=route["complete"],
        one_group=route["one_group"],
    )


def _context(certificate: str) -> ssl.SSLContext | None:
    if not certificate:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(certificate)
        file.flush()
        context.load_cert_chain(Path(file.name))
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context
