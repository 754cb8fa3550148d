"""Hops whose configs nobody has, by their numbers: what their makers state, and what is to be reckoned with on networks.

A value is what holds unless somebody changed it; what a page leaves open, or leaves to the customer, is not among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxycfg.record import record


@record(frozen=True, slots=True)
class Preset:
    """A kind of hop that people name instead of describing it.

    :param values: by property; all others pass as if it were not there.
    :param source: where they are stated.
    """

    name: str
    title: str
    values: Mapping[str, Any]
    source: str


_MINUTE = 60.0
_SILENCE = ("upstream_idle_timeout", "client_idle_timeout")
_TWO = frozenset({"1.1", "2"})


def _silence(seconds: float, **more: Any) -> dict[str, Any]:
    return {**dict.fromkeys(_SILENCE, seconds), **more}


PRESETS: Mapping[str, Preset] = {
    each.name: each
    for each in (
        # Most carriers wait for minutes; the shortest that phones meet are reckoned with.
        Preset("mobile-carrier", "mobile network", _silence(30.0), "https://web.eecs.umich.edu/~zmao/Papers/netpiculet.pdf"),
        # It reads an answer before it lets it pass, to look for malware.
        Preset(
            "corporate-proxy", "corporate proxy",
            _silence(_MINUTE, response_buffering=True, stalls_on=frozenset({"http/1.1", "http/1.1+tls", "2", "3"})),
            "https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes",
        ),
        Preset(
            "alb", "AWS Application Load Balancer", _silence(_MINUTE, client_http_versions=_TWO),
            "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html",
        ),
        Preset(
            "cloudfront", "Amazon CloudFront", {"upstream_idle_timeout": 30.0, "grpc": False},
            "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/DownloadDistValuesOrigin.html",
        ),
        Preset("shared-host", "shared host", _silence(_MINUTE), "https://nginx.org/en/docs/http/ngx_http_proxy_module.html#proxy_read_timeout"),
    )
}  # fmt: skip
"""Name → preset."""
