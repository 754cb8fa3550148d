"""The differential test of Envoy: its generator, and what becomes of a config before it runs."""

from __future__ import annotations

import asyncio

import pytest

from proxycfg.behavior import properties
from proxycfg.lab.probe import AtLeast, Spent, Within
from proxycfg.probes.kits import ENVOY
from proxycfg.probes.timers import Held, unless
from tests.differential.envoy import tree
from tests.differential.envoy.generator import make
from tests.differential.envoy.instrument import Surroundings, instrument
from tests.differential.envoy.lab import SLACK
from tests.differential.envoy.predict import Prediction
from tests.differential.lab import agrees


def test_every_property_has_a_probe() -> None:
    """All but the one that no config of Envoy decides."""
    assert ENVOY.measured_by.keys() | {"honors_x_accel_buffering"} == properties().keys()


def test_a_seed_is_a_config() -> None:
    """The same one, whenever."""
    one, other, another = (make(seed, "1.40").text() for seed in (7, 7, 8))
    assert one == other != another


@pytest.mark.parametrize("seed", range(30))
def test_printed_configs_read_back_and_every_route_is_read(seed: int) -> None:
    """Printing and reading are inverse, the reader has nothing to complain about, and knows each route by the same place."""
    config = make(seed, "1.40")
    prediction = Prediction(config, "1.40")
    assert not prediction.config.problems
    back = tree.parsed(prediction.text, config.declared())
    assert (back.text(), back.declared()) == (prediction.text, config.declared())
    assert list(prediction.named) == [place for place, _ in tree.routes(config.data)]


@pytest.mark.parametrize("seed", range(10))
def test_instruments_leave_behavior_as_it_is(seed: int) -> None:
    """What is added changes nothing that is read, but limits that are lifted."""
    config = make(seed, "1.40")
    ports = {port: 20_000 + port for port in (0, 80, 8080, 10000, 443, 8443)}
    around = Surroundings(ports, 19000, 19001, "c", "k", "l", limits=True)
    before = Prediction(config, "1.40")
    made = instrument(config, around)
    made.protocols = {
        id(each): config.declared()[place] for place, each in tree.routes(made.data) if place in config.declared()
    }
    after = Prediction(made, "1.40")
    for place, route in before.routes.items():
        assert after.routes[place].reading.behavior == route.reading.behavior


def test_shrinking_leaves_what_is_needed() -> None:
    """A field, and what is around it."""
    config = make(3, "1.40")

    async def shows() -> bool:
        return "cluster: " in config.text()

    while asyncio.run(tree.pruned(config.data, shows)):
        pass
    text = config.text()
    assert text.count("cluster: ") == 1
    assert "timeout" not in text


ONE, TWO, LONG = Within(1.0, 1.1), Within(2.0, 2.1), AtLeast(3.0)


@pytest.mark.parametrize(
    ("idle", "life", "told"),
    [
        (Held(ONE, ONE), Held(LONG, LONG), ONE),
        (Held(ONE, ONE), Held(TWO, TWO), ONE),
        (Held(TWO, TWO), Held(TWO, TWO), AtLeast(1.75)),
        # It began late: what ended it may have begun with the request.
        (Held(ONE, Within(1.0, 2.0)), Held(TWO, TWO), AtLeast(0.75)),
        (Held(LONG, LONG), Held(LONG, LONG), LONG),
        # A flood took longer than anybody watched the other one.
        (Held(TWO, Within(4.0, 4.5)), Held(LONG, LONG), AtLeast(1.75)),
        (Held(LONG, LONG), Held(TWO, TWO), LONG),
    ],
)
def test_silence_is_told_from_life(idle: Held, life: Held, told: Spent) -> None:
    """What ends a stream that talks, too, tells nothing of silence but that it was borne so long."""
    assert unless(idle, life) == told


def test_times_of_configs_are_told_apart() -> None:
    """No two of them agree with one measurement."""
    from proxycfg.behavior import exactly  # noqa: PLC0415
    from tests.differential.envoy.generator import TIMES  # noqa: PLC0415

    times = [float(time.removesuffix("s")) for time in TIMES]
    for one in times:
        found = [other for other in times if agrees("total_timeout", exactly(other), Within(one, one + 0.1), SLACK)]
        assert found == [one]
