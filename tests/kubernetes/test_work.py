"""Reading and judging manifests takes work in proportion to them, whatever refers to what."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from proxycfg.knowledge import NOTHING
from proxycfg.kubernetes.lower import lower
from proxycfg.kubernetes.scene import scenes_of
from proxycfg.lint import Options, lint
from proxycfg.rules import rules
from proxycfg.source import Source
from tests.kubernetes import test_contour, test_gateway_api, test_ingress_nginx, test_istio
from tests.work import calls


def _istio(at: int) -> str:
    route = (
        test_istio.ROUTE.replace("name: chat,", f"name: chat{at},")
        .replace("[chat", f"[chat{at}")
        .replace("chat-api", f"api{at}")
    )
    service = test_istio.SERVICE.replace("chat-api", f"api{at}").replace("PORT", "http")
    return f"{route}---\n{service}---\n{test_istio.RULE.replace('chat-api', f'api{at}')}    connectionPool: {{tcp: {{maxConnections: 9}}}}\n"


def _contour(at: int) -> str:
    proxy = test_contour.PROXY.replace("name: chat,", f"name: chat{at},").replace("fqdn: chat", f"fqdn: chat{at}")
    return f"{proxy.replace('name: api', f'name: api{at}')}---\n{test_contour.SERVICE.replace('name: api', f'name: api{at}')}"


def _envoy_gateway(at: int) -> str:
    route = test_gateway_api.ROUTE.replace("name: chat,", f"name: chat{at},").replace("[chat", f"[chat{at}")
    policy = test_gateway_api.POLICY.replace("name: chat", f"name: chat{at}")
    return f"{route}---\n{policy}  timeout: {{http: {{requestTimeout: 9s}}}}\n"


def _ingress_nginx(at: int) -> str:
    return test_ingress_nginx.INGRESS.replace("name: chat\n", f"name: chat{at}\n").replace(
        "chat.example", f"chat{at}.example"
    )


@pytest.mark.parametrize(
    ("first", "one"),
    [(test_istio.GATEWAY, _istio), ("", _contour), (test_gateway_api.ENVOY, _envoy_gateway), ("", _ingress_nginx)],
)
def test_twice_as_many_manifests_are_twice_the_work(first: str, one: Callable[[int], str]) -> None:
    """No object is looked for by going through all the others."""
    options = Options(rules=list(rules().values()), known=tuple(rules()))

    def work(count: int) -> int:
        text = "---\n".join([first, *(one(at) for at in range(count))] if first else [one(at) for at in range(count)])

        def run() -> None:
            found = lower([Source("all.yaml", text)])
            lint([scene for each in found for scene in scenes_of(each, lambda _: "1.40", None, NOTHING)], options)

        return calls(run)

    work(2)
    assert work(160) < 2.3 * work(80)
