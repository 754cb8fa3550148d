"""The differential test in the small: kept disagreements without an engine, and a fixed sample of configs on each version of each proxy."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from proxycfg.behavior import Between, exactly, properties
from proxycfg.lab.probe import AtLeast, Within
from tests.differential import fixtures, run
from tests.differential.envoy.proxy import PROXY as ENVOY
from tests.differential.lab import agrees
from tests.differential.nginx.lab import SLACK
from tests.differential.nginx.proxy import PROXY as NGINX
from tests.differential.proxy import Proxy
from tests.engines import EngineAbsent, required

PROXIES: tuple[Proxy[Any], ...] = (NGINX, ENVOY)
KEPT = [(proxy, kept) for proxy in PROXIES for kept in fixtures.load(proxy)]
SAMPLE = 5
"""Configs of each version: what a few seconds have room for."""


@pytest.mark.parametrize(("proxy", "kept"), KEPT, ids=[f"{proxy.name}-{kept.name}" for proxy, kept in KEPT])
def test_what_once_was_otherwise_is_predicted(proxy: Proxy[Any], kept: fixtures.Fixture) -> None:
    """What disagreed once does not do so again."""
    assert kept.measured, "measured on no version"
    for version, measured in kept.measured.items():
        right, predicted = fixtures.holds(proxy, kept, version)
        assert right, (
            f"{proxy.title} {version}: {kept.what} is predicted as {predicted}, and was measured as {measured}"
        )


@pytest.mark.engine
@pytest.mark.parametrize(
    ("proxy", "version"),
    [pytest.param(proxy, version, id=f"{proxy.name}-{version}") for proxy in PROXIES for version in proxy.versions],
)
def test_a_sample_of_configs_does_what_is_predicted(proxy: Proxy[Any], version: str) -> None:
    """A few seconds of the whole."""
    try:
        tally = asyncio.run(run.measure(proxy, version, SAMPLE, 0))
    except EngineAbsent as absent:
        if required():
            pytest.fail(f"PROXYCFG_REQUIRE_ENGINES is set, but {absent}", pytrace=False)
        pytest.skip(str(absent))
    assert tally.configs >= SAMPLE
    assert not tally.crashes
    assert not tally.failures
    assert tally.wrong == []
    # An empty comparison agrees, too.
    assert tally.measured["location"] > (10 if proxy is NGINX else 5) * SAMPLE
    assert len(tally.measured) > len(properties()) // 2


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
