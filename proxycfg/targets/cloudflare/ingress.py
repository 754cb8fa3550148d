"""The tunnels of cloudflared: which requests go to which service, from its own config.yml or from Terraform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from proxycfg import pcre
from proxycfg.streams import paths_of_regex
from proxycfg.targets.cloudflare.value import UNKNOWN, Value

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.targets.cloudflare.terraform import Resource


class Ingress(NamedTuple):
    """One rule: the first whose host and path match takes a request.

    :param host: empty for any; None if nobody knows it.
    :param path: a regular expression that may match anywhere in the path; empty for any, None if nobody knows it.
    :param service: a URL, ``http_status:404`` or the like; None if nobody knows it.
    :param options: what it sets for its origin, over what the tunnel does.
    """

    host: str | None
    path: str | None
    service: str | None
    body: Value
    options: Value | None

    @property
    def place(self) -> Span:
        """Where its service stands."""
        found = self.body.get("service")
        return found.span if found is not None else self.body.span

    @property
    def title(self) -> str:
        """As people would write it."""
        host, path = (_shown(self.body, name) for name in ("hostname", "path"))
        return f"{host or '*'}{f' {path}' if path else ''}"

    def option(self, *names: str) -> Value | None:
        """What it sets for its origin, by the name in YAML or in Terraform."""
        return next((found for name in names if self.options and (found := self.options.get(name)) is not None), None)

    def owns(self, value: Value) -> bool:
        """Whether an option stands in the rule, and not above all of them."""
        return self.body.span.line <= value.span.line <= self.body.span.end_line


class Tunnel(NamedTuple):
    """One cloudflared.

    :param protocol: as it is set, None where it is not: then it is QUIC if that gets through.
    :param start: the name above its rules.
    """

    rules: tuple[Ingress, ...]
    protocol: Value | None
    span: Span
    start: Span


def of_file(tree: Value) -> Tunnel:
    """The tunnel of a config.yml."""
    return _tunnel(tree, tree.get("ingress"), tree.get("originRequest"))


def of_resource(resource: Resource) -> Tunnel | None:
    """The tunnel that a resource of Terraform sets up; None if it is none."""
    config = resource.body.get("config")
    if resource.type not in _TYPES or config is None:
        return None
    found = _tunnel(config, config.get("ingress") or config.get("ingress_rule"), config.get("origin_request"))
    return found._replace(span=resource.span)


_TYPES = frozenset(
    ("cloudflare_tunnel_config", "cloudflare_argo_tunnel_config", "cloudflare_zero_trust_tunnel_cloudflared_config")
)


def _tunnel(tree: Value, rules: Value | None, shared: Value | None) -> Tunnel:
    found: list[Ingress] = []
    for body in rules.items if rules is not None else ():
        own = body.get("originRequest") or body.get("origin_request")
        options = own
        if own is not None and shared is not None:
            options = own._replace(kind="map", data={**shared.entries, **own.entries})
        found.append(
            Ingress(_said(body, "hostname"), _said(body, "path"), body.text("service"), body, options or shared)
        )
    return Tunnel(tuple(found), tree.get("protocol"), tree.span, tree.key("ingress") or tree.span)


def _said(body: Value, name: str) -> str | None:
    """What a rule asks for: empty for anything, None for what nobody knows."""
    return "" if body.get(name) is None else body.text(name)


def _shown(body: Value, name: str) -> str:
    said = body.get(name)
    return "" if said is None else str(said.data).replace(UNKNOWN, "…")


def shadowed(tunnel: Tunnel) -> Iterator[tuple[Ingress, Ingress]]:
    """Rules that get no request, or not those of their own path, each with the earlier one that takes them."""
    for at, rule in enumerate(tunnel.rules[:MAX_RULES]):
        for other in tunnel.rules[:at]:
            if (
                _covers_host(other.host, rule.host)
                and _covers_path(other.path, rule.path)
                and other.service != rule.service
            ):
                yield rule, other
                break


MAX_RULES = 500
"""Each is held against those before it."""


def _covers_host(wide: str | None, host: str | None) -> bool:
    if wide in {"", "*"}:
        return True
    if wide is None or host is None:
        return False
    return wide == host or (wide.startswith("*.") and host.removeprefix("*").endswith(wide[1:]))


def _covers_path(wide: str | None, path: str | None) -> bool:
    if not wide or path is None:
        return wide == ""
    examples = [each.replace("*", "x") for each in paths_of_regex(path)] if path else []
    try:
        return bool(examples) and all(pcre.find(wide, each, ignore_case=False) is not None for each in examples)
    except (ValueError, pcre.Undecided):
        return False
