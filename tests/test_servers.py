"""Which routes a host gets: the way that looks at few of them gives what the plain definition gives."""

from __future__ import annotations

import contextlib
import gc

from hypothesis import given
from hypothesis import strategies as st

from proxycfg import specfile
from proxycfg.errors import InvalidInput
from proxycfg.source import Source
from proxycfg.spec import Route, Spec, coverers, precedence

HOSTS = ("*", "*.com", "*.a.com", "*.x.a.com", "a.com", "x.a.com", "y.x.a.com", "b.com", "localhost", "127.0.0.1")
PATHS = ("path: /", "path: /a", "path: /a/", "exact: /a", "regex: /a")


def _covers(pattern: str, host: str) -> bool:
    return pattern in ("*", host) or (pattern.startswith("*.") and host.endswith(pattern[1:]) and host != pattern[1:])


def _rank(pattern: str) -> int:
    return 0 if pattern == "*" else len(pattern) if pattern.startswith("*.") else 1000


def _plainly(spec: Spec, host: str) -> tuple[Route, ...]:
    """Of all routes that match alike, the one of the most specific pattern, the first in the file among equals."""
    chosen: dict[tuple[str, str], tuple[int, Route]] = {}
    for route in spec.routes:
        specific = max((_rank(own) for own in route.hosts if _covers(own, host)), default=-1)
        key = (route.kind, route.path.rstrip("/") if route.kind == "prefix" else route.path)
        if specific >= 0 and (key not in chosen or specific > chosen[key][0]):
            chosen[key] = (specific, route)
    return tuple(sorted((route for _, route in chosen.values()), key=precedence))


@given(
    st.lists(
        st.tuples(st.sampled_from(PATHS), st.lists(st.sampled_from(HOSTS), min_size=1, max_size=4)),
        min_size=1,
        max_size=8,
    )
)
def test_routes_of_a_host(drawn: list[tuple[str, list[str]]]) -> None:
    """For every host and pattern; hosts with the same routes share a server."""
    taken: set[tuple[str, str, str]] = set()
    lines = []
    for match, hosts in drawn:
        free = [host for host in hosts if (match.partition(":")[0], match.rstrip("/"), host) not in taken]
        if free:
            taken |= {(match.partition(":")[0], match.rstrip("/"), host) for host in free}
            lines.append(f"  - {{{match}, hosts: {free!s}}}\n")
    text = f"upstreams: {{o: http://127.0.0.1:80}}\ndefaults: {{upstream: o}}\nroutes:\n{''.join(lines)}"
    spec = specfile.load(Source("routes.yaml", text))

    for host in HOSTS:
        assert spec.routes_for(host) == _plainly(spec, host)
    served = [host for hosts, _ in spec.servers for host in hosts]
    assert len(served) == len(set(served))
    for names, routes in spec.servers:
        assert [spec.routes_for(name) for name in names] == [routes] * len(names)


def test_patterns_that_cover_a_host() -> None:
    """From the most specific to the least."""
    assert coverers("x.a.com") == ("x.a.com", "*.a.com", "*.com", "*")
    assert coverers("*.a.com") == ("*.a.com", "*.com", "*")
    assert coverers("localhost") == ("localhost", "*")
    assert coverers("*") == ("*",)


def test_the_collector_is_back_after_a_load() -> None:
    """It is held off while a spec is read, also where that fails."""
    with_collector = gc.isenabled()
    for text in ("routes: 5", "upstreams: {o: http://127.0.0.1:80}\nroutes: [{path: /, upstream: o}]"):
        with contextlib.suppress(InvalidInput):
            specfile.load(Source("routes.yaml", text))
        assert gc.isenabled() is with_collector
