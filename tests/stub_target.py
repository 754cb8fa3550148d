"""A target that writes next to nothing, so that tests of what surrounds targets are quick and hang on no real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from proxycfg.behavior import transparent
from proxycfg.finding import Category, Finding, Severity
from proxycfg.spec import Spec
from proxycfg.target import Output, Target


def stub(name: str) -> Target:
    """Two files; a finding of each severity that the spec has as a header ``X-Error``, ``X-Warning`` or ``X-Info`` of a route."""

    def write(spec: Spec) -> Output:
        routes = "".join(f"route {route.title} to {route.upstream.name}\n" for route in spec.routes)
        findings = tuple(
            Finding(
                rule=f"{severity}-rule", category=Category.OPERATIONS, severity=severity,
                message=f"{severity} at {route.title}",
                why="it was asked for", span=route.span_of("headers"), target=name, protocol=route.protocol.name,
                route_path=route.path,
            )
            for route in spec.routes
            for severity in Severity
            if f"X-{severity.title()}" in route.rewrites.request
        )  # fmt: skip
        aims = {route.name: transparent() for route in spec.routes}
        return Output({f"{name}.conf": routes, "more/streams.conf": f"streams {spec.streams}\n"}, findings, aims)

    return Target(name=name, title=name.title(), version=lambda _: "1.0", write=write)


@contextmanager
def stub_targets() -> Iterator[None]:
    """In here every target is a stub of its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("proxycfg.generate.target", stub)
        yield
