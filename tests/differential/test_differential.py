"""The differential test of nginx in the small: kept disagreements without an engine, and a fixed sample of configs on each version."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxycfg.behavior import Between, exactly, properties
from proxycfg.lab.drivers import MEASURED_BY, AtLeast, Within
from tests.differential import fixtures, run
from tests.differential.lab import agrees
from tests.differential.nginx.generator import make
from tests.differential.nginx.instrument import Surroundings, instrument
from tests.differential.nginx.lab import SLACK
from tests.differential.nginx.predict import Prediction
from tests.differential.nginx.proxy import PROXY, pruned
from tests.differential.nginx.tree import parsed
from tests.engines import EngineAbsent, required

KEPT = fixtures.load(PROXY)
VERSIONS = PROXY.versions
SAMPLE = 5
"""Configs of each version: what a few seconds have room for."""


@pytest.mark.parametrize("kept", KEPT, ids=[kept.name for kept in KEPT])
def test_what_nginx_once_did_otherwise_is_predicted(kept: fixtures.Fixture) -> None:
    """What disagreed once does not do so again."""
    assert kept.measured, "measured on no version"
    for version, measured in kept.measured.items():
        right, predicted = fixtures.holds(PROXY, kept, version)
        assert right, f"nginx {version}: {kept.what} is predicted as {predicted}, and was measured as {measured}"


@pytest.mark.engine
@pytest.mark.parametrize("version", VERSIONS)
def test_a_sample_of_configs_does_on_nginx_what_is_predicted(version: str) -> None:
    """A few seconds of the whole."""
    try:
        tally = asyncio.run(run.measure(PROXY, version, SAMPLE, 0))
    except EngineAbsent as absent:
        if required():
            pytest.fail(f"PROXYCFG_REQUIRE_ENGINES is set, but {absent}", pytrace=False)
        pytest.skip(str(absent))
    assert tally.configs >= SAMPLE
    assert not tally.crashes
    assert tally.wrong == []
    # An empty comparison agrees, too.
    assert tally.measured["location"] > 10 * SAMPLE
    assert len(tally.measured) > len(properties()) // 2


def test_every_property_has_a_probe() -> None:
    """None is left out."""
    assert MEASURED_BY.keys() == properties().keys()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_seed_is_a_config(version: str) -> None:
    """The same one, whenever."""
    one, other, another = (make(seed, version).files() for seed in (7, 7, 8))
    assert one == other != another


@pytest.mark.parametrize("seed", range(30))
def test_printed_configs_read_back_and_every_route_is_read(seed: int) -> None:
    """Printing and reading are inverse, and the reader has nothing to complain about."""
    config = make(seed, "1.30")
    prediction = Prediction(config, "1.30")
    assert not prediction.config.problems
    assert parsed(prediction.files).files() == prediction.files


def test_instruments_leave_lists_as_they_are() -> None:
    """What is added replaces nothing."""
    text = "events {\n}\nhttp {\n    add_header A 1;\n    server {\n        listen 8080;\n        location / {\n            proxy_pass http://127.0.0.2:9000;\n            proxy_set_header B 2;\n        }\n    }\n}\n"
    config = parsed({"nginx.conf": text})
    config.files()
    around = Surroundings(ports={8080: 18080}, origin=19000, sides=19001, control=10001, certificate="c", key="k")
    made = parsed(instrument(config, around))
    before, after = (
        Prediction(each, "1.30").http.servers[0].locations.prefixes["/"].level.in_force for each in (config, made)
    )
    for name in ("add_header", "proxy_set_header"):
        own = [line.args for line in after[name] if not line.args[0].startswith("X-")]
        assert own == [line.args for line in before.get(name, [])]
        assert any(line.args[0] == "X-Loc" for line in after[name])


@pytest.mark.parametrize("seed", range(5))
def test_shrinking_leaves_what_is_needed(seed: int) -> None:
    """One location, and what is around it."""
    config = make(seed, "1.30")
    needed = [node for node in config.walk() if node.name == "location"][-1]
    around = [node for node in config.walk() if needed in node.walk()]

    async def shows() -> bool:
        return needed in config.walk()

    while asyncio.run(pruned(config.top, shows)):
        pass
    assert [node for node in config.walk() if needed in node.walk()] == around
    assert list(config.walk()) == around


@pytest.mark.parametrize(
    ("name", "predicted", "measured", "agreed"),
    [
        ("upgrade", exactly(True), True, True),
        ("upgrade", exactly(True), False, False),
        ("upgrade", Between(low=False, high=True), False, True),
        ("connect_timeout", exactly(60.0), Within(59.5, 60.5), True),
        ("connect_timeout", exactly(60.0), Within(24.5, 25.5), False),
        ("connect_timeout", exactly(60.0), AtLeast(75.0), False),
        ("connect_timeout", exactly(300.0), AtLeast(75.0), True),
        ("max_streams", exactly(5.0), 5.0, True),
        ("max_streams", exactly(5.0), AtLeast(40.0), False),
    ],
)
def test_agreement(name: str, predicted: Between[Any], measured: object, agreed: bool) -> None:
    """A value, a range of it, and one that did not come."""
    assert agrees(name, predicted, measured, SLACK) is agreed


def test_agreement_on_transports_is_about_those_that_were_tried() -> None:
    """Of the others nothing is known."""
    predicted = exactly(frozenset({"2", "3"}))
    assert agrees("stalls_on", predicted, frozenset({"2"}), SLACK, frozenset({"2"}))
    assert not agrees("stalls_on", predicted, frozenset(), SLACK, frozenset({"2"}))
    assert not agrees("stalls_on", predicted, frozenset({"2", "http/1.1"}), SLACK, frozenset({"2", "http/1.1"}))
