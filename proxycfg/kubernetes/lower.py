"""Manifests → the configs that their controllers make of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from proxycfg.errors import Problem
from proxycfg.kubernetes import contour, envoy_gateway, gateway_api, ingress_nginx, istio
from proxycfg.kubernetes.envoys import Lowering
from proxycfg.kubernetes.manifests import Manifests, Object, load
from proxycfg.record import field, record
from proxycfg.source import Source, Span

Dialects = Callable[[Manifests], gateway_api.Dialect]
_CONTROLLERS: dict[str, str] = {
    envoy_gateway.CONTROLLER: envoy_gateway.NAME,
    "istio.io/gateway-controller": istio.NAME,
    "projectcontour.io/gateway-controller": contour.NAME,
    "projectcontour.io/projectcontour/contour": contour.NAME,
    **dict.fromkeys(envoy_gateway.CLASSES, envoy_gateway.NAME),
    "istio": istio.NAME,
    "contour": contour.NAME,
}
"""The controllers of the Gateway API that are known, by the name of the controller or of the class that is usual for it."""


@record(slots=True)
class Lowered:
    """What manifests come to.

    :param envoys: one for each controller that runs Envoy.
    :param ingresses: the nginx of ingress-nginx.
    :param skipped: routes whose controller is not known here, and those that are still templates.
    """

    manifests: Manifests
    envoys: list[Lowering] = field(default_factory=list)
    ingresses: ingress_nginx.Ingresses | None = None
    skipped: list[Problem] = field(default_factory=list)

    @property
    def nothing(self) -> Problem:
        """What to say where no manifest holds a route."""
        names = ", ".join(dict.fromkeys(each.kind for each in self.manifests.objects if each.kind)) or "nothing"
        return Problem(
            Span.whole(next(iter(self.manifests.files))),
            f"no routes in these manifests: they hold {names}",
            "give the Ingress, HTTPRoute, VirtualService or HTTPProxy objects, with the policies and services for them",
        )

    @property
    def empty(self) -> bool:
        """Whether no controller is known that makes anything of them."""
        return not self.envoys and self.ingresses is None


def lower(sources: Sequence[Source]) -> list[Lowered]:
    """Read manifests that belong together, and make of them what their controllers would: once for each variant that is among them.

    :raises InvalidInput: if one of the files is no YAML or JSON, such as a template.
    """
    manifests = load(sources)
    found = [_lowered(each) for each in manifests.variants()]
    found[0].skipped[:0] = manifests.templates
    for lowered in found:
        for each in lowered.envoys:
            owners = {id(rule.owner) for rule in each.rules.values()}
            each.config.elsewhere = tuple(one.message.span for one in manifests.objects if id(one) not in owners)
    return found


def _lowered(manifests: Manifests) -> Lowered:
    made = Lowered(manifests)
    made.envoys += filter(None, (istio.lower(manifests), contour.lower(manifests)))
    _gateways(manifests, made)
    made.ingresses = ingress_nginx.lower(manifests)
    for group in ingress_nginx.GROUPS:
        made.skipped += [
            _not_read(each) for each in manifests.of("Ingress", group) if not ingress_nginx.is_ours(each, manifests)
        ]
    return made


def _not_read(ingress: Object) -> Problem:
    """What to say of an Ingress that another controller serves."""
    said = ingress.spec.field("ingressClassName") or ingress.annotation("kubernetes.io/ingress.class")
    by = f"its class is {said.value.raw}" if said is not None else "it names no class"
    return Problem(
        said.span if said is not None else ingress.span,
        f"{ingress.title} is not read: {by}, and no annotation of ingress-nginx tells",
        "known is ingress-nginx: `ingressClassName: nginx`",
    )


def _gateways(manifests: Manifests, made: Lowered) -> None:
    by_controller: dict[str, list[Object]] = {}
    policies = any(each.group == envoy_gateway.GROUP for each in manifests.objects)
    for route in gateway_api.routes(manifests):
        said_by, said = gateway_api.controller_of(manifests, route)
        name = _CONTROLLERS.get(said_by, "")
        if not name and not said_by and policies:
            # Nobody else reads its policies.
            name = envoy_gateway.NAME
        if name:
            by_controller.setdefault(name, []).append(route)
        else:
            made.skipped.append(gateway_api.not_read(route, said_by, said))
    for name, found in by_controller.items():
        if name == envoy_gateway.NAME:
            made.envoys.append(gateway_api.lower(manifests, found, envoy_gateway.EnvoyGateway(manifests)))
        elif name == contour.NAME:
            made.envoys.append(gateway_api.lower(manifests, found, contour.GatewayApi(manifests)))
        else:
            dialect = istio.GatewayApi(manifests)
            made.envoys.append(gateway_api.lower(manifests, found, dialect))
            dialect.patch()
