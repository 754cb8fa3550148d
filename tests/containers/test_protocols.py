"""Every protocol through every engine: the generated configs stream, and the same scenarios fail on stock ones where they should."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from tests.clients.http import Transport
from tests.clients.websocket import Closed, Refused
from tests.containers import scenarios
from tests.containers.scenarios import DELIVERY, SILENCE, Scenario
from tests.containers.stage import Kind, Stage, Stages
from tests.engines import ENVOY, NGINX

OLD_NGINX = ("nginx-1.22", "nginx-1.26")


def _stage(
    stages: Stages,
    engine: str,
    scenario: Scenario,
    transport: Transport,
    kind: Kind = "generated",
    *,
    lapse: bool = False,
) -> Stage:
    secure = transport in {"http/1.1+tls", "2"}
    # Of three Envoys in a row the first one's last order ("go") reaches the third: an instance is reloaded once.
    alone = f"reload-{transport}" if scenario is scenarios.reload_keeps_streams else ""
    return stages.get(engine, kind, secure=secure, lapse=lapse, grpc=scenario in scenarios.NATIVE_GRPC, alone=alone)


def _cases(table: dict[Scenario, tuple[Transport, ...]]) -> list[object]:
    return [
        pytest.param(
            engine,
            scenario,
            transport,
            id=f"{engine}-{scenario.__name__}-{transport}",
            marks=pytest.mark.xdist_group(engine),
        )
        for engine in (*NGINX, *ENVOY)
        for scenario, transports in table.items()
        for transport in transports
    ]


@pytest.mark.engine
@pytest.mark.parametrize(("engine", "scenario", "transport"), _cases(DELIVERY))
def test_generated_config_delivers(stages: Stages, engine: str, scenario: Scenario, transport: Transport) -> None:
    """Each scenario holds on what proxycfg generates."""
    stage = _stage(stages, engine, scenario, transport)

    scenario(stage, stage.client(transport))


@pytest.mark.engine
@pytest.mark.parametrize(("engine", "scenario", "transport"), _cases(SILENCE))
def test_generated_config_survives_silence(
    stages: Stages, engine: str, scenario: Scenario, transport: Transport
) -> None:
    """A pause longer than the engine's stock timers ends nothing."""
    stage = _stage(stages, engine, scenario, transport, lapse=True)

    scenario(stage, stage.client(transport))


@pytest.mark.engine
@pytest.mark.parametrize("engine", [pytest.param(engine, marks=pytest.mark.xdist_group(engine)) for engine in ENVOY])
def test_generated_config_lets_a_stream_talk(stages: Stages, engine: str) -> None:
    """Longer than the 15 s of Envoy's stock route timeout, in real time."""
    stage = _stage(stages, engine, scenarios.silent_talk, "http/1.1")

    scenarios.silent_talk(stage, stage.client("http/1.1"))


# ---- negatives: where the stock config must fail, the same scenario must say so ----

FAILURES = (AssertionError, OSError, Refused, Closed, openai.APIError)
"""What a client sees of a proxy that fails it: a wrong answer, a timeout or a cut. Anything else is a bug of the scenario."""
ALL_ENGINES = (*NGINX, *ENVOY)
_BATCHED = (scenarios.sse_in_step, scenarios.openai_in_step, scenarios.ndjson_in_step)


def _stock_failures() -> Iterator[tuple[str, Scenario, Transport, Kind, bool]]:
    """(engine, scenario, transport, kind, lapsed): the measured failures of stock configs."""
    for scenario in _BATCHED:
        # HTTP/1.0 towards the origin: held to the end. 1.30 asks in HTTP/1.1, so only the TLS layer holds back, and only for HTTP/1.1.
        for engine in OLD_NGINX:
            for transport in ("http/1.1", "http/1.1+tls", "2"):
                yield engine, scenario, transport, "stock", False
        yield "nginx-1.30", scenario, "http/1.1+tls", "stock", False
    yield "nginx-1.30", scenarios.connect_in_step, "http/1.1+tls", "stock", False
    yield "nginx-1.30", scenarios.grpc_web_in_step, "http/1.1+tls", "stock", False
    for engine in OLD_NGINX:
        yield engine, scenarios.connect_in_step, "http/1.1", "stock", False
        yield engine, scenarios.grpc_web_in_step, "http/1.1", "stock", False
    for engine in NGINX:
        # An event larger than a buffer waits for the next one, whatever the version.
        yield engine, scenarios.sse_split_in_step, "http/1.1", "stock", False
        yield engine, scenarios.upload_in_step, "http/1.1", "stock", False
        yield engine, scenarios.poll_is_shared, "http/1.1", "stock", False
        yield engine, scenarios.path_means_one_thing, "http/1.1", "stock", False
        yield engine, scenarios.sse_survives_silence, "http/1.1", "stock", True
        yield engine, scenarios.ndjson_survives_silence, "http/1.1", "stock", True
        yield engine, scenarios.long_poll_survives_silence, "http/1.1", "stock", True
        yield engine, scenarios.connect_survives_silence, "http/1.1", "stock", True
        yield engine, scenarios.grpc_web_survives_silence, "http/1.1", "stock", True
        yield engine, scenarios.failing_origin_yields_no_page, "http/1.1", "stock", False
        yield engine, scenarios.origin_learns_that_the_client_left, "http/1.1", "careless", False
    for engine in ENVOY:
        yield engine, scenarios.silent_talk, "http/1.1", "stock", False
        yield engine, scenarios.grpc_web_in_step, "http/1.1", "stock", False
        yield engine, scenarios.sse_survives_silence, "http/1.1", "stock", True
        yield engine, scenarios.ndjson_survives_silence, "http/1.1", "stock", True
        yield engine, scenarios.long_poll_survives_silence, "http/1.1", "stock", True
    for engine in ALL_ENGINES:
        yield engine, scenarios.websocket_in_step, "http/1.1", "stock", False
        yield engine, scenarios.websocket_in_step, "http/1.1+tls", "stock", False
        yield engine, scenarios.grpc_unary, "2", "stock", False
        yield engine, scenarios.grpc_server_stream_in_step, "2", "stock", False
        yield engine, scenarios.grpc_bidi_in_step, "2", "stock", False
        for protocol, clean in scenarios.CLEAN.items():
            yield engine, clean, "2" if protocol == "grpc" else "http/1.1", "stock", False
        yield engine, scenarios.post_is_never_sent_twice, "http/1.1", "careless", False


@pytest.mark.engine
@pytest.mark.parametrize(
    ("engine", "scenario", "transport", "kind", "lapse"),
    [
        pytest.param(
            *case, id=f"{case[0]}-{case[1].__name__}-{case[2]}-{case[3]}", marks=pytest.mark.xdist_group(case[0])
        )
        for case in _stock_failures()
    ],
)
def test_stock_config_fails(
    stages: Stages, engine: str, scenario: Scenario, transport: Transport, kind: Kind, *, lapse: bool
) -> None:
    """The scenario that passes on the generated config fails on the stock one: it has teeth."""
    stage = _stage(stages, engine, scenario, transport, kind, lapse=lapse)

    with pytest.raises(FAILURES):
        scenario(stage, stage.client(transport, timeout=6.0 if lapse else 1.5))
