"""What a manifest that matters here looks like: told from its text alone, since most files are none."""

from __future__ import annotations

import re

_KINDS = re.compile(
    r"""(?m)^[ \t{-]*(?:["']?kind["']?[ \t]*:[ \t]*|.*[{,][ \t]*["']kind["'][ \t]*:[ \t]*)["']?
        (?:Ingress|HTTPRoute|GRPCRoute|VirtualService|HTTPProxy)["']?[ \t]*(?:[,}\#\r\n]|\Z)""",
    re.VERBOSE,
)
_OTHERS = re.compile(
    r"""(?m)^[ \t{-]*["']?kind["']?[ \t]*:[ \t]*["']?
        (?:Gateway|GatewayClass|DestinationRule|EnvoyFilter|BackendTrafficPolicy|ClientTrafficPolicy|EnvoyExtensionPolicy|SecurityPolicy
           |ContourConfiguration|ContourDeployment|IstioOperator|EnvoyProxy|Backend|Service|ConfigMap|IngressClass)\b""",
    re.VERBOSE,
)
_VERSION = re.compile(r"""(?m)^[ \t{-]*["']?apiVersion["']?[ \t]*:|[{,][ \t]*["']apiVersion["'][ \t]*:""")


def recognises(text: str) -> bool:
    """Whether a text holds a manifest with routes, or with what is said about them."""
    return _VERSION.search(text) is not None and (_KINDS.search(text) is not None or _OTHERS.search(text) is not None)


def has_routes(text: str) -> bool:
    """Whether it holds routes: what is said about them is worth nothing by itself."""
    return _VERSION.search(text) is not None and _KINDS.search(text) is not None
