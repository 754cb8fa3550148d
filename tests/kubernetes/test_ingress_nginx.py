"""ingress-nginx: what its template makes of annotations, of the ConfigMap, and of silence."""

from __future__ import annotations

from typing import Any

import pytest

from proxycfg.explain import Explained
from proxycfg.finding import Finding
from proxycfg.fix import apply
from proxycfg.request import Asked
from proxycfg.targets.nginx.explain import explain_config
from tests.kubernetes.manifests import NAME, linted, lowered

INGRESS = """\
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: chat
  annotations:
    nginx.ingress.kubernetes.io/proxy-connect-timeout: "5"
spec:
  ingressClassName: nginx
  tls: [{hosts: [chat.example.com], secretName: chat}]
  rules:
    - host: chat.example.com
      http:
        paths:
          - path: /events
            pathType: Prefix
            backend: {service: {name: api, port: {number: 8000}}}
"""
SETTINGS = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: ingress-nginx-controller, namespace: ingress-nginx}
data:
"""
PREFIX = "nginx.ingress.kubernetes.io"


def annotated(*lines: str, text: str = INGRESS) -> str:
    """With more annotations."""
    return text.replace("spec:\n", "".join(f"    {PREFIX}/{line}\n" for line in lines) + "spec:\n", 1)


def asked(url: str, *texts: str, protocol: str | None = None) -> Explained:
    """Where a URL ends."""
    found = lowered(*texts).ingresses
    assert found is not None
    assert not found.config.problems
    (told,) = explain_config(found.config, "1.27", Asked(urls=(url,)), protocol)
    return told


def value(name: str, *texts: str, protocol: str | None = None) -> tuple[Any, str, str]:
    """A property of the route, what decides it, and where."""
    route = asked("https://chat.example.com/events", *texts, protocol=protocol).route
    assert route is not None
    why = route.reading.evidence[name]
    return route.reading.to_json()[name]["value"], why.kind, str(why.span or "")  # type: ignore[index]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("response_buffering", False),
        ("stalls_on", []),
        ("request_buffering", True),
        ("upstream_idle_timeout", 60.0),
        ("connect_timeout", 5.0),
        ("client_idle_timeout", 60.0),
        ("total_timeout", None),
        ("request_body_limit", 2**20),
        ("upstream_http_version", "1.1"),
        ("upgrade", True),
        ("compression", False),
        ("retries_non_idempotent", False),
        ("error_interception", False),
        ("query_logged", True),
        ("client_http_versions", ["1.1", "2"]),
        ("session_affinity", "none"),
    ],
)
def test_silence_is_what_the_template_writes(name: str, wanted: Any) -> None:
    """Answers are not collected, WebSockets pass, 60 seconds of silence end a stream."""
    assert value(name, INGRESS)[0] == wanted


def test_a_default_says_who_sets_it() -> None:
    """And stands nowhere."""
    route = asked("https://chat.example.com/events", INGRESS).route

    assert route is not None
    assert route.reading.evidence["upstream_idle_timeout"] == (
        "default", "proxy_read_timeout 60s (set by ingress-nginx 1.15)", None, "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "name", "wanted"),
    [
        ('proxy-read-timeout: "3600"', "upstream_idle_timeout", 3600.0),
        # No number: the controller does as if nothing was written.
        ("proxy-read-timeout: 3600s", "upstream_idle_timeout", 60.0),
        ('proxy-buffering: "true"', "response_buffering", False),
        ('proxy-buffering: "on"', "response_buffering", True),
        ('proxy-request-buffering: "off"', "request_buffering", False),
        ("proxy-body-size: 8m", "request_body_limit", 8 * 2**20),
        ('proxy-body-size: "0"', "request_body_limit", None),
        ('proxy-http-version: "1.0"', "upstream_http_version", "1.0"),
        ("proxy-next-upstream: error timeout http_502 non_idempotent", "retries_non_idempotent", True),
        ("affinity: cookie", "session_affinity", "cookie"),
        ("upstream-hash-by: $remote_addr", "session_affinity", "ip"),
        ("backend-protocol: GRPC", "grpc", True),
        ('enable-access-log: "false"', "query_logged", False),
        ("custom-http-errors: 500,503", "error_interception", True),
        ("connection-proxy-header: keep-alive", "upgrade", False),
    ],
)  # fmt: skip
def test_an_annotation_decides_at_its_own_place(line: str, name: str, wanted: Any) -> None:
    """Each in the directive that the template makes of it."""
    found, kind, place = value(name, annotated(line))

    assert found == wanted
    if kind != "default":
        assert place.startswith(f"{NAME}:7:5")


@pytest.mark.parametrize(
    ("line", "name", "wanted"),
    [
        ('proxy-read-timeout: "300"', "upstream_idle_timeout", 300.0),
        ('client-body-timeout: "300"', "client_idle_timeout", 300.0),
        ('use-http2: "false"', "client_http_versions", ["1.1"]),
        ('disable-access-log: "true"', "query_logged", False),
        ("log-format-upstream: '$remote_addr $uri $status'", "query_logged", False),
    ],
)
def test_the_config_map_decides_for_all(line: str, name: str, wanted: Any) -> None:
    """Unless an annotation does."""
    settings = SETTINGS + f"  {line}\n"

    found, kind, place = value(name, INGRESS, settings, protocol="sse")

    assert found == wanted
    assert place == ("" if kind == "default" else "2.yaml:5:3")
    if "read-timeout" in line:
        assert value(name, annotated('proxy-read-timeout: "20"'), settings)[0] == 20.0


def test_answers_are_compressed_where_the_config_map_says_so() -> None:
    """JSON, and no events."""
    settings = SETTINGS + '  use-gzip: "true"\n'

    assert value("compression", INGRESS, settings, protocol="sse")[0] is False
    assert (
        value("compression", INGRESS, settings, protocol="long-poll")[0]
        != value("compression", INGRESS, protocol="long-poll")[0]
    )


def test_a_snippet_is_nginx_with_its_own_places() -> None:
    """Line by line, as far as YAML keeps lines."""
    text = annotated("configuration-snippet: |\n      gzip off;\n      proxy_read_timeout 77s;".replace("\n", "\n"))
    text = text.replace("nginx.ingress.kubernetes.io/proxy-connect-timeout", "example.com/nothing")

    # The template has the directive already; nginx would refuse a second one, and the first counts here.
    assert value("compression", text)[0] is False
    assert f"{NAME}:8:7" in value("compression", text.replace("gzip off", "gzip on; gzip_types *"), protocol="sse")[2]


@pytest.mark.parametrize(
    ("path", "kind", "url", "ends"),
    [
        ("/events", "Prefix", "/events", True),
        ("/events", "Prefix", "/events/1", True),
        ("/events", "Prefix", "/eventsource", False),
        ("/events", "ImplementationSpecific", "/eventsource", True),
        ("/events", "Exact", "/events/1", False),
        ("/", "Prefix", "/anything", True),
    ],
)
def test_a_path_takes_what_the_controller_lets_it(path: str, kind: str, url: str, *, ends: bool) -> None:
    """Prefixes go by segments; what Ingress leaves to the controller is a prefix of nginx."""
    text = INGRESS.replace("path: /events", f"path: {path}").replace("pathType: Prefix", f"pathType: {kind}")

    assert (asked(f"https://chat.example.com{url}", text).route is not None) is ends


def test_a_pattern_makes_all_paths_of_the_host_patterns() -> None:
    """As the template does."""
    text = annotated('use-regex: "true"').replace("path: /events", "path: /ev.*s")

    assert asked("https://chat.example.com/EVENTS/1", text).route is not None


def test_a_host_with_a_certificate_is_not_served_in_the_clear() -> None:
    """It is sent away there, unless an annotation says otherwise."""
    assert asked("http://chat.example.com/events", INGRESS).answer == "308 https://chat.example.com/events"
    assert asked("http://chat.example.com/events", annotated('ssl-redirect: "false"')).route is not None


@pytest.mark.parametrize("name", ["canary", "ssl-passthrough"])
def test_what_takes_no_requests_of_its_own_is_said(name: str) -> None:
    """And is not part of the config."""
    found = lowered(annotated(f'{name}: "true"')).ingresses

    assert found is not None
    assert any("Ingress chat is " in line for line in found.config.assumed)
    assert not found.paths


def test_an_annotation_that_is_none_is_said() -> None:
    """It does nothing, whatever is hoped of it."""
    found = lowered(annotated("websocket-services: api")).ingresses

    assert found is not None
    assert (
        f"chat.yaml:7:5: {PREFIX}/websocket-services does nothing: ingress-nginx has no such annotation"
        in found.config.assumed
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ingressClassName: nginx", "ingressClassName: traefik"),
        ("ingressClassName: nginx", "ingressClassName: nginx  # F5's"),
    ],
)
def test_an_ingress_of_another_controller_is_named(old: str, new: str) -> None:
    """By its class, or by annotations that are another's."""
    text = INGRESS.replace(old, new).replace(f"{PREFIX}/proxy-connect-timeout", "nginx.org/proxy-connect-timeout")
    found = lowered(text)

    assert found.ingresses is None
    assert "Ingress chat is not read" in found.skipped[0].message


