"""Poll and long poll: whole answers, and when they came."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .http import Client


@dataclass(frozen=True, slots=True)
class Polled:
    """One answer of the origin's ``json`` head."""

    at: float
    took: float
    status: int
    value: Any
    """The decoded body, None if it is not JSON."""
    headers: tuple[tuple[str, str], ...]

    @property
    def exchange(self) -> int | None:
        """The number of the exchange in the body: the same twice means that a cache answered."""
        return self.value.get("exchange") if isinstance(self.value, dict) else None


def poll(
    client: Client,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    *,
    script: str = "json",
    timeout: float | None = None,
) -> Polled:
    """Ask once and wait for the whole answer; with a script as ``gate k; json`` that is a long poll."""
    with client.request(target, headers, script=script) as call:
        call.head(timeout)
        answer = call.answer()
    try:
        value = json.loads(answer.body)
    except ValueError:
        value = None
    at = call.ended_at or call.started
    return Polled(at, at - call.started, answer.status, value, answer.headers)


def long_poll(
    client: Client,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    *,
    script: str,
    timeout: float = 30.0,
) -> Polled:
    """Ask and bear a long silence before the answer."""
    return poll(client, target, headers, script=script, timeout=timeout)
