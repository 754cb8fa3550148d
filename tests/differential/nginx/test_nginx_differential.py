"""The differential test of nginx: its generator, and what becomes of a config before it runs."""

from __future__ import annotations

import asyncio

import pytest

from proxycfg.behavior import properties
from proxycfg.probes.kits import NGINX
from tests.differential.nginx.generator import make
from tests.differential.nginx.instrument import Surroundings, instrument
from tests.differential.nginx.predict import Prediction
from tests.differential.nginx.proxy import PROXY, pruned
from tests.differential.nginx.tree import parsed

VERSIONS = PROXY.versions


def test_every_property_has_a_probe() -> None:
    """None is left out."""
    assert NGINX.measured_by.keys() == properties().keys()


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
