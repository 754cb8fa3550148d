"""One spec through every target: what `explain` says of each generated config is what every route needs, or `generate` names what it cannot give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import pytest

from proxycfg.behavior import Answer
from proxycfg.explain import Explained
from proxycfg.generate import generate
from proxycfg.need import need_of, shortfalls
from proxycfg.record import replace
from proxycfg.request import Asked
from proxycfg.source import Source
from proxycfg.spec import Route, Spec
from proxycfg.specfile import load as load_spec
from proxycfg.specmodel import CloudflareTarget, EnvoyTarget, NginxTarget
from proxycfg.streams import paths_of_regex
from proxycfg.targets.cloudflare.config import load as load_cloudflare
from proxycfg.targets.cloudflare.explain import explain_config as explain_cloudflare
from proxycfg.targets.envoy.bootstrap import load as load_envoy
from proxycfg.targets.envoy.explain import explain_config as explain_envoy
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.explain import explain_config as explain_nginx
from tests.snapshots import CASES, SPECS


class Hop(NamedTuple):
    """A target in one of its versions or plans."""

    target: str
    version: str


HOPS = [
    *(Hop("nginx", version) for version in ("1.22", "1.26", "1.30")),
    *(Hop("envoy", version) for version in ("1.36", "1.40")),
    *(Hop("cloudflare", plan) for plan in ("free", "pro", "business", "enterprise")),
]


def spec_of(case: str, hop: Hop) -> Spec:
    """A spec of the fixtures, for this version or plan."""
    spec = load_spec(Source("routes.yaml", (SPECS / case / "routes.yaml").read_text()))
    models = {"nginx": NginxTarget, "envoy": EnvoyTarget, "cloudflare": CloudflareTarget}
    named = getattr(spec.targets, hop.target) or models[hop.target]()
    field = "plan" if hop.target == "cloudflare" else "version"
    own = named.model_copy(update={field: hop.version})
    return replace(spec, targets=spec.targets.model_copy(update={hop.target: own}))


def _nginx(files: Mapping[str, str], version: str, asked: Asked, protocol: str) -> list[Explained]:
    (text,) = files.values()
    return explain_nginx(load_texts({"nginx.conf": text}, is_directive=opens_line), version, asked, protocol)


def _envoy(files: Mapping[str, str], version: str, asked: Asked, protocol: str) -> list[Explained]:
    ((name, text),) = files.items()
    return explain_envoy(load_envoy([Source(name, text)]), version, asked, protocol)


def _cloudflare(files: Mapping[str, str], _plan: str, asked: Asked, protocol: str) -> list[Explained]:
    sources = [Source(name, text) for name, text in files.items() if name.endswith(".tf")]
    return explain_cloudflare(load_cloudflare(sources), asked, protocol)


EXPLAIN: Mapping[str, Callable[[Mapping[str, str], str, Asked, str], list[Explained]]] = {
    "nginx": _nginx,
    "envoy": _envoy,
    "cloudflare": _cloudflare,
}


def url_of(spec: Spec, route: Route, target: str) -> str:
    """Of a request that the route takes."""
    host = route.hosts[0].replace("*.", "x.").replace("*", "any.example")
    path = route.path.rstrip("/") or "/"
    if route.kind != "prefix":
        path = route.path if route.kind == "exact" else paths_of_regex(route.path)[0].replace("*", "7")
    elif route.protocol.name == "grpc":
        path = f"{path}/Call"
    if target == "cloudflare":
        return f"https://{host}{path}"
    return f"http{'s' if spec.secure else ''}://{host}:{spec.listen.port}{path}"


BY_THE_HOP_BEHIND = frozenset(
    ("accept_encoding_forwarded", "session_affinity", "total_timeout", "upstream_http_version", "retries")
)
"""What the hop behind decides, and makes good."""
NOT_KNOWN = frozenset(
    ("retries", "retries_non_idempotent", "abort_propagates", "honors_x_accel_buffering", "send_timeout")
)
"""What Cloudflare does here is written nowhere, so that `explain` leaves it open and there is nothing to tell."""
TOLD_ONCE = frozenset(("origin-asked-to-compress", "grpc-switched-by-hand"))
"""Findings that speak of the first of several routes, and count the others."""


def excused(spec: Spec, route: Route, hop: Hop, short: Mapping[str, Answer], rules: set[str]) -> frozenset[str]:
    """The properties that may fall short without a finding of their category."""
    behind = BY_THE_HOP_BEHIND if len(spec.chain) > 1 and spec.chain[-1] != hop.target else frozenset[str]()
    if hop.target != "cloudflare":
        # That finding lists what belongs into the main file, the connections of a worker among it.
        return behind | ({"max_streams"} if "site-layout-leaves-limits" in rules else frozenset[str]())
    if "regex-beyond-plan" in rules:
        # No rule can be made for the route: that one finding says so of all that rules set.
        return frozenset(short)
    found = {name for name in NOT_KNOWN if short.get(name) is Answer.MAYBE}
    if route.protocol.name == "poll" and short.get("caching") is Answer.MAYBE:
        # Whether a request holds a credential, which keeps its answer out of the cache, its URL does not say.
        found.add("caching")
    return behind | found


@pytest.mark.parametrize("hop", HOPS, ids="-".join)
@pytest.mark.parametrize("case", CASES)
def test_what_is_explained_meets_the_need_or_is_told(case: str, hop: Hop) -> None:
    """Each route, by a request of its own; each property that surely or perhaps falls short has a finding of its category."""
    spec = spec_of(case, hop)
    made = generate(spec, [hop.target])
    missed: dict[tuple[str, str], str] = {}
    for route in spec.routes:
        asked = Asked([url_of(spec, route, hop.target)])
        (found,) = EXPLAIN[hop.target](made.files, hop.version, asked, route.protocol.name)
        assert found.route is not None, (route.name, found)
        need, reading = need_of(route), found.route.reading
        short = shortfalls(need, reading.behavior)
        told = [each for each in made.findings if each.route_path in {None, route.path} or each.rule in TOLD_ONCE]
        categories = {each.category for each in told}
        for name in short.keys() - excused(spec, route, hop, short, {each.rule for each in told}):
            if need.wants[name].category not in categories:
                missed[route.name, name] = reading.evidence[name].text
    assert missed == {}
