"""Chains of real hops side by side, each with settings of its own, and what is measured of each beside what is predicted of the whole.

Every kind of hop is one process with a server, or listener, for each chain that it is part of; what the reader sees of it is that part alone.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxycfg.behavior import Behavior, transparent
from proxycfg.explain import Explained
from proxycfg.lab import bench
from proxycfg.lab.bench import PATIENCE, Ask, Exchange
from proxycfg.lab.client import Call1, dial
from proxycfg.lab.origin import Origin
from proxycfg.lab.probe import Target
from proxycfg.probes.kits import NGINX as KIT
from proxycfg.probes.silence import lasts
from proxycfg.request import Asked
from proxycfg.source import Span
from proxycfg.stack import ReadHop, StackHop, follow
from proxycfg.targets.envoy.explain import explain_config as explain_envoy
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.explain import explain_config as explain_nginx
from tests.differential.lab import Slack, agrees
from tests.targets.envoy_configs import WEBSOCKET, Data, bootstrap, config_of, http_filter

NGINX: Mapping[str, str] = {
    "stock": "",
    "unbuffered": "proxy_buffering off;",
    "HTTP/1.0": "proxy_http_version 1.0;",
    "passes X-Accel-Buffering": "proxy_pass_header X-Accel-Buffering;",
    "says X-Accel-Buffering": "add_header X-Accel-Buffering no;",
    "heeds no X-Accel-Buffering": "proxy_ignore_headers X-Accel-Buffering;",
    "gzip": "gzip on; gzip_types text/event-stream; gzip_min_length 0;",
    "takes Accept-Encoding away": 'proxy_set_header Accept-Encoding "";',
    "upgrade": 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";',
    "two seconds": "proxy_read_timeout 2s; client_body_timeout 2s;",
    "uploads stream": "proxy_request_buffering off;",
    "small bodies": "client_max_body_size 10k;",
    "ignores who leaves": "proxy_ignore_client_abort on;",
}
_GZIP = "type.googleapis.com/envoy.extensions.compression.gzip.compressor.v3.Gzip"
ENVOY: Mapping[str, Mapping[str, Any]] = {
    "stock": {},
    "two seconds": {"hcm": {"stream_idle_timeout": "2s"}},
    "compressor": {
        "filters": [
            http_filter(
                "compressor",
                "Compressor",
                compressor_library={"name": "gzip", "typed_config": {"@type": _GZIP}},
                response_direction_config={
                    "common_config": {"content_type": ["text/event-stream"], "min_content_length": 1}
                },
            )
        ]
    },
    "collects requests": {"filters": [http_filter("buffer", "Buffer", max_request_bytes=65536)]},
    "upgrade": {"hcm": {"upgrade_configs": WEBSOCKET}},
    "takes X-Accel-Buffering away": {"host": {"response_headers_to_remove": ["x-accel-buffering"]}},
    "takes Accept-Encoding away": {"around": {"request_headers_to_remove": ["accept-encoding"]}},
    "HTTP/1.0": {"hcm": {"http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": "lab.example"}}},
}
CONNECTING: Mapping[str, str] = {
    "connects for a second": "proxy_connect_timeout 1s;",
    "connects for three": "proxy_connect_timeout 3s;",
    "hears nothing for two": "proxy_read_timeout 2s;",
}
"""Settings of nginx for chains whose origin takes no connection."""

Hop = tuple[str, str]
"""Its kind, and the name of its settings."""
SETTINGS: Mapping[str, Sequence[str]] = {"nginx": tuple(NGINX), "envoy": tuple(ENVOY)}
VERSIONS = {"nginx": "1.30", "envoy": "1.40"}
SLACK = Slack(tardy=0.8, late=2.0)


def chains_of(kinds: Sequence[str]) -> list[tuple[Hop, ...]]:
    """Every third pair of settings for two hops; for three, each setting once in each place."""
    first, *others = (SETTINGS[kind] for kind in kinds)
    if len(others) == 1:
        return [
            ((kinds[0], one), (kinds[1], other))
            for at, one in enumerate(first)
            for then, other in enumerate(others[0])
            if (at + then) % 3 == 0
        ]
    most = max(len(SETTINGS[kind]) for kind in kinds)
    return [
        tuple((kind, SETTINGS[kind][(number + 3 * at) % len(SETTINGS[kind])]) for at, kind in enumerate(kinds))
        for number in range(most)
    ]


# ---- configs ----


def nginx_server(settings: str, port: int, then: int) -> str:
    """A server of nginx that passes to the next hop."""
    return f"server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{then}; {({**NGINX, **CONNECTING})[settings]} }} }}\n"


def nginx_config(servers: str, control: int | None = None) -> str:
    """A whole config; with the lab's own server where somebody runs it."""
    own = (
        f"server {{ listen 127.0.0.1:{control}; keepalive_requests 1000000; location / {{ return 200 $msec; }} }}\n"
        if control
        else ""
    )
    return f"worker_processes 1;\nevents {{ worker_connections 8000; }}\nhttp {{\naccess_log off;\n{servers}{own}}}\n"


