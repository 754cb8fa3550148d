"""A cache sends requests to the cluster past their route.

**What it sees.** A route of Envoy that streams behind a `cache` or `cache_v2` filter, where its rewriting, the headers that it (or its virtual host)
adds or takes away, its `hash_policy`, or a filter behind the cache does something.

**Why it hurts.** The filter gets by itself what it may store, whether it is ever stored or not: a GET or HEAD without `Authorization` and without
conditions, which is how an `EventSource` asks, goes straight to the cluster. Nobody has rewritten its path or host, added headers or asked who comes,
as far as that is done behind the cache. `X-Forwarded-For` ends in Envoy's own address, and `X-Envoy-Internal` says that the request is internal.

**Instead.** Switch it off for the stream, which is not to be stored anyway:

```yaml
typed_per_filter_config:
  envoy.filters.http.cache:
    "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig
    disabled: true
```

Elsewhere put authentication before the cache, and what the route does into a cluster of its own (`override_upstream_cluster` of `cache_v2`).

**When it is fine.** If every client of the stream sends a body or `Authorization`.

**Measured.** On Envoy 1.40, with either filter, a GET came to the origin without any of them, and without the route's timeout and retries; a POST and
a GET with `Authorization` had them all. Its configs show it in `tests/containers/test_envoy_rules.py`; what is read of such routes is compared with
Envoy in `tests/containers/test_envoy_reading.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/extensions/filters/http/cache_v2/v3/cache.proto>, `cacheability_utils.cc`
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from proxycfg.behavior import exactly
from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Case, Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.filters import Filter
    from proxycfg.targets.envoy.place import Detour, Place
    from proxycfg.targets.envoy.scene import EnvoyTree
    from proxycfg.targets.envoy.tree import Field

_REWRITING = (
    "prefix_rewrite", "regex_rewrite", "path_rewrite", "path_rewrite_policy", "host_rewrite_literal", "auto_host_rewrite", "host_rewrite_header",
    "host_rewrite_path_regex", "host_rewrite",
)  # fmt: skip
_HEADERS = (
    "request_headers_to_add",
    "request_headers_to_remove",
    "response_headers_to_add",
    "response_headers_to_remove",
)
_OF_NO_MATTER = frozenset(
    ("buffer", "body_size_limit", "compressor", "gzip", "decompressor", "grpc_stats", "grpc_web", "grpc_http1_bridge", "stats", "istio_stats", "tap",
     "router")
)  # fmt: skip
"""Filters that a stream without a request's body does without."""


@idiom(category=Category.CACHING, severity=Severity.ERROR, targets=("envoy",))
def cache_bypasses_route(tree: EnvoyTree) -> Iterator[Complaint]:
    """What requests of a stream go past, a complaint for each way to an origin."""
    for case in tree.cases:
        for place in tree.places(case):
            detour = place.detour
            if detour is not None:
                yield from _passed(case, place, detour)


def _passed(case: Case, place: Place, detour: Detour) -> Iterator[Complaint]:
    broken = [*_rewriting(place), *_named(each for each in detour.passed if each.guards)]
    lost = [
        *((said.text.partition(":")[0], said) for _, _, said in place.named(*_HEADERS)),
        *_hash(case, place),
        *_named(each for each in detour.passed if not each.guards and each.kind not in _OF_NO_MATTER),
    ]
    if not broken and not lost:
        return
    cache = detour.why.evidence()
    assert cache.span is not None
    first = next((said for _, said in (*broken, *lost) if said is not None), None)
    names = list(dict.fromkeys(f"`{name}`" for name, _ in (*broken, *lost)))
    yield Complaint(
        severity=Severity.ERROR if broken else Severity.WARNING,
        message=f"GET requests of {case.title} go past {', '.join(names)}: {detour.cache.name} sends them to the cluster by itself",
        why=f"An EventSource gets what the cluster answers to a request that {_done(broken)}. "
        f"Write `typed_per_filter_config: {{{detour.cache.name}: …}}` in this route, with `disabled: true` (FilterConfig).",
        span=(first.key or first.value).span if first is not None else cache.span,
        related=(Related(cache.span, "this filter sends them"),),
        case=case,
        wishes=("caching",),
    )


def _done(broken: list[tuple[str, Field | None]]) -> str:
    return "nobody has rewritten or checked" if broken else "lacks what stands there"


def _named(filters: Iterable[Filter]) -> Iterator[tuple[str, Field | None]]:
    for each in filters:
        yield each.name, each.place.field("name")


def _rewriting(place: Place) -> Iterator[tuple[str, Field | None]]:
    for name in _REWRITING:
        said = place.action.field(name)
        if said is not None and not (name == "auto_host_rewrite" and place.action.flag(name) is False):
            yield name, said


def _hash(case: Case, place: Place) -> Iterator[tuple[str, Field | None]]:
    said = place.action.field("hash_policy")
    if (
        said is not None
        and not place.origin.options.has("hash_policy")
        and case.value("session_affinity") != exactly("none")
    ):
        yield "hash_policy", said