def test_the_old_api_is_read_as_well() -> None:
    """Clusters had it until 1.22, and repositories have it still."""
    text = (
        INGRESS.replace("networking.k8s.io/v1", "extensions/v1beta1")
        .replace("  ingressClassName: nginx\n", "")
        .replace("{service: {name: api, port: {number: 8000}}}", "{serviceName: api, servicePort: 8000}")
        .replace("  annotations:\n", "  annotations:\n    kubernetes.io/ingress.class: nginx\n")
    )

    assert asked("https://chat.example.com/events", text).route is not None


def test_a_default_backend_takes_everything() -> None:
    """An Ingress without rules is one place."""
    text = INGRESS.partition("  tls:")[0] + "  defaultBackend: {service: {name: web, port: {number: 80}}}\n"

    assert asked("http://any.example.com/x", text).route is not None


# ---- findings ----


def found(rule: str, *texts: str) -> Finding:
    """The one finding of a rule."""
    (one,) = [finding for finding in linted(*texts).findings if finding.rule == rule]
    return one


DECLARED = INGRESS.replace("- path: /events", "- path: /events  # proxycfg: protocol=sse")


def test_what_nobody_wrote_is_told_at_the_path_once() -> None:
    """A prefix is two locations, and one route to people."""
    one = found("idle-timeout-too-short", DECLARED)

    assert (str(one.span), one.route_path, one.target, len(one.related)) == (f"{NAME}:14:13", "/events", "nginx", 0)
    assert f'`{PREFIX}/proxy-read-timeout: "3600"`' in one.why


