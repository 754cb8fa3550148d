"""Every protocol through chains of real proxies, generated from one spec: what holds of a hop alone holds of two and three of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from proxycfg import specfile
from proxycfg.generate import generate
from proxycfg.origin import Origin
from proxycfg.source import Source
from tests.clients.http import Transport
from tests.clients.tls import Authority
from tests.containers import scenarios
from tests.containers.scenarios import DELIVERY, SILENCE, Scenario
from tests.containers.stage import GRPC_ROUTES, HTTP_ROUTES, NGINX_LAPSE, WEB_ROUTES, Stage
from tests.engines import Proxies, StartProxy, free_port

CHAINS = (
    ("nginx", "nginx"),
    ("nginx", "envoy"),
    ("envoy", "nginx"),
    ("envoy", "envoy"),
    ("nginx", "envoy", "nginx"),
    ("envoy", "nginx", "envoy"),
)
ENGINES = {"nginx": "nginx-1.30", "envoy": "envoy-1.40"}
SPEC = """\
listen: {{port: {port}}}
chain: [{chain}]
scale: {{streams: 500}}
# Envoy forwards its machine's own address for a peer on the same machine.
trusted_proxies: [192.0.2.0/24, 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16]
upstreams:
  pair: {{servers: ["http://127.0.0.1:{origin}", "http://127.0.0.2:{origin}"]}}
  one: http://127.0.0.1:{origin}
  agents: grpc://127.0.0.1:{origin}
  web: http://127.0.0.1:{web}
routes:
{routes}
"""


class Chains:
    """The chains of this module, each set up when it is first asked for."""

    def __init__(
        self, start: StartProxy, origins: tuple[Origin, Origin], authority: Authority, folder: Callable[[], Path]
    ) -> None:
        """``folder`` makes a new folder that the engines can read."""
        self._start = start
        self._origins = origins
        self._authority = authority
        self._folder = folder
        self._stages: dict[tuple[tuple[str, ...], bool], Stage] = {}

    def get(self, chain: tuple[str, ...], *, lapse: bool = False) -> Stage:
        """A stage whose proxy is a chain; ``lapse`` hurries the clocks of nginx."""
        if (chain, lapse) not in self._stages:
            self._stages[chain, lapse] = self._set_up(chain, lapse=lapse)
        return self._stages[chain, lapse]

    def _set_up(self, chain: tuple[str, ...], *, lapse: bool) -> Stage:
        origin, web = self._origins
        ports = [free_port() for _ in chain]
        hops = [f'{{{name}: {{}}, at: "http://127.0.0.1:{port}"}}' for name, port in zip(chain, ports, strict=True)]
        upstream = "agents" if chain[-1] == "envoy" else "web"
        routes = HTTP_ROUTES + GRPC_ROUTES + WEB_ROUTES.format(upstream=upstream)
        text = SPEC.format(port=ports[0], chain=", ".join(hops), origin=origin.port, web=web.port, routes=routes)
        spec = specfile.load(Source("routes.yaml", text))
        made = generate(spec, tuple(dict.fromkeys(chain)))
        assert not [finding for finding in made.findings if finding.severity == "error"], made.findings
        running = []
        for hop, port in reversed(list(zip(spec.hops, ports, strict=True))):
            folder = self._folder()
            config = re.sub(r"(port_value: )9901\b", rf"\g<1>{free_port()}", made.files[made.main[hop.name]])
            # Each has its own shared answers, as on machines of their own.
            config = config.replace("/run/proxycfg-cache", f"/run/proxycfg-cache-{port}")
            (folder / ("envoy.yaml" if hop.target == "envoy" else "nginx.conf")).write_text(config)
            running.append(
                self._start(
                    ENGINES[hop.target],
                    folder,
                    name=f"{'-'.join(chain)}.{hop.name}{'.lapsed' if lapse else ''}",
                    time_lapse=NGINX_LAPSE if lapse else None,
                    ready_port=port,
                )
            )
        return Stage(
            ENGINES[chain[-1]],
            origin,
            web,
            running[-1],
            ports[0],
            secure=False,
            ca=self._authority.ca,
            admin_port=0,
            hops=len(chain),
        )


@pytest.fixture(scope="module")
def chains(
    proxies: Proxies, origin: Origin, web: Origin, authority: Authority, readable_folders: Callable[[], Path]
) -> Iterator[Chains]:
    """All proxies stop at the end of the module."""
    with proxies.scope() as start:
        yield Chains(start, (origin, web), authority, readable_folders)


def _cases() -> list[object]:
    cases: list[object] = []
    for chain in CHAINS:
        for scenario, transports in DELIVERY.items():
            # Reloading is a matter of each hop alone.
            if scenario is scenarios.reload_keeps_streams:
                continue
            clear: tuple[Transport, ...] = ("http/1.1", "h2c")
            for transport in clear:
                if transport in transports or (transport == "h2c" and "2" in transports):
                    name = "-".join(chain)
                    cases.append(pytest.param(
                        chain, scenario, transport, id=f"{name}-{scenario.__name__}-{transport}",
                        marks=pytest.mark.xdist_group(f"chain-{name}"),
                    ))  # fmt: skip
    return cases


@pytest.mark.engine
@pytest.mark.parametrize(("chain", "scenario", "transport"), _cases())
def test_a_generated_chain_delivers(
    chains: Chains, chain: tuple[str, ...], scenario: Scenario, transport: Transport
) -> None:
    """As each hop does alone."""
    stage = chains.get(chain)

    scenario(stage, stage.client(transport))


@pytest.mark.engine
@pytest.mark.parametrize(
    ("scenario", "transport"),
    [
        pytest.param(
            scenario, transport, id=f"{scenario.__name__}-{transport}", marks=pytest.mark.xdist_group("chain-lapsed")
        )
        for scenario, transports in SILENCE.items()
        for transport in ("http/1.1", "h2c")
        if transport in transports
    ],
)
def test_a_generated_chain_survives_silence(chains: Chains, scenario: Scenario, transport: Transport) -> None:
    """A pause longer than the stock timers of two hops ends nothing."""
    stage = chains.get(("nginx", "nginx"), lapse=True)

    scenario(stage, stage.client(transport))
