"""``EnvoyFilter``: patches in Envoy's own words, put where istiod puts them as far as the manifests tell."""

from __future__ import annotations

from collections.abc import Iterator

from proxycfg.kubernetes.envoys import Lowering
from proxycfg.kubernetes.manifests import Manifests, Object
from proxycfg.targets.envoy.tree import Message, camel, snake
from proxycfg.yamldoc import Node

GROUP = "networking.istio.io"
_FINER = ("filterChain", "listenerFilter", "name")
"""Conditions on a listener that say more than its port, and so may or may not hold."""


class Patches:
    """The patches of all ``EnvoyFilter`` objects."""

    def __init__(self, manifests: Manifests) -> None:
        """``manifests`` holds them."""
        self.filters = list(manifests.of("EnvoyFilter", GROUP))

    def apply(self, made: Lowering) -> None:
        """Put each patch into the listeners, routes and clusters that it is for; tell of those that cannot be placed."""
        for each in self.filters:
            for patch in each.spec.messages("configPatches"):
                if not self._applied(made, each, patch):
                    said = patch.text("applyTo") or "a patch"
                    made.assume(
                        f"{patch.span}: {said} of {each.title} is not put in: which Envoys it is for cannot be told"
                    )

    def _applied(self, made: Lowering, owner: Object, patch: Message) -> bool:
        value = patch.message("patch", "value")
        kind, how = patch.text("applyTo") or "", (patch.text("patch", "operation") or "").upper()
        if value is None:
            return how == "REMOVE" and kind not in {"HTTP_FILTER", "NETWORK_FILTER"}
        if owner.spec.has("workloadSelector") and not self._is_gateway(owner):
            return False
        doors = list(self._doors(made, patch))
        if kind == "NETWORK_FILTER" and how == "MERGE":
            typed = value.message("typed_config")
            for hcm in doors if typed is not None else ():
                _merge(hcm.node, typed.node) if typed is not None else None
        elif kind == "HTTP_FILTER" and how.startswith(("INSERT", "ADD")):
            for hcm in doors:
                _insert(hcm, value)
        elif kind in {"HTTP_ROUTE", "VIRTUAL_HOST", "ROUTE_CONFIGURATION"} and how == "MERGE":
            for target in self._routes(doors, kind, patch):
                _merge(target.node, value.node)
        elif kind == "CLUSTER" and how == "MERGE":
            wanted = patch.text("match", "cluster", "service")
            for name, cluster in made.config.clusters.items():
                if wanted is None or wanted.partition(".")[0] == name.partition(".")[0]:
                    _merge(cluster.node, value.node)
        elif kind == "LISTENER" and how == "MERGE":
            for listener in made.config.listeners:
                _merge(listener.node, value.node)
        else:
            return False
        return True

    @staticmethod
    def _is_gateway(owner: Object) -> bool:
        """Whether the workload that it selects is the gateway that everybody has."""
        labels = owner.spec.message("workloadSelector", "labels")
        return labels is not None and labels.text("istio") is not None

    @staticmethod
    def _doors(made: Lowering, patch: Message) -> Iterator[Message]:
        context = (patch.text("match", "context") or "ANY").upper()
        port = patch.text("match", "listener", "portNumber") or patch.text("match", "routeConfiguration", "portNumber")
        for listener in made.config.listeners:
            sidecar = (listener.text("name") or "").startswith("sidecars")
            if context not in {"ANY", "SIDECAR_OUTBOUND" if sidecar else "GATEWAY"}:
                continue
            if port and not sidecar and port != listener.text("address", "socket_address", "port_value"):
                continue
            for chain in listener.messages("filter_chains"):
                for network in chain.messages("filters"):
                    hcm = network.message("typed_config")
                    if hcm is not None and hcm.has("route_config"):
                        yield hcm

    @staticmethod
    def _routes(doors: list[Message], kind: str, patch: Message) -> Iterator[Message]:
        wanted_host = patch.text("match", "routeConfiguration", "vhost", "name")
        wanted = patch.text("match", "routeConfiguration", "vhost", "route", "name")
        for hcm in doors:
            if kind == "ROUTE_CONFIGURATION":
                yield from hcm.messages("route_config")
            for host in hcm.messages("route_config", "virtual_hosts"):
                domains = {each.value.raw for each in host.texts("domains")}
                if (
                    wanted_host is not None
                    and wanted_host.rpartition(":")[0] not in domains
                    and wanted_host not in domains
                ):
                    continue
                if kind == "VIRTUAL_HOST":
                    yield host
                for route in host.messages("routes") if kind == "HTTP_ROUTE" else ():
                    if wanted is None or route.text("name") == wanted:
                        yield route


def _merge(into: Node, value: Node) -> None:
    """Put a patch into a message, field by field; lists get more elements, as protobuf merges them."""
    for name, (key, node) in value.children.items():
        own = snake(str(name)) if isinstance(name, str) else name
        there = into.children.get(own) or into.children.get(camel(str(own)))
        if there is not None and there[1].kind == node.kind == "mapping":
            _merge(there[1], node)
        elif there is not None and there[1].kind == node.kind == "list":
            every = [each for _, each in (*there[1].children.values(), *node.children.values())]
            listed = Node(node.span, [], "list", children={at: (None, each) for at, each in enumerate(every)})
            into.children[own] = (key, listed)
        else:
            into.children[own] = (key, node)


def _insert(hcm: Message, value: Message) -> None:
    """Put a filter in front of the others: where exactly among them matters to no property."""
    there = hcm.field("http_filters")
    every = [value.node, *(each for _, each in there.value.children.values())] if there is not None else [value.node]
    span = value.span
    listed = Node(span, [], "list", children={at: (None, each) for at, each in enumerate(every)})
    hcm.node.children["http_filters"] = (Node(span, raw="http_filters"), listed)