def test_an_annotation_is_told_where_it_stands() -> None:
    """With the path that it hurts."""
    one = found("sse-response-buffered", annotated('proxy-buffering: "on"', text=DECLARED))

    assert (str(one.span), [str(each.span) for each in one.related]) == (f"{NAME}:7:5", [f"{NAME}:15:13"])


@pytest.mark.parametrize(
    ("text", "rule", "line"),
    [
        (DECLARED, "idle-timeout-too-short", 'proxy-read-timeout: "3600"'),
        (annotated('proxy-buffering: "on"', text=DECLARED), "sse-response-buffered", 'proxy-buffering: "off"'),
        (DECLARED.replace("  annotations:\n", "  labels: {}\n  annotations:\n"), "idle-timeout-too-short", 'proxy-read-timeout: "3600"'),
        (
            DECLARED.replace(f'  annotations:\n    {PREFIX}/proxy-connect-timeout: "5"\n', ""), "idle-timeout-too-short",
            'proxy-read-timeout: "3600"',
        ),
    ],
)  # fmt: skip
def test_a_fix_is_an_annotation(text: str, rule: str, line: str) -> None:
    """Written, or rewritten; and the finding is gone."""
    fix = found(rule, text).fix
    assert fix is not None
    assert fix.safe
    fixed = apply({NAME: text}, [fix]).texts[NAME]

    assert f"{PREFIX}/{line}" in fixed
    assert rule not in {finding.rule for finding in linted(fixed).findings}


def test_a_fix_for_an_ingress_of_several_paths_is_for_people() -> None:
    """It touches the others, too."""
    more = "          - {path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}\n"
    fix = found("idle-timeout-too-short", DECLARED + more).fix

    assert fix is not None
    assert not fix.safe


def test_what_the_controller_lets_all_do_is_no_sign() -> None:
    """Upgrade headers of the template make no WebSocket of a page."""
    assert not linted(INGRESS.replace("/events", "/page")).findings


def test_a_note_silences_a_finding() -> None:
    """At the annotation, or at the path."""
    text = DECLARED.replace(
        "          - path", "          # proxycfg: ignore[idle-timeout-too-short] it talks\n          - path"
    )

    assert "idle-timeout-too-short" not in {finding.rule for finding in linted(text).findings}


@pytest.mark.parametrize("said", ['"60; } evil { x"', '"a\\nb"', "'\"'", "{a: b}", "[1]", "''", "~", '"${x}"'])
@pytest.mark.parametrize(
    "name",
    ["proxy-read-timeout", "upstream-hash-by", "rewrite-target", "server-alias", "custom-http-errors", "auth-url"],
)
def test_no_annotation_can_add_a_directive(name: str, said: str) -> None:
    """What does not fit one is not taken over."""
    text = annotated(f"{name}: {said}")
    made = lowered(text).ingresses

    assert made is not None
    assert not made.config.problems
    assert not linted(text).errors
