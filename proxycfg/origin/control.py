"""``/__origin__/``: the origin's own interface, for tests that run in another process.

==========  ==========================================  ==========================================================
``GET``     ``/__origin__/exchanges[?key=K]``            the records as JSON, oldest first
``DELETE``  ``/__origin__/exchanges``                    forget them
``GET``     ``/__origin__/wait?key=K&until=STATE``       the record once it is so, or 408 after ``timeout`` seconds (5);
                                                         STATE: arrived, body, headers, completed, dropped, aborted, ended
``POST``    ``/__origin__/release?key=K[&n=N|n=all]``    let N (1) through the gate, or everyone from now on
``GET``     ``/__origin__/gates``                        how many streams stand at each gate
``GET``     ``/__origin__/reference``                    the manual of the script language
==========  ==========================================  ==========================================================
"""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from proxycfg.origin.channel import Channel
from proxycfg.origin.gates import Gates
from proxycfg.origin.record import Exchange, Log
from proxycfg.origin.steps import reference

STATES: dict[str, Callable[[Exchange], bool]] = {
    "arrived": lambda one: True,  # noqa: ARG005 - being there is enough
    "body": lambda one: one.body_complete,
    "headers": lambda one: one.status is not None,
    "completed": lambda one: one.completed,
    "dropped": lambda one: one.dropped,
    "aborted": lambda one: one.aborted is not None,
    "ended": lambda one: one.ended,
}
_LONGEST_WAIT = 60.0


async def control(channel: Channel, log: Log, gates: Gates) -> None:
    """Answer one request under ``/__origin__/``."""
    request = channel.request
    query = request.query
    key = query.get("key")
    match request.method, request.path.removeprefix("/__origin__/"):
        case "GET", "exchanges":
            await _reply(channel, 200, [one.as_json() for one in log.exchanges(key)])
        case "DELETE", "exchanges":
            log.clear()
            await _reply(channel, 200, {"cleared": True})
        case "GET", "wait":
            await _wait(channel, log)
        case "POST", "release":
            permits = query.get("n", "1")
            if not key or not re.fullmatch("all|[0-9]{1,7}", permits):
                await _reply(channel, 400, {"error": "release needs key=, and n= is a number or all"})
                return
            if permits == "all":
                gates.open(key)
            else:
                gates.release(key, int(permits))
            await _reply(channel, 200, {"released": key, "waiting": gates.waiting().get(key, 0)})
        case "GET", "gates":
            await _reply(channel, 200, gates.waiting())
        case "GET", "reference":
            await _reply(channel, 200, reference())
        case _:
            await _reply(channel, 404, {"error": f"no {request.method} {request.path} here"})


async def _wait(channel: Channel, log: Log) -> None:
    query = channel.request.query
    wanted = STATES.get(query.get("until", "ended"))
    try:
        timeout = min(float(query.get("timeout", "5")), _LONGEST_WAIT)
    except ValueError:
        wanted = None
        timeout = 0.0
    if wanted is None:
        await _reply(channel, 400, {"error": "until= is one of " + ", ".join(STATES) + "; timeout= is seconds"})
        return
    try:
        found = await asyncio.wait_for(log.watch(wanted, query.get("key")), timeout)
    except TimeoutError:
        seen = [one.as_json() for one in log.exchanges(query.get("key"))[-5:]]
        await _reply(channel, 408, {"error": f"not so within {timeout:g} s", "seen": seen})
    else:
        await _reply(channel, 200, found.as_json())


async def _reply(channel: Channel, status: int, answer: Any) -> None:
    text = answer if isinstance(answer, str) else json.dumps(answer, indent=1) + "\n"
    kind = "text/plain; charset=utf-8" if isinstance(answer, str) else "application/json"
    body = text.encode()
    headers = (("Content-Type", kind), ("Cache-Control", "no-store"))
    await channel.whole(status, headers, body)
