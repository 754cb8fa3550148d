"""The config of cloudflared: each request reaches the origin of its route, by the first rule that matches."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

from proxycfg.generate import generate
from tests.specs import load
from tests.targets.cloudflare_files import winner
from tests.targets.test_cloudflare_where import ASKED, ASKED_HOSTS, ROUTES

TUNNEL = "targets: {cloudflare: {tunnel: true}}\n"


def _config(text: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(
        generate(load(text), ["cloudflare"]).files["cloudflare/cloudflared/config.yml"]
    )
    return read


def _service(config: dict[str, Any], host: str, path: str) -> str:
    """Where cloudflared sends a request: a pattern of hosts is an ending, a path is looked for anywhere (its ingress/rule.go)."""
    for rule in config["ingress"]:
        name = rule.get("hostname", "*")
        known = name in ("*", host) or (name.startswith("*.") and host.endswith(name[1:]))
        # Go's $ is the end of the text, without a line feed before it.
        if known and re.search(rule.get("path", "").replace("$", r"\Z"), path):
            return str(rule["service"])
    raise AssertionError("the last rule takes everything")


@given(ROUTES)
@settings(max_examples=100, deadline=None)
def test_each_request_reaches_the_origin_of_its_route(routes: list[Any]) -> None:
    """In the order that a spec promises, whichever hosts and patterns stand side by side."""
    taken: set[tuple[str, str, str]] = set()
    lines = []
    for number, ((kind, path), hosts) in enumerate(routes):
        free = [host for host in hosts if (kind, path.rstrip("/"), host) not in taken]
        taken |= {(kind, path.rstrip("/"), host) for host in free}
        if free:
            lines.append(f"- {{{kind}: '{path}', hosts: {free!r}, upstream: u{number}}}\n")
    upstreams = "".join(f"  u{number}: http://u{number}:80\n" for number in range(len(routes)))
    text = f"{TUNNEL}upstreams:\n{upstreams}routes:\n{''.join(lines)}"
    spec, config = load(text), _config(text)
    for host in ASKED_HOSTS:
        for path in ASKED:
            route = winner(spec, host, path)

            assert _service(config, host, path) == (f"http://{route.upstream.name}:80" if route else "http_status:404")


@pytest.mark.parametrize(
    ("upstream", "protocol", "service", "origin"),
    [
        ("http://api:8000", "sse", "http://api:8000", {}), ("unix:/run/a.sock", "sse", "unix:/run/a.sock", {}),
        ('"http://[::1]:80"', "sse", "http://[::1]:80", {}),
        ("https://api:8443", "sse", "https://api:8443", {"originServerName": "api"}),
        ('{servers: ["https://10.0.0.1"], tls: {sni: api.internal, ca: /c.pem}, keepalive: 7}', "sse", "https://10.0.0.1:443",
         {"originServerName": "api.internal", "caPool": "/c.pem", "keepAliveConnections": 7}),
        ("grpcs://agents", "grpc", "https://agents:443", {"originServerName": "agents", "http2Origin": True}),
        ('{servers: ["https://a"], http: 2}', "sse", "https://a:443", {"originServerName": "a", "http2Origin": True}),
        # Whoever checks nothing is not helped to: the finding says so.
        ('{servers: ["https://a"], tls: {verify: false}}', "sse", "https://a:443", {}),
    ],
)  # fmt: skip
def test_a_service_is_reached_as_its_upstream_says(
    upstream: str, protocol: str, service: str, origin: dict[str, Any]
) -> None:
    """Scheme, port, name, CA, HTTP version and idle connections; never without a check of the certificate."""
    rule, last = _config(
        f"{TUNNEL}upstreams: {{a: {upstream}}}\nroutes: [{{path: /x, upstream: a, protocol: {protocol}}}]"
    )["ingress"]

    assert (rule["service"], rule.get("originRequest", {})) == (service, origin)
    assert last == {"service": "http_status:404"}


def test_the_hop_behind_takes_every_request() -> None:
    """It stands beside cloudflared, and chooses among the origins itself."""
    text = "chain: [{cloudflare: {tunnel: true}}, nginx]\nhosts: [a.example.com]\nlisten: {port: 8443, tls: {certificate: /a, key: /b}}\n"
    rule, _ = _config(
        f"{text}upstreams: {{a: 'http://a'}}\nroutes: [{{path: /x, upstream: a}}, {{path: /y, upstream: a}}]"
    )["ingress"]

    assert rule == {
        "hostname": "a.example.com", "service": "https://127.0.0.1:8443",
        "originRequest": {"originServerName": "a.example.com", "http2Origin": True},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("protocol", "upstream", "transport"), [("sse", "http://a", None), ("grpc", "grpcs://a", "http2")]
)
def test_grpc_goes_over_http_2_for_the_sake_of_its_trailers(
    protocol: str, upstream: str, transport: str | None
) -> None:
    """QUIC, the default, drops them."""
    config = _config(
        f"{TUNNEL}upstreams: {{a: '{upstream}'}}\nroutes: [{{path: /x, upstream: a, protocol: {protocol}}}]"
    )

    assert config.get("protocol") == transport
    assert config["originRequest"]["disableChunkedEncoding"] is False
    assert "noTLSVerify" not in str(config)