def envoy_part(settings: str, port: int, then: int) -> Data:
    """A bootstrap of Envoy that passes to the next hop."""
    how: dict[str, Any] = {"route": {"timeout": "0s"}, **ENVOY[settings]}
    text = json.dumps(bootstrap(**how, port=port)).replace('"port_value": 8000', f'"port_value": {then}')
    made: Data = json.loads(text.replace('"origin"', f'"origin{port}"').replace('"name": "in"', f'"name": "in{port}"'))
    return made


def envoy_config(parts: Sequence[Data], control: int) -> str:
    """All of them in one process, with the lab's own listener."""
    answer = {"status": 200, "body": {"inline_string": "0"}}
    own = bootstrap(port=control, routes=[{"match": {"prefix": "/"}, "direct_response": answer}])
    own["static_resources"]["clusters"] = []
    resources = {
        name: [each for part in (*parts, own) for each in part["static_resources"][name]]
        for name in ("listeners", "clusters")
    }
    return json.dumps({"static_resources": resources})


# ---- prediction ----


def predicted(chain: Sequence[Hop], protocol: str) -> Behavior | None:
    """What the hops do together, by their configs; None where no origin gets the request."""
    read = []
    for at, (kind, settings) in enumerate(chain):
        hop = StackHop(name=f"hop {at}", kind=kind, span=Span.whole(kind), stated={})
        read.append(ReadHop(hop, _reader(kind, settings), lambda _: []))
    way = follow(read, Asked(paths=("/x",), host="lab.example"), protocol)
    return way.whole.behavior if way.whole is not None and not way.whole.unmet else None


def _reader(kind: str, settings: str) -> Any:
    def explain(asked: Asked, protocol: str | None) -> list[list[Explained]]:
        if kind == "nginx":
            text = nginx_config(nginx_server(settings, 80, 9000))
            config = load_texts({"nginx.conf": text}, is_directive=opens_line)
            return [explain_nginx(config, VERSIONS[kind], asked, protocol)]
        return [explain_envoy(config_of(envoy_part(settings, 80, 9000)), VERSIONS[kind], asked, protocol)]

    return explain


# ---- measurement ----


