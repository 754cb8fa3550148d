"""Envoy, as the differential test knows it."""

from __future__ import annotations

from pathlib import Path

from tests.differential.envoy import tree
from tests.differential.envoy.generator import make
from tests.differential.envoy.lab import LONGEST, Lab
from tests.differential.envoy.predict import FILE
from tests.differential.envoy.tree import Config
from tests.differential.proxy import Proxy, Shows
from tests.engines import ENVOY

_ROOT = Path(__file__).parents[3]
_LONGER = f"values above {LONGEST:g} s are only seen to be longer than that"
_REMARKS = {
    **dict.fromkeys(
        ("connect_timeout", "upstream_idle_timeout", "client_idle_timeout", "send_timeout", "total_timeout"), _LONGER
    ),
    "compression": "not of WebSockets",
    "request_body_limit": "by sending as much; not of calls of gRPC, whose failures are all told alike",
    "session_affinity": "clusters of several servers; one route of each config",
    "max_streams": "up to 40 streams at once, each of another client; one route of each config",
}


def _shown(config: Config) -> tuple[str, dict[str, str]]:
    return config.text(), config.declared()


async def _prune(config: Config, shows: Shows) -> bool:
    return await tree.pruned(config.data, shows)


PROXY = Proxy(
    name="envoy",
    title="Envoy",
    versions=tuple(name.removeprefix("envoy-") for name in ENVOY),
    at_once=4,
    page=_ROOT / "docs" / "differential-envoy.md",
    remarks=_REMARKS,
    kept=_ROOT / "fixtures" / "differential" / "envoy",
    file=FILE,
    lab=Lab,
    make=make,
    shown=_shown,
    parsed=tree.parsed,
    prune=_prune,
)
