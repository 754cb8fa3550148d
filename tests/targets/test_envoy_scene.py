"""Which routes of an Envoy stream, how surely, and what says so."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from proxycfg.finding import Confidence
from proxycfg.knowledge import Knowledge
from proxycfg.lint import Options, lint
from proxycfg.rule import Scene
from proxycfg.rules import rules
from proxycfg.streams import Declared
from proxycfg.targets.envoy.scene import scene_of
from tests.targets.envoy_configs import TWO, WEBSOCKET, bootstrap, cluster, config_of, http_filter
from tests.work import calls

OFF: list[dict[str, Any]] = [{"upgrade_type": "websocket", "enabled": False}]
EXPLICIT, INFERRED, DECLARED = Confidence.EXPLICIT, Confidence.INFERRED, Confidence.DECLARED

SIGNS: dict[str, tuple[dict[str, Any], list[tuple[str, Confidence]]]] = {
    "nothing": ({"match": {"prefix": "/api"}}, []),
    "a telling path": ({"match": {"prefix": "/events"}}, [("sse", INFERRED)]),
    "a path of assets": ({"match": {"prefix": "/static"}, "hcm": {"upgrade_configs": WEBSOCKET}}, []),
    "upgrades of the route": ({"match": {"prefix": "/x"}, "route": {"upgrade_configs": WEBSOCKET}}, [("websocket", EXPLICIT)]),
    "upgrades switched off": ({"match": {"prefix": "/x"}, "route": {"upgrade_configs": OFF}, "hcm": {"upgrade_configs": WEBSOCKET}}, []),
    "upgrades of all, on the path of a socket": ({"match": {"prefix": "/ws"}, "hcm": {"upgrade_configs": WEBSOCKET}}, [("websocket", EXPLICIT)]),
    "upgrades of all, and one route": ({"match": {"prefix": "/x"}, "hcm": {"upgrade_configs": WEBSOCKET}}, [("websocket", EXPLICIT)]),
    "upgrades of all, on the path of events": ({"match": {"prefix": "/events/sse"}, "hcm": {"upgrade_configs": WEBSOCKET}}, [("sse", INFERRED)]),
    "a matcher for gRPC": ({"match": {"prefix": "/", "grpc": {}}}, [("grpc", EXPLICIT)]),
    "a service and a cluster of HTTP/2": ({"match": {"prefix": "/chat.v1.Chat/"}, "upstream": TWO}, [("grpc", INFERRED)]),
    "a service and a cluster of HTTP/1.1": ({"match": {"prefix": "/chat.v1.Chat/"}}, [("grpc-web", INFERRED)]),
    "a cluster of HTTP/2 behind grpc_web": ({"upstream": TWO, "filters": [http_filter("grpc_web", "GrpcWeb")]}, [("grpc-web", EXPLICIT)]),
    "a matcher of Accept": (
        {"match": {"prefix": "/x", "headers": [{"name": "accept", "string_match": {"contains": "text/event-stream"}}]}}, [("sse", EXPLICIT)],
    ),
    "a matcher of Upgrade": (
        {"match": {"prefix": "/x", "headers": [{"name": "upgrade", "string_match": {"exact": "websocket"}}]}}, [("websocket", EXPLICIT)],
    ),
    "no timeout": ({"match": {"prefix": "/x"}, "route": {"timeout": "0s"}}, [("ndjson", EXPLICIT)]),
    "no timeout on a telling path": ({"match": {"prefix": "/v1/chat/completions"}, "route": {"timeout": "0s"}}, [("sse", EXPLICIT)]),
    "no timeout for everything": ({"route": {"timeout": "0s"}}, []),
    "a cluster by its name": (
        {"match": {"prefix": "/x"}, "routes": [{"match": {"prefix": "/x"}, "route": {"cluster": "ws_backend"}}], "clusters": [cluster("ws_backend")]},
        [("websocket", INFERRED)],
    ),
    "a pattern": ({"match": {"safe_regex": {"regex": "/api/(v1|v2)/events"}}}, [("sse", INFERRED)]),
}  # fmt: skip


def streams(scene: Scene) -> list[tuple[str, Confidence]]:
    """What flows, and how surely."""
    return [(case.protocol, case.route.confidence) for case in scene.cases]


@pytest.mark.parametrize("name", SIGNS)
def test_a_route_is_taken_for_what_tells(name: str) -> None:
    """The protocol of each sign, and its confidence."""
    how, expected = SIGNS[name]

    assert streams(scene_of(config_of(bootstrap(**how)), None)) == expected


def test_an_application_behind_a_cluster_is_known_by_its_address() -> None:
    """Its streaming paths are looked for among the routes."""
    data = bootstrap(clusters=[cluster("origin", 11434)])

    assert ("ndjson", INFERRED) in streams(scene_of(config_of(data), None))


PLAIN = yaml.safe_dump(bootstrap(match={"prefix": "/x"}), sort_keys=False)
NOTE = "# proxycfg: protocol=sse heartbeat=15s"


def put(line: str, comment: str, *, above: bool) -> str:
    """The plain bootstrap with a comment on the line that holds a text, or above it."""
    at = next(each for each in PLAIN.splitlines() if line in each)
    indent = at[: len(at) - len(at.lstrip())]
    return PLAIN.replace(at, f"{indent}{comment}\n{at}" if above else f"{at}  {comment}")


@pytest.mark.parametrize(
    ("line", "above"), [("- match:", True), ("- match:", False), ("cluster: origin", False), ("prefix: /x", True)]
)
def test_a_comment_declares_the_route_it_stands_at(line: str, above: bool) -> None:
    """Above it, inside it, or behind one of its fields."""
    scene = scene_of(config_of(put(line, NOTE, above=above), "envoy.yaml"), None)

    assert streams(scene) == [("sse", DECLARED)]
    assert scene.cases[0].heartbeat == 15
    assert not scene.problems


def test_other_comments_may_stand_between() -> None:
    """A comment speaks of the next line that is none."""
    text = put("- match:", f"{NOTE}\n      # and why", above=True)

    assert streams(scene_of(config_of(text, "envoy.yaml"), None)) == [("sse", DECLARED)]


def test_comments_upon_comments_are_read_once_each() -> None:
    """Five times as many take five times the steps."""

    def steps(count: int) -> int:
        text = put("- match:", "\n".join([NOTE] * count), above=True)
        return calls(lambda: scene_of(config_of(text, "envoy.yaml"), None))

    assert steps(1000) < 5.2 * steps(200)


@pytest.mark.parametrize("line", ["stat_prefix: in", "clusters:"])
def test_a_comment_elsewhere_declares_nothing(line: str) -> None:
    """And is told."""
    scene = scene_of(config_of(put(line, NOTE, above=False), "envoy.yaml"), None)

    assert streams(scene) == []
    assert ["declares nothing" in problem.message for problem in scene.problems] == [True]


def test_words_of_a_comment_in_a_text_are_none() -> None:
    """A script may hold them, and a quoted text."""
    script = {"inline_string": f"-- a\n {NOTE}\n"}
    data = bootstrap(filters=[http_filter("lua", "Lua", default_source_code=script)], hcm={"stat_prefix": f"a {NOTE}"})

    for text in (yaml.safe_dump(data, sort_keys=False), yaml.safe_dump(data, sort_keys=False, default_style='"')):
        scene = scene_of(config_of(text, "envoy.yaml"), None)
        assert (scene.cases, scene.problems, scene.notes) == ((), (), ())


def test_a_spec_and_options_declare_routes() -> None:
    """By the path as it stands there, by a path that ends there; what nothing answers is told."""
    declared = [Declared(path=path, protocol="sse", said_by="--stream") for path in ("/x", "/elsewhere")]
    scene = scene_of(config_of(bootstrap(match={"prefix": "/x"})), None, Knowledge(declared))

    assert streams(scene) == [("sse", DECLARED)]
    assert [each.path for each in scene.unmatched] == ["/elsewhere"]


def test_a_rule_that_needs_a_case_alone_runs_on_envoy() -> None:
    """A finding points at the field that decides, and a note silences it."""
    options = Options(rules=[each for each in rules().values() if each.check or each.review], known=rules())
    text = yaml.safe_dump(
        bootstrap(match={"prefix": "/x"}, route={"timeout": "0s", "idle_timeout": "10s"}), sort_keys=False
    )
    line = next(each for each in text.splitlines() if "idle_timeout" in each)
    declared = Knowledge([Declared(path="/x", protocol="sse", heartbeat=15.0)])

    (found,) = lint([scene_of(config_of(text, "envoy.yaml"), None, declared)], options).findings
    silenced = text.replace(line, f"{line}  # proxycfg: ignore[idle-timeout-too-short] known")
    quiet = lint([scene_of(config_of(silenced, "envoy.yaml"), None, declared)], options)

    assert (found.rule, found.target, text.splitlines()[found.span.line - 1]) == (
        "idle-timeout-too-short",
        "envoy",
        line,
    )
    assert (quiet.findings, quiet.ignored) == ((), 1)
