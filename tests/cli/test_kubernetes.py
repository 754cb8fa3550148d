"""``proxycfg lint`` and ``proxycfg explain`` of manifests: files, folders, standard input, fixes, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from proxycfg import roots
from proxycfg.commands import Exit
from proxycfg.confdir import read_text
from tests.cli.conftest import Cli, stdin
from tests.kubernetes.test_contour import PROXY
from tests.kubernetes.test_gateway_api import GATEWAY
from tests.kubernetes.test_gateway_api import ROUTE as HTTP_ROUTE
from tests.kubernetes.test_ingress_nginx import INGRESS
from tests.kubernetes.test_istio import ROUTE, SERVICE

if TYPE_CHECKING:
    import pytest

RULE = ("--select", "stream-ended-by-timeout")
DECLARED = PROXY.replace("    - conditions:", "    - conditions:  # proxycfg: protocol=sse")


def write(**texts: str) -> None:
    """Files below ``manifests``."""
    Path("manifests").mkdir(exist_ok=True)
    for name, text in texts.items():
        Path(f"manifests/{name}.yaml").write_text(text)


def test_a_finding_stands_in_the_manifest(cli: Cli) -> None:
    """With the target that the controller runs."""
    write(chat=DECLARED)
    code, out, _ = cli("lint", "--format", "json", *RULE, "manifests")
    (found,) = json.loads(out)["findings"]

    assert code == Exit.FOUND
    assert (found["target"], found["severity"], found["location"]["start"]) == (
        "envoy",
        "error",
        {"line": 9, "column": 7},
    )


def test_explain_says_who_decides(cli: Cli) -> None:
    """The controller, or Envoy itself."""
    write(chat=ROUTE)
    code, out, _ = cli("explain", "--path", "/events", "manifests/chat.yaml")

    assert code == Exit.OK
    assert "timeout: 0s (set by Istio 1.31)" in out


def test_a_request_is_followed_through_a_gateway(cli: Cli) -> None:
    """By host and path."""
    write(chat=HTTP_ROUTE, gateway=GATEWAY.replace("CLASS", "eg"))
    _, out, _ = cli("explain", "--format", "json", "--url", "https://chat.example.com/events/1", "manifests")
    (route,) = json.loads(out)["routes"]

    assert (route["proxied"], route["path"], route["host"]) == (True, "/events", "chat.example.com")
    assert [step["location"]["file"] for step in route["steps"]] == [
        "manifests/gateway.yaml",
        "manifests/chat.yaml",
        "manifests/chat.yaml",
    ]


def test_standard_input_may_be_manifests(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``kubectl get -o yaml`` prints them."""
    stdin(monkeypatch, DECLARED.encode())

    assert cli("lint", *RULE, "-")[0] == Exit.FOUND


def test_fixes_are_written_into_the_manifest(cli: Cli) -> None:
    """And there is nothing left to find."""
    write(chat=DECLARED)

    assert cli("lint", "--fix", *RULE, "manifests")[0] == Exit.OK
    assert Path("manifests/chat.yaml").read_text() == DECLARED.replace(
        "    - conditions:", "    - timeoutPolicy: {response: infinity}\n      conditions:"
    )
    assert cli("lint", *RULE, "manifests")[0] == Exit.OK


def test_a_folder_of_a_chart_names_its_templates(cli: Cli) -> None:
    """What is rendered is read."""
    write(chat=DECLARED, other=DECLARED.replace("/events", "{{ .Values.path }}"))
    code, _, err = cli("lint", *RULE, "manifests")

    assert code == Exit.FOUND
    assert "manifests/other.yaml: skipped: this is a template of a manifest" in err


def test_a_template_by_itself_is_no_failure_of_ours(cli: Cli) -> None:
    """But nothing was read either."""
    write(chat=PROXY.replace("/events", "{{ .Values.path }}"))
    code, _, err = cli("lint", "manifests/chat.yaml")

    assert code == Exit.USAGE
    assert "render it (`helm template`, `kustomize build`)" in err


def test_a_file_that_is_no_yaml_is_refused_by_name_and_passed_over_in_a_folder(cli: Cli) -> None:
    """As files of Envoy are."""
    write(chat=DECLARED, broken=PROXY.replace("spec:", "spec: ["))

    assert cli("lint", *RULE, "manifests/chat.yaml", "manifests/broken.yaml")[0] == Exit.USAGE
    code, _, err = cli("lint", *RULE, "manifests")
    assert (code, "manifests/broken.yaml: skipped: not valid YAML" in err) == (Exit.FOUND, True)


