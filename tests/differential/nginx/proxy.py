"""nginx, as the differential test knows it."""

from __future__ import annotations

from pathlib import Path

from tests.differential.nginx.generator import make
from tests.differential.nginx.lab import Lab
from tests.differential.nginx.tree import Config, Node, parsed
from tests.differential.proxy import Proxy, Shows, thinned
from tests.engines import NGINX

_ROOT = Path(__file__).parents[3]


def _shown(config: Config) -> tuple[str, dict[str, str]]:
    """What is included stands in its place."""
    _inline(config.top)
    text = config.files()["nginx.conf"]
    return text, {node.place: config.protocols[id(node)] for node in config.walk() if id(node) in config.protocols}


def _parsed(text: str, protocols: dict[str, str]) -> Config:
    return parsed({"nginx.conf": text}, protocols)


def _inline(nodes: list[Node]) -> None:
    at = 0
    while at < len(nodes):
        node = nodes[at]
        if node.file:
            nodes[at : at + 1] = node.block or []
            continue
        _inline(node.block or [])
        at += 1


async def _prune(config: Config, shows: Shows) -> bool:
    _inline(config.top)
    return await pruned(config.top, shows)


async def pruned(nodes: list[Node], shows: Shows) -> bool:
    """Take away what is not needed to show it, from the outside in; whether anything was."""
    changed = await thinned(nodes, shows)
    for node in nodes:
        if node.block:
            changed |= await pruned(node.block, shows)
    return changed


_REMARKS = {
    "response_buffering": "over HTTP/2 towards the origin only where a client comes over TLS and HTTP/1.1: frames are passed on either way",
    "stalls_on": "not over HTTP/3, which the images' builds have but no client here speaks",
    "connect_timeout": "towards a listener whose queue is full; values above 75 s are only seen to be longer than that",
    "upstream_idle_timeout": "values above 75 s are only seen to be longer than that",
    "client_idle_timeout": "uploads, or the socket where a route is declared a WebSocket; values above 75 s are only seen to be longer than that",
    "send_timeout": "values above 75 s are only seen to be longer than that",
    "total_timeout": "nothing cuts a stream that talks, for 75 s",
    "request_body_limit": "by announced length, where a request comes straight to its location",
    "session_affinity": "groups of several servers",
    "max_streams": "up to 40 streams (scaled down by worker_connections, limit_conn and max_conns), each of another client; one route of a config with one worker, where a request comes straight to its location",
}


PROXY = Proxy(
    name="nginx",
    title="nginx",
    versions=tuple(name.removeprefix("nginx-") for name in NGINX),
    at_once=8,
    page=_ROOT / "docs" / "differential.md",
    remarks=_REMARKS,
    kept=_ROOT / "fixtures" / "differential",
    file="nginx.conf",
    lab=Lab,
    make=make,
    shown=_shown,
    parsed=_parsed,
    prune=_prune,
)
