"""A bootstrap as plain data that can be printed, pruned and instrumented; its routes are known by where they stand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from tests.differential.proxy import Shows, thinned

Data = dict[str, Any]
HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


@dataclass(eq=False)
class Config:
    """A whole bootstrap, and what the declared protocol of each route is, by the ``id`` of the route's mapping."""

    data: Data
    protocols: dict[int, str] = field(default_factory=dict)
    camel: bool = False
    """Whether names of fields are printed asJsonSpellsThem."""

    def text(self) -> str:
        """YAML, as people write it."""
        data = _renamed(self.data, _camel) if self.camel else self.data
        return yaml.dump(data, Dumper=_Plain, sort_keys=False, width=120)

    def declared(self) -> dict[str, str]:
        """The protocols by the places of their routes."""
        return {place: self.protocols[id(each)] for place, each in routes(self.data) if id(each) in self.protocols}


_NAMED = frozenset(("typed_per_filter_config", "typed_extension_protocol_options", "json_format", "policies"))
"""Fields that are maps: their keys are names of somebody's."""


def _renamed(node: Any, name: Callable[[str], str], *, names: bool = False) -> Any:
    if isinstance(node, list):
        return [_renamed(each, name) for each in node]
    if not isinstance(node, dict):
        return node
    return {
        key if names else name(key): _renamed(each, name, names=_snake(key) in _NAMED) for key, each in node.items()
    }


def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


def _snake(name: str) -> str:
    # The one name whose digit begins a word.
    name = name.replace("consecutive5xx", "consecutive_5xx")
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda found: f"_{found[0].lower()}", name)


class _Plain(yaml.SafeDumper):
    """Nobody writes anchors for lists that look alike."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's
        return True


def parsed(text: str, protocols: dict[str, str]) -> Config:
    """The tree of a text that was printed before; ``protocols`` by place."""
    data = yaml.safe_load(text)
    camel = "staticResources" in data
    made = Config(_renamed(data, _snake) if camel else data, camel=camel)
    made.protocols = {id(each): protocols[place] for place, each in routes(made.data) if place in protocols}
    return made


def listeners(data: Data) -> list[Data]:
    """The listeners."""
    return list(data.get("static_resources", {}).get("listeners", []))


def clusters(data: Data) -> list[Data]:
    """The clusters."""
    return list(data.get("static_resources", {}).get("clusters", []))


def managers(data: Data) -> Iterator[tuple[Data, Data, Data]]:
    """Each HTTP connection manager, with its listener and filter chain, in the order of the file; a default chain comes last."""
    for listener in listeners(data):
        chains = list(listener.get("filter_chains", []))
        chains += [listener["default_filter_chain"]] if "default_filter_chain" in listener else []
        for chain in chains:
            for network in chain.get("filters", []):
                if network.get("typed_config", {}).get("@type") == HCM:
                    yield listener, chain, network["typed_config"]


def place_of(door: int, host: int, route: int) -> str:
    """How a route is known: by the number of its connection manager, its virtual host, and its own."""
    return f"manager-{door}/host-{host}/route-{route}"


def routes(data: Data) -> Iterator[tuple[str, Data]]:
    """Every route, with its place."""
    for door, (_, _, manager) in enumerate(managers(data)):
        for host, each in enumerate(manager.get("route_config", {}).get("virtual_hosts", [])):
            for number, route in enumerate(each.get("routes", [])):
                yield place_of(door, host, number), route


def copied(data: Any) -> Any:
    """A copy of its own."""
    return json.loads(json.dumps(data))


# ---- pruning ----


async def pruned(node: Any, shows: Shows) -> bool:
    """Take away what is not needed to show it, from the outside in and the largest pieces first; whether anything was."""
    changed = await (thinned(node, shows) if isinstance(node, list) else _pruned_mapping(node, shows))
    for each in list(node.values()) if isinstance(node, dict) else list(node):
        if isinstance(each, (dict, list)):
            changed |= await pruned(each, shows)
    return changed


async def _pruned_mapping(node: Data, shows: Shows) -> bool:
    before = len(node)
    for name in list(node):
        if name == "@type":
            continue
        whole = dict(node)
        del node[name]
        if not await shows():
            # In the order in which it was.
            node.clear()
            node.update(whole)
    return len(node) < before
