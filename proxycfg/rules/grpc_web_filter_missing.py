"""No filter makes native gRPC of gRPC-Web.

**What it sees.** A route of Envoy that carries gRPC-Web, whose cluster speaks HTTP/2, as servers of native gRPC do, where no `grpc_web` filter is
on; or a route that matches `grpc: {}` alone, which gRPC-Web never does.

**Why it hurts.** A server of native gRPC does not know `application/grpc-web`: the browser gets 415 or an empty answer.

**Instead.**

```yaml
http_filters:
- name: envoy.filters.http.grpc_web
  typed_config:
    "@type": type.googleapis.com/envoy.extensions.filters.http.grpc_web.v3.GrpcWeb
```

**When it is fine.** If the server speaks gRPC-Web itself, as tonic and ASP.NET can; say so by `# proxycfg: ignore[grpc-web-filter-missing]`.

**Measured.** A call of gRPC-Web met 404 at a route that matches native gRPC on Envoy 1.40. Its configs show it in
`tests/containers/test_envoy_rules.py`.

**Sources.** <https://www.envoyproxy.io/docs/envoy/v1.40.0/configuration/http/http_filters/grpc_web_filter>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Confidence, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.envoy.scene import EnvoyTree


@idiom(category=Category.PROTOCOL_MISMATCH, severity=Severity.WARNING, targets=("envoy",))
def grpc_web_filter_missing(tree: EnvoyTree) -> Iterator[Complaint]:
    """gRPC-Web for a server that does not know it."""
    for case in tree.cases:
        if case.protocol != "grpc-web":
            continue
        asked = case.subject.match.field("grpc")
        if asked is not None:
            yield Complaint(
                message=f"{case.title} matches native gRPC alone: {asked.text}",
                why="The content type of gRPC-Web is another, and the filter comes after the routes. Leave `grpc` out of the match.",
                span=asked.span,
                case=case,
            )
        for place in tree.places(case):
            if (
                place.door is None
                or any(each.kind == "grpc_web" for each, _ in place.effects)
                or any(found.unknown for _, found in place.effects)
            ):
                continue
            if case.value("upstream_http_version").low != "2":
                continue
            yield Complaint(
                severity=Severity.WARNING if case.stream.confidence is Confidence.DECLARED else Severity.INFO,
                message=f"{case.title} reaches the origin as it is: no envoy.filters.http.grpc_web is on",
                why="A server of native gRPC answers 415. Write the filter in front of the router.",
                span=case.route.span,
                case=case,
            )
