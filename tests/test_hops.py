"""Chains that a spec names: each hop passes to the next, and what one hop alone should do, one alone does."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest

from proxycfg.behavior import Answer
from proxycfg.cli.stacks import load_stack
from proxycfg.company import scene_of
from proxycfg.generate import generate
from proxycfg.hops import MARGIN, spec_of
from proxycfg.knowledge import NOTHING
from proxycfg.lint import Options, lint
from proxycfg.need import need_of, shortfalls
from proxycfg.protocols import protocols
from proxycfg.request import Asked
from proxycfg.rules import rules
from proxycfg.spec import Spec
from proxycfg.stack import follow
from proxycfg.targets import target
from tests.specs import load

OWN = ("nginx", "envoy")
CHAINS = [chain for length in (2, 3) for chain in product(OWN, repeat=length)]
ROUTES = """\
upstreams: {{api: {{servers: ["http://10.0.0.8:9000", "http://10.0.0.9:9000"], affinity: {{by: ip}}}}, agents: grpc://10.0.0.8:9001}}
routes:
{routes}
"""


def spec_for(chain: tuple[str, ...], more: str = "", top: str = "") -> Spec:
    """A route of each protocol, through hops on machines of their own."""
    hops = ", ".join(f'{{{name}: {{}}, at: "http://10.0.1.{at}:808{at}"}}' for at, name in enumerate(chain, 1))
    routes = "\n".join(
        f"  - {{path: /{name}.Test, protocol: {name}, upstream: {'agents' if name == 'grpc' else 'api'}{more}}}"
        for name in protocols()
    )
    return load(f"chain: [{hops}]\n{top}{ROUTES.format(routes=routes)}")


def parts_of(spec: Spec) -> list[Spec]:
    """What each hop has to do."""
    return [spec_of(spec, hop) for hop in spec.hops]


def named(parts: list[Spec], protocol: str) -> list[Any]:
    """A route on each hop."""
    return [next(route for route in part.routes if route.protocol.name == protocol) for part in parts]


# ---- what each hop gets ----


def test_each_hop_passes_to_the_next() -> None:
    """By the address where that one listens; the last one to the origins."""
    parts = parts_of(spec_for(("nginx", "envoy", "nginx")))

    assert [
        [server.address for upstream in part.upstreams.values() for server in upstream.servers] for part in parts
    ] == [["10.0.1.2:8082"] * 2, ["10.0.1.3:8083"] * 2, ["10.0.0.8:9000", "10.0.0.9:9000", "10.0.0.8:9001"]]
    assert [part.listen.port for part in parts] == [8080, 8082, 8083]
    assert named(parts, "grpc")[0].upstream.http_version == "2"
    assert named(parts, "websocket")[0].upstream.http_version == "1.1"


def test_the_hop_next_to_the_origin_gives_up_first() -> None:
    """Each bears a little more than the one behind it, of silence and of a stream's life."""
    parts = parts_of(spec_for(("nginx", "nginx", "nginx"), ", heartbeat: 30s, max_duration: 10m"))
    silence, life = (
        [getattr(route, name) for route in named(parts, "sse")] for name in ("idle_timeout", "max_duration")
    )

    assert silence == [90 + 2 * MARGIN, 90 + MARGIN, 90]
    assert life == [600 + 2 * MARGIN, 600 + MARGIN, 600]


def test_what_one_hop_alone_should_do_one_alone_does() -> None:
    """Retries and changes of the request where the origin is; limits, CORS and caches where the client is."""
    more = (
        ", retry: {attempts: 2}, limits: {per_client: 5, rate: 5/s}, cors: {origins: ['https://a.example']}, strip_prefix: /sse.Test, "
        "headers: {request: {X-In: a}, response: {X-Out: b}}"
    )
    text = f"upstreams: {{api: {{servers: ['http://10.0.0.8:9000', 'http://10.0.0.9:9000']}}}}\nroutes: [{{path: /sse.Test, protocol: sse, upstream: api{more}}}]\n"
    outer, middle, inner = named(parts_of(load(f"chain: [nginx, envoy, nginx]\n{text}")), "sse")

    assert [route.attempts for route in (outer, middle, inner)] == [1, 1, 2]
    assert [route.strip for route in (outer, middle, inner)] == [None, None, "/sse.Test"]
    assert [route.rewrites.request for route in (outer, middle, inner)] == [{}, {}, {"X-In": "a"}]
    assert [route.rewrites.response for route in (outer, middle, inner)] == [{"X-Out": "b"}, {}, {}]
    assert [(route.per_client, route.rate, route.cors) for route in (outer, middle, inner)] == [
        (5, 5, ("https://a.example",)),
        (None, None, ()),
        (None, None, ()),
    ]


def test_a_poll_is_cached_once() -> None:
    """Where clients come."""
    assert [bool(route.cache) for route in named(parts_of(spec_for(("nginx", "nginx"))), "poll")] == [True, False]


def test_an_inner_hop_believes_the_one_before_it() -> None:
    """As far as it is known where that one is; it is told where it is not."""
    parts = parts_of(spec_for(("nginx", "envoy"), top="trusted_proxies: [192.0.2.0/24]\n"))
    assert [part.trusted_proxies for part in parts] == [("192.0.2.0/24",), ("192.0.2.0/24", "10.0.1.1/32")]

    routes = ROUTES.format(routes="  - {path: /x, protocol: sse, upstream: api}")
    for chain, told in (
        ("[nginx, envoy]", ["nginx"]),
        ("[nginx, nginx, envoy]", ["nginx", "nginx"]),
        ('[nginx, {envoy: {}, at: "http://127.0.0.1:8081"}]', []),
        ('[nginx, {envoy: {}, at: "http://127.0.0.1:8081"}, {nginx: {}, at: "http://127.0.0.1:8082"}]', ["{envoy"]),
        ("[cloudflare, nginx]", []),
        ("[nginx]", []),
    ):
        text = f"chain: {chain}\n{routes}"
        found = [one for one in generate(load(text), OWN).findings if one.rule == "outer-hop-not-trusted"]
        assert told == [
            text.splitlines()[0][one.span.column - 1 :].split(",")[0].split(":")[0].split("]")[0] for one in found
        ]
    local = parts_of(load(f'chain: [nginx, {{envoy: {{}}, at: "http://127.0.0.1:8081"}}]\n{routes}'))[1]
    assert (local.trusted_proxies, local.listen.address) == (("127.0.0.0/8",), "127.0.0.1")
    private = load(f"trusted_proxies: [10.0.0.0/8]\nchain: [nginx, envoy]\n{routes}")
    assert not [one for one in generate(private, OWN).findings if one.rule == "outer-hop-not-trusted"]


def test_a_target_that_stands_alone_does_all_of_it() -> None:
    """In a chain with one hop of ours, as behind Cloudflare, and without any."""
    for top in ("", "chain: [nginx]\n", "chain: [cloudflare, nginx]\n"):
        spec = load(f"{top}{ROUTES.format(routes='  - {path: /x, protocol: sse, upstream: api}')}")
        assert all(part is spec for part in parts_of(spec))


def test_a_target_that_is_several_hops_has_a_folder_for_each() -> None:
    """Numbered from two on."""
    made = generate(spec_for(("nginx", "envoy", "nginx")), OWN)

    assert list(made.files) == ["nginx/nginx.conf", "nginx-2/nginx.conf", "envoy/envoy.yaml"]
    assert "server 10.0.1.2:8082" in made.files["nginx/nginx.conf"]
    assert "server 10.0.0.9:9000" in made.files["nginx-2/nginx.conf"]


# ---- what comes of it ----


@pytest.mark.parametrize("chain", CHAINS, ids="-".join)
def test_what_is_generated_fits_together(chain: tuple[str, ...], tmp_path: Path) -> None:
    """Read back and composed, the hops give each route what it asks for, as far as the innermost hop's kind can; and nothing hurts in company."""
    spec = spec_for(chain)
    made = generate(spec, OWN)
    for name, text in made.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    folders = [hop.name for hop in spec.hops]
    lines = [
        f"  - {{name: {name}, {hop.target}: {made.main[name]}}}" for name, hop in zip(folders, spec.hops, strict=True)
    ]
    (tmp_path / "stack.yaml").write_text("hops:\n" + "\n".join(lines) + "\n")
    stack, hops = load_stack(str(tmp_path / "stack.yaml"))

    for route in spec.routes:
        way = follow(hops, Asked(paths=(route.path,)), route.protocol.name)
        assert way.whole is not None, way.answer
        assert not way.whole.unmet
        alone = {name for part in chain for name in _missed(spec, part, route.name)}
        short = {name for name, answer in shortfalls(need_of(route), way.whole.behavior).items() if answer is Answer.NO}
        assert short <= alone, (route.path, short)
    report = lint([scene_of(stack, hops, NOTHING)], Options(rules=list(rules().values()), known=tuple(rules())))
    assert [str(finding) for finding in report.findings] == []


def _missed(spec: Spec, name: str, route: str) -> set[str]:
    """What a target cannot give a route, alone in front of its origins."""
    alone = load(spec_text(spec, name))
    aim = target(name).write(alone).aims[route]
    need = need_of(next(each for each in alone.routes if each.name == route))
    return set(shortfalls(need, aim))


def spec_text(spec: Spec, name: str) -> str:
    """The same routes, for one target."""
    routes = "\n".join(
        f"  - {{path: {route.path}, protocol: {route.protocol.name}, upstream: {route.upstream.name}}}"
        for route in spec.routes
    )
    return f"targets: {{{name}: {{}}}}\n{ROUTES.format(routes=routes)}"
