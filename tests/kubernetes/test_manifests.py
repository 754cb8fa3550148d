"""What a file of manifests may look like, and what is said of those that cannot be read."""

from __future__ import annotations

import json

import pytest
import yaml

from proxycfg.errors import InvalidInput, Problem
from proxycfg.kubernetes.lowered import seconds
from proxycfg.kubernetes.recognise import has_routes, recognises
from tests.kubernetes.manifests import linted, lowered, route_of, routes_of, value
from tests.kubernetes.test_contour import PROXY
from tests.kubernetes.test_istio import FILTER, GATEWAY, ROUTE, SERVICE

LIST = "apiVersion: v1\nkind: List\nitems:\n" + "".join(
    ("- " if not at else "  ") + line + "\n" for at, line in enumerate(PROXY.splitlines())
)


def test_a_list_is_what_kubectl_prints() -> None:
    """Each of its items is an object, with its place in the list."""
    assert str(route_of("/events", LIST).span) == "chat.yaml:12:9"


def test_json_is_yaml() -> None:
    """As ``kubectl get -o json`` prints it."""
    assert value("total_timeout", "/events", json.dumps(yaml.safe_load(LIST), indent=2)) == 15.0


def test_several_documents_and_several_files_belong_together() -> None:
    """A rule in one, its service in another."""
    joined = f"---\n{ROUTE}---\n{GATEWAY}---\n{SERVICE.replace('PORT', 'http')}"

    assert value("upstream_http_version", "/events", joined) == value(
        "upstream_http_version", "/events", ROUTE, GATEWAY, SERVICE.replace("PORT", "http")
    )


def test_two_controllers_are_two_envoys() -> None:
    """In one file."""
    assert [each.controller for each in lowered(f"{ROUTE}---\n{PROXY}").envoys] == ["Istio 1.31", "Contour 1.33"]


def test_a_comment_in_another_controllers_object_is_its_own() -> None:
    """It declares a route of one of them, and is no mistake for the other."""
    text = f"{ROUTE}---\n{PROXY}".replace("  routes:\n", "  routes:\n    # proxycfg: protocol=sse\n")

    assert not linted(text).errors
    assert {finding.confidence for finding in linted(text).findings} == {"declared"}


def test_a_note_silences_a_finding_in_a_manifest() -> None:
    """On its line, or on the one above."""
    text = PROXY.replace(
        "    - conditions:", "    # proxycfg: ignore[stream-ended-by-timeout] short\n    - conditions:"
    )

    assert linted(text).ignored == 1


def said_of(text: str) -> list[Problem]:
    """What is said of manifests that are not read."""
    try:
        return lowered(text).skipped
    except InvalidInput as error:
        return error.problems


@pytest.mark.parametrize(
    "text",
    [
        PROXY.replace("/events", '"{{ .Values.path }}"'),
        PROXY.replace("/events", "{{ .Values.path }}"),
        PROXY.replace("  routes:", "{{- if .Values.routes }}\n  routes:") + "{{- end }}\n",
        PROXY.replace("name: chat,", 'name: {{ include "chat.name" . }},'),
    ],
)
def test_of_a_template_one_thing_is_said(text: str) -> None:
    """Where its first mark is, and what to do."""
    (problem,) = said_of(text)

    assert "template of a manifest" in problem.message
    assert "helm template" in problem.instead
    assert problem.excerpt[problem.span.column - 1 :].startswith("{{")


def test_a_mark_in_a_comment_is_no_template() -> None:
    """Nor are braces of YAML."""
    assert routes_of("# {{ .Values.x }}\n" + PROXY)


def test_a_file_without_routes_says_what_it_holds() -> None:
    """And what is wanted."""
    found = lowered(SERVICE)

    assert found.empty
    assert "no routes in these manifests: they hold Service" in found.nothing.message


def test_a_mark_in_another_object_is_its_own_affair() -> None:
    """Dashboards are full of them."""
    board = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: board}\ndata: {x: "{{ legend }}"}\n'

    assert routes_of(f"{board}---\n{PROXY}")
    assert not lowered(f"{board}---\n{PROXY}").skipped


def test_what_is_no_duration_is_said_at_its_place() -> None:
    """As the API server would refuse it."""
    (made,) = lowered(ROUTE + "      timeout: soon\n").envoys
    (problem,) = made.config.problems

    assert str(problem.span) == "chat.yaml:12:16"
    assert "`timeout`: soon is no duration" in problem.message


@pytest.mark.parametrize("broken", ["[", "7", "x", "[1, 2]", "{a: b}", "''", "~", "{}", "[~]", "{[]: x}"])
@pytest.mark.parametrize(
    "name", ["spec", "hosts", "gateways", "http", "match", "route", "timeout", "retries", "metadata"]
)
def test_nothing_that_stands_in_a_field_is_our_failure(name: str, broken: str) -> None:
    """Problems are told; nothing is a traceback."""
    text = ROUTE + "      timeout: 3s\n      retries: {attempts: 2}\n"
    at = next(line for line in text.splitlines() if f"{name}:" in line)
    try:
        linted(text.replace(at, at.partition(f"{name}:")[0] + f"{name}: {broken}", 1), GATEWAY, FILTER)
    except InvalidInput as error:
        assert error.problems  # noqa: PT017 - it may be raised, and need not


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("1h30m", 5400.0),
        ("500ms", 0.5),
        ("0", 0.0),
        ("1.5s", 1.5),
        ("90", None),
        ("", None),
        ("1d", None),
        ("soon", None),
        ("1h-", None),
    ],
)
def test_a_duration_of_go(text: str, length: float | None) -> None:
    """Days are none, and numbers need a unit."""
    assert seconds(text) == length


@pytest.mark.parametrize(
    ("text", "known", "routed"),
    [
        (PROXY, True, True),
        (LIST, True, True),
        (
            '{"apiVersion": "v1", "kind": "List", "items": [{"kind": "HTTPProxy", "apiVersion": "projectcontour.io/v1"}]}',
            True,
            True,
        ),
        (SERVICE, True, False),
        ("apiVersion: apps/v1\nkind: Deployment\n", False, False),
        ("kind: HTTPProxy\n", False, False),
        ("apiVersion: v1\nkind: IngressController\n", False, False),
    ],
)
def test_a_manifest_is_known_by_its_text(text: str, *, known: bool, routed: bool) -> None:
    """Without reading it."""
    assert (recognises(text), has_routes(text)) == (known, routed)