class ChainBench(bench.Bench):
    """Several processes in a row: each answers at its own port when it has dealt with what came before."""

    longest = 4.0
    awaits_retries = False

    def __init__(self, origin: Origin, controls: Sequence[int]) -> None:
        """``controls`` are the ports, outermost hop first."""
        super().__init__(origin)
        self._controls = controls
        self._open: list[Call1] = []
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Connect to each."""
        for port in self._controls:
            call = await dial("127.0.0.1", port, "http/1.1", host="lab")
            assert isinstance(call, Call1)
            self._open.append(call)

    async def now(self) -> float:
        """Inwards with what clients have sent, and outwards with what the origin has."""
        asked = time.monotonic()
        async with self._lock:
            for call in (*self._open, *reversed(self._open)):
                call.forget()
                call.send("GET", "/", [], host="lab")
                answer = await call.whole(PATIENCE * 4)
                assert answer.complete
        await asyncio.sleep(0)
        return asked

    async def tick(self) -> float:
        """A little later."""
        await asyncio.sleep(0.08)
        return await self.now()

    async def caught_up(self, rounds: int = 3) -> None:
        """A round more for each hop that has to connect to the next."""
        for _ in range(rounds + len(self._open)):
            await self.now()

    def gave_up(self, exchange: Exchange) -> bool:
        """Not looked at here."""
        raise NotImplementedError

    def forget_stores(self) -> None:
        """There are none."""

    def stored(self, mark: str) -> bool:  # noqa: ARG002 - there are none
        """No."""
        return False

    async def has_logged(self, key: str) -> bool:  # noqa: ARG002 - no hop keeps a log here
        """No."""
        return False

    def close(self) -> None:
        """Leave."""
        super().close()
        for call in self._open:
            call.transport.abort()


PROBES = (
    "plain",
    "buffering",
    "stalls",
    "upload",
    "abort",
    "body_limit",
    "upgrade",
    "origin_silence",
    "client_silence",
)
"""Those of any proxy, by name."""


def shown(name: str, chain: Sequence[Hop]) -> bool:
    """Whether a probe can tell a property of this chain."""
    outer, innermost = chain[:-1], chain[-1]
    if name == "query_logged":
        # No hop keeps a log here.
        return False
    if name in {"response_buffering", "honors_x_accel_buffering"}:
        # The answer has no framing, so the innermost hop shows its buffers; those before it get chunks, which they pass on though they
        # buffer, unless they asked in HTTP/1.0.
        flows = {"HTTP/1.0"} if name == "honors_x_accel_buffering" else {"HTTP/1.0", "unbuffered"}
        hidden = [hop for hop in outer if hop[0] == "nginx" and hop[1] not in flows]
        return not hidden or (name == "response_buffering" and innermost[0] == "nginx" and innermost[1] != "unbuffered")
    if name == "request_body_limit":
        # Bodies are announced and not sent: who collects them passes nothing on, and Envoy counts what comes.
        return all(settings in _PASS_UPLOADS[kind] for kind, settings in outer) and innermost != (
            "envoy",
            "collects requests",
        )
    if name == "upstream_idle_timeout":
        # Seen at the origin, to which a hop that ignores who leaves tells nothing.
        return ("nginx", "ignores who leaves") not in chain[1:]
    return True


_PASS_UPLOADS: Mapping[str, frozenset[str]] = {
    "nginx": frozenset({"uploads stream"}),
    "envoy": frozenset(ENVOY) - {"collects requests"},
}
_THROUGH = frozenset({"upstream_http_version", "stalls_on", "abort_propagates", "upstream_idle_timeout", "compression"})
"""What is measured of requests that have got through."""


@dataclass(frozen=True)
class Check:
    """One comparison."""

    chain: tuple[Hop, ...]
    name: str
    predicted: Any
    measured: Any
    agrees: bool

    def __str__(self) -> str:
        """For people."""
        hops = " → ".join(f"{kind} ({settings})" for kind, settings in self.chain)
        return f"{hops}: {self.name} predicted {self.predicted}, measured {self.measured}"


async def connecting(here: bench.Bench, chain: tuple[Hop, ...], port: int) -> list[Check]:
    """How long an origin is tried that takes no connection, until somebody says so."""
    exchange = await here.ask(Ask(port, secure=False, host="lab.example", path="/x"))
    measured = await lasts(here, lambda: None, lambda: exchange.call.answer.status)
    exchange.call.hang_up()
    expected = predicted(chain, "sse")
    assert expected is not None
    value, name = expected.connect_timeout, "connect_timeout"
    return [Check(chain, name, value, measured, agrees(name, value, measured, SLACK))]


async def examine(here: bench.Bench, chain: tuple[Hop, ...], port: int) -> list[Check]:
    """Everything that can be measured of a chain; of one through which nothing is to get, what has got through."""
    ask = Ask(port, secure=False, host="lab.example", path="/x")
    target = Target("", ask, (ask,), "sse", straight=True, posts=True, shakes=True, complete=True)
    expected = predicted(chain, "sse")
    checks: list[Check] = []
    for name in PROBES:
        values = await KIT.every()[name](here, target)
        over = values.pop("over", frozenset())
        for property_name, measured in values.items():
            if not shown(property_name, chain):
                continue
            value = getattr(expected or transparent(), property_name)
            checks.append(
                Check(
                    chain,
                    property_name,
                    value,
                    measured,
                    expected is not None and agrees(property_name, value, measured, SLACK, over),
                )
            )
    return checks if expected is not None else [each for each in checks if each.name in _THROUGH]
