"""The Worker in the real runtime: what it promises for event streams and lines, each with a naive Worker that breaks the promise."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cache

import pytest

from proxycfg.origin import Origin
from tests.clients.sse import Comment, Event, listen
from tests.containers.stage import fresh
from tests.containers.worker_stand import NAIVE, QUICK, SLOW, WHOLE, WorkerStand, generated, stand, with_code
from tests.engines import Proxies

Stands = Callable[[str], WorkerStand]


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    """The origin behind all Workers of this module."""
    with Origin.start() as running:
        yield running


@pytest.fixture(scope="module")
def stands(proxies: Proxies, origin: Origin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stands]:
    """The Workers of this module, each started when it is first asked for."""
    count = itertools.count()
    files = {
        "generated": lambda: generated(SLOW),
        "quick": lambda: generated(QUICK),
        "naive": lambda: with_code(NAIVE),
        "whole": lambda: with_code(WHOLE),
    }
    with proxies.scope() as start:

        @cache
        def get(kind: str) -> WorkerStand:
            return stand(start, tmp_path_factory.mktemp(f"worker{next(count)}"), origin.port, files[kind]())

        yield get


def _first_event_comes_before_the_second_is_sent(worker: WorkerStand, origin: Origin) -> None:
    key = fresh()
    with listen(worker.client(timeout=2.0), "/events", script=f"sse; event n=2 gate={key}") as stream:
        for number in ("1", "2"):
            event = stream.next_event()
            assert event is not None
            assert event.data == number
            origin.release(key)
        assert stream.next_event() is None
        assert stream.end == "clean"


def test_events_come_one_by_one(stands: Stands, origin: Origin) -> None:
    """In lock-step: the origin sends the second event only once the first one has arrived."""
    _first_event_comes_before_the_second_is_sent(stands("generated"), origin)


def test_events_do_not_come_one_by_one_if_the_body_is_read_whole(stands: Stands, origin: Origin) -> None:
    """The check has teeth."""
    with pytest.raises(TimeoutError):
        _first_event_comes_before_the_second_is_sent(stands("whole"), origin)


def _comments_in_silence(worker: WorkerStand, origin: Origin) -> list[object]:
    key = fresh()
    with listen(worker.client(timeout=2.0), "/events", script=f"sse; event n=1 gate={key}; event") as stream:
        seen = []
        while len([item for item in seen if isinstance(item, Comment)]) < 4:
            seen.append(stream.next())
        origin.release(key)
        seen += stream
        return seen


def test_silence_is_filled_with_comments(stands: Stands, origin: Origin) -> None:
    """Comments come as long as the origin is silent, and what it sends then comes as ever."""
    seen = _comments_in_silence(stands("quick"), origin)

    assert [item.data for item in seen if isinstance(item, Event)] == ["1", "2"]
    assert {item.text for item in seen if isinstance(item, Comment)} == {"keep-alive"}


def test_silence_stays_silent_behind_a_worker_that_only_passes_on(stands: Stands, origin: Origin) -> None:
    """The check has teeth."""
    with pytest.raises(TimeoutError):
        _comments_in_silence(stands("naive"), origin)