def test_a_route_of_another_controller_is_named(cli: Cli) -> None:
    """And the others are read."""
    write(chat=DECLARED, other=HTTP_ROUTE, gateway=GATEWAY.replace("CLASS", "traefik"))
    code, _, err = cli("lint", *RULE, "manifests")

    assert code == Exit.FOUND
    assert "HTTPRoute chat/chat is not read: traefik is none of the controllers" in err


def test_a_file_without_routes_says_what_it_holds(cli: Cli) -> None:
    """Where it is given by name."""
    write(service=SERVICE)
    code, _, err = cli("lint", "manifests/service.yaml")

    assert code == Exit.USAGE
    assert "no routes in these manifests: they hold Service" in err


def test_what_is_only_said_about_routes_is_passed_over_in_a_folder(cli: Cli) -> None:
    """A folder of services holds no config."""
    write(service=SERVICE)
    code, _, err = cli("lint", "manifests")

    assert code == Exit.USAGE
    assert "no config in this folder" in err


def test_an_ingress_is_read_as_the_nginx_that_it_makes(cli: Cli) -> None:
    """With the version that the controller brings along."""
    write(chat=INGRESS)
    code, out, _ = cli("explain", "--format", "json", "--url", "https://chat.example.com/events", "manifests")
    told = json.loads(out)

    assert code == Exit.OK
    assert (told["target"], told["target_version"], told["routes"][0]["proxied"]) == ("nginx", "1.27", True)


def test_two_proxies_in_one_folder_are_asked_for_one_by_one(cli: Cli) -> None:
    """As configs of several targets are."""
    write(chat=INGRESS, other=PROXY)

    assert cli("explain", "manifests")[0] == Exit.USAGE
    assert cli("explain", "--target", "nginx", "manifests")[0] == Exit.OK
    assert cli("explain", "--target", "envoy", "manifests")[0] == Exit.OK
    assert "nginx.ingress" in cli("lint", "--stream", "/events=sse", "manifests")[1]


def test_manifests_that_come_to_another_proxy_than_was_named_are_passed_over_with_a_word(cli: Cli) -> None:
    """In a folder beside others; by itself it is bad usage."""
    write(chat=DECLARED)
    Path("manifests/nginx.conf").write_text("events {}\nhttp { server { listen 80; location / { return 200; } } }\n")
    routes = {
        target: json.loads(cli("lint", "--format", "json", "--target", target, "manifests")[1])["routes"]
        for target in ("nginx", "envoy", "kubernetes")
    }
    code, out, err = cli("lint", "--target", "nginx", "manifests/chat.yaml")

    assert routes == {"nginx": 0, "envoy": 1, "kubernetes": 1}
    assert (code, out) == (Exit.USAGE, "")
    assert err.startswith("manifests/chat.yaml:1:1: its routes come to no nginx, but to another proxy\n")


def test_each_file_of_a_folder_is_read_once(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it may turn out to be."""
    write(chat=DECLARED, other="a: b")
    Path("manifests/main.tf").write_text("")
    seen: list[str] = []
    monkeypatch.setattr(roots, "read_text", lambda path: (seen.append(path.name), read_text(path))[1])
    cli("lint", "manifests")

    assert sorted(seen) == ["chat.yaml", "main.tf", "other.yaml"]


def test_a_hop_of_a_chain_may_be_manifests(cli: Cli) -> None:
    """With the proxy that their controller runs."""
    write(chat=PROXY)
    Path("ingress.yaml").write_text(INGRESS)
    Path("stack.yaml").write_text(
        "host: chat.example.com\nhops:\n  - {name: edge, nginx: ingress.yaml}\n  - {name: mesh, envoy: manifests}\n"
        "streams:\n  - {path: /events, protocol: sse, heartbeat: 10s}\n"
    )
    code, out, _ = cli("explain", "--chain", "stack.yaml", "--format", "json", "--path", "/events")
    behavior = json.loads(out)["routes"][0]["behavior"]

    assert code == Exit.OK
    assert (behavior["upstream_idle_timeout"]["value"], behavior["upstream_idle_timeout"]["hops"]) == (60, ["edge"])
    assert (behavior["total_timeout"]["value"], behavior["total_timeout"]["hops"]) == (15, ["mesh"])
    assert cli("lint", "--chain", "stack.yaml")[0] != Exit.USAGE


def test_a_spec_is_made_of_manifests(cli: Cli) -> None:
    """Servers are Services, by their names, and that is told."""
    write(chat=PROXY)
    Path("routes.yaml").unlink()
    code, _, err = cli("init", "--from", "manifests")
    text = Path("routes.yaml").read_text()

    assert code == Exit.OK, err
    assert "# Assumed: servers are Services by their names" in text
    assert cli("generate", "routes.yaml")[0] == Exit.OK
