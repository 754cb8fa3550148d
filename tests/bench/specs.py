"""Specs of any size, in the shapes that make a generator slow: many routes, many hosts, many upstreams, names that look alike."""

from __future__ import annotations

from collections.abc import Callable

Shape = Callable[[int], str]
PROTOCOLS = ("sse", "ndjson", "websocket", "grpc", "grpc-web", "connect", "long-poll", "poll", "http")
UPSTREAMS = "upstreams:\n  api: http://127.0.0.1:8000\n  agents: grpc://127.0.0.1:50051\nroutes:\n"
ROUTES_PER_HOST = 10


def _route(number: int, path: str, upstream: str = "", more: str = "") -> str:
    protocol = PROTOCOLS[number % len(PROTOCOLS)]
    upstream = upstream or ("agents" if protocol == "grpc" else "api")
    return f"  - {{path: {path}, protocol: {protocol}, upstream: {upstream}{more}}}\n"


def plain(count: int) -> str:
    """All protocols in turn, one host, two upstreams: the shape that is told in full."""
    return UPSTREAMS + "".join(_route(number, f"/service-{number}/v1") for number in range(count))


def hosts(count: int) -> str:
    """Ten routes a host."""
    return UPSTREAMS + "".join(
        _route(
            number, f"/service-{number % ROUTES_PER_HOST}", more=f", hosts: [h{number // ROUTES_PER_HOST}.example.com]"
        )
        for number in range(count)
    )


def upstreams(count: int) -> str:
    """One upstream a route."""
    servers = "".join(
        f"  u{number}: {'grpc' if PROTOCOLS[number % len(PROTOCOLS)] == 'grpc' else 'http'}://127.0.0.1:{1024 + number}\n"
        for number in range(count)
    )
    routes = "".join(_route(number, f"/service-{number}", f"u{number}") for number in range(count))
    return f"upstreams:\n{servers}routes:\n{routes}"


def alike(count: int) -> str:
    """Paths with a long start in common, out of which names have to be made that differ."""
    start = "/organizations/projects/environments/deployments"
    return UPSTREAMS + "".join(_route(number, f"{start}/service-{number}") for number in range(count))


SHAPES: dict[str, Shape] = {"10 routes a host": hosts, "1 route an upstream": upstreams, "alike paths": alike}
"""What may be slow though ``plain`` is not: by name, in the order of the table."""
