"""What is predicted of chains of hops against the hops themselves: two and three real proxies, each setting that matters in company with others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from proxycfg.lab.origin import Blackhole, Origin
from tests.containers.chain_trials import (
    VERSIONS,
    ChainBench,
    Check,
    Hop,
    chains_of,
    connecting,
    envoy_config,
    envoy_part,
    examine,
    nginx_config,
    nginx_server,
)
from tests.engines import Proxies, StartProxy
from tests.engines.ports import free_ports

KINDS = (
    ("nginx", "nginx"),
    ("nginx", "envoy"),
    ("envoy", "nginx"),
    ("envoy", "envoy"),
    ("nginx", "nginx", "nginx"),
    ("nginx", "envoy", "nginx"),
    ("envoy", "nginx", "envoy"),
)
AT_ONCE = 8
"""Chains that are measured side by side: they wait more than they work."""


@pytest.mark.engine
@pytest.mark.parametrize("kinds", [pytest.param(kinds, id="-".join(kinds)) for kinds in KINDS])
def test_chains_do_what_is_predicted(proxies: Proxies, tmp_path: Path, kinds: tuple[str, ...]) -> None:
    """Property by property."""
    tmp_path.chmod(0o755)
    chains = chains_of(kinds)
    with proxies.scope() as start:
        checks = asyncio.run(_measured(start, tmp_path, kinds, chains, examine))
    by_name: Mapping[str, int] = {
        name: sum(each.name == name for each in checks) for name in {each.name for each in checks}
    }
    wrong = [str(each) for each in checks if not each.agrees]
    assert not wrong, "\n".join(wrong)
    # An empty comparison agrees, too.
    assert len(by_name) >= 12
    assert len(checks) > 6 * len(chains)


@pytest.mark.engine
def test_the_hop_next_to_the_origin_is_the_one_that_connects(proxies: Proxies, tmp_path: Path) -> None:
    """The hop before it connects to the next hop, at once, and gives up when it has heard nothing for too long."""
    tmp_path.chmod(0o755)
    chains = [
        tuple(("nginx", settings) for settings in chain)
        for chain in (("connects for a second", "connects for three"), ("hears nothing for two", "connects for three"))
    ]
    with proxies.scope() as start:
        checks = asyncio.run(_measured(start, tmp_path, ("nginx", "nginx"), chains, connecting))
    assert [str(each) for each in checks if not each.agrees] == []
    assert [each.predicted.low for each in checks] == [3, 2]


Examine = Callable[[ChainBench, tuple[Hop, ...], int], Awaitable[list[Check]]]


async def _measured(
    start: StartProxy, folder: Path, kinds: tuple[str, ...], chains: list[tuple[Hop, ...]], how: Examine
) -> list[Check]:
    ports = free_ports(len(chains) * len(kinds) + len(kinds) + 1)
    origin_port, controls, ports = ports[0], ports[1 : len(kinds) + 1], ports[len(kinds) + 1 :]
    rows = [ports[at * len(kinds) : (at + 1) * len(kinds)] for at in range(len(chains))]
    for at, kind in reversed(list(enumerate(kinds))):
        place = folder / f"hop{at}"
        place.mkdir()
        place.chmod(0o755)
        hops = [(chain[at][1], row[at], [*row, origin_port][at + 1]) for chain, row in zip(chains, rows, strict=True)]
        if kind == "nginx":
            text = nginx_config("".join(nginx_server(*hop) for hop in hops), controls[at])
        else:
            text = envoy_config([envoy_part(*hop) for hop in hops], controls[at])
        (place / ("nginx.conf" if kind == "nginx" else "envoy.yaml")).write_text(text)
        start(f"{kind}-{VERSIONS[kind]}", place, name=f"{'-'.join(kinds)}.{at}", ready_port=controls[at])
    origin = Origin(origin_port)
    # One that takes no connection has a queue that is full.
    nobody = Blackhole(origin_port) if how is connecting else None
    if nobody is None:
        await origin.open()
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(chain: tuple[Hop, ...], port: int) -> list[Check]:
        async with gate:
            here = ChainBench(origin, controls)
            await here.open()
            try:
                return await how(here, chain, port)
            finally:
                here.close()

    try:
        found = await asyncio.gather(*(one(chain, row[0]) for chain, row in zip(chains, rows, strict=True)))
    finally:
        if nobody is None:
            await origin.close()
        else:
            nobody.close()
    return [check for each in found for check in each]
