"""Stacks that break only in company, on real proxies: what a rule says of a bad one hurts, and does not on the good one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxycfg.origin import Origin
from tests.clients import sse
from tests.containers.chain_stand import StandingStack, stand
from tests.containers.stage import fresh
from tests.engines import Proxies

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "rules"
EVENTS = 4


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    """One behind all stacks."""
    with Origin.start() as running:
        yield running


Standing = Callable[[str], StandingStack]


@pytest.fixture
def standing(proxies: Proxies, origin: Origin, tmp_path: Path) -> Iterator[Standing]:
    """Start the stack of a folder below the rules' proofs; it stops when the test ends."""
    count = itertools.count()

    def folder() -> Path:
        made = tmp_path / f"hop{next(count)}"
        made.mkdir()
        made.chmod(0o755)
        return made

    tmp_path.chmod(0o755)
    with proxies.scope() as start:
        yield lambda name: stand(FIXTURES / name / "stack.yaml", start, origin, folder)


def released_in_step(stack: StandingStack, *, timeout: float = 10.0) -> None:
    """Events of an origin that says ``X-Accel-Buffering: no``, each sent when the one before has come."""
    key = fresh()
    script = f"sse xab=no; event n={EVENTS} gate={key}"
    with sse.listen(stack.client(timeout=timeout), "/events", script=script) as stream:
        for _ in range(EVENTS):
            assert stream.next_event() is not None
            stack.origin.release(key)


@pytest.mark.engine
def test_the_word_of_the_origin_gets_through(standing: Standing) -> None:
    """Where the inner nginx passes it on."""
    released_in_step(standing("x-accel-buffering-eaten/chain/good"))


@pytest.mark.engine
def test_the_word_of_the_origin_is_eaten(standing: Standing) -> None:
    """The outer nginx holds back what the inner one lets flow."""
    stack = standing("x-accel-buffering-eaten/chain/bad")
    inner = StandingStack(stack.origin, stack.proxies[1:], stack.ports, stack.doors[1:])

    released_in_step(inner)
    with pytest.raises((AssertionError, OSError)):
        released_in_step(stack, timeout=1.5)
