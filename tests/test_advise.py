"""Which protocol fits: every question gets an answer whose spec loads, and the rules say what they say."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from proxycfg.advise import ANSWERS, AUTHS, CLIENTS, DIRECTIONS, INPUTS, NETWORKS, Question, advise
from proxycfg.finding import Severity
from proxycfg.generate import generate
from proxycfg.published import TREES
from tests.specs import load

CHOICES = (DIRECTIONS, CLIENTS, INPUTS, NETWORKS, AUTHS)


def question(direction: str = "to-client", client: str = "browser", **more: Any) -> Question:
    """A question, out of words."""
    return Question(direction=direction, client=client, **more)  # type: ignore[arg-type]


def test_every_question_gets_an_answer_whose_spec_generates() -> None:
    """For all words, and for numbers on both sides of where they decide: a reason, a price, needs, and no error in any config."""
    count = 0
    seen: set[str] = set()
    for (direction, client, said, network, auth), binary, others, (length, rate, delay) in itertools.product(
        itertools.product(*CHOICES), (False, True), (False, True), ((30.0, 20.0, 1.0), (7200.0, 0.01, 30.0))
    ):
        asked = question(
            direction,
            client,
            input=said,
            network=network,
            auth=auth,
            binary=binary,
            others=others,
            length=length,
            rate=rate,
            delay=delay,
        )
        found = advise(asked)
        assert found.why[0]
        assert found.costs
        assert found.protocol not in {each.protocol for each in found.others}
        assert found.needs
        if found.snippet not in seen:
            seen.add(found.snippet)
            errors = [
                each
                for each in generate(load(found.snippet), ["nginx", "envoy"]).findings
                if each.severity is Severity.ERROR
            ]
            assert not errors, (asked, errors)
        count += 1

    assert 4 * 3 * 3 * 3 * 4 * 8 == count


@pytest.mark.parametrize(
    ("asked", "protocol"),
    [
        (question("request"), "http"),
        (question("request", length=300.0), "poll"),
        (question(), "sse"),
        (question(input="rare"), "sse"),
        (question(input="steady"), "websocket"),
        (question("both"), "websocket"),
        (question("both", "both"), "websocket"),
        (question("both", "service"), "grpc"),
        (question("both", "service", others=True), "websocket"),
        (question("both", "service", network="corporate"), "websocket"),
        (question("to-client", "service"), "grpc"),
        (question("to-client", "service", others=True), "ndjson"),
        (question("to-client", binary=True), "ndjson"),
        (question("to-client", "both", binary=True), "connect"),
        (question("to-client", rate=0.01, delay=60.0), "poll"),
        (question("to-client", rate=0.01, delay=1.0), "sse"),
        (question("to-client", rate=10.0, delay=60.0), "sse"),
        (question("to-server", rate=50.0, binary=True), "websocket"),
        (question("to-server", rate=0.1), "http"),
        (question("to-server", "service"), "grpc"),
    ],
)
def test_what_decides(asked: Question, protocol: str) -> None:
    """Each rule, and the one that comes next where it does not hold."""
    assert protocol == advise(asked).protocol


def test_a_cancellation_is_a_second_path_and_no_socket() -> None:
    """The snippet has it, and the answer says why."""
    found = advise(question(input="rare"))

    assert ["sse", "http"] == [route.protocol.name for route in load(found.snippet).routes]
    assert any("posts to a second path" in why for why in found.why)
    assert any(each.protocol == "websocket" and "hardly speak" in each.why for each in found.others)


@pytest.mark.parametrize(
    ("more", "cost"),
    [
        ({"auth": "header"}, "EventSource sends no header"),
        ({"auth": "query"}, "gets into logs"),
        ({"network": "mobile"}, "carriers forget"),
        ({"length": 86400.0}, "every deploy"),
        ({"direction": "both", "auth": "cookie"}, "a page of any site"),
        ({"direction": "both", "auth": "header"}, "browsers set no header in a handshake"),
        ({"direction": "both", "network": "corporate"}, "may refuse the upgrade"),
    ],
)
def test_circumstances_cost(more: dict[str, Any], cost: str) -> None:
    """What a login, a network or a long life adds; without them it is not told."""
    assert any(cost in each for each in advise(question(**more)).costs)
    assert not any(cost in each for each in advise(question(direction=more.get("direction", "to-client"))).costs)


def test_needs_are_those_of_the_snippet() -> None:
    """Not written again: another heartbeat in the snippet would be another timer."""
    (need,) = advise(question()).needs.values()

    assert 60 == need.wants["upstream_idle_timeout"].accepted.low
    assert "response_buffering" in need.wants


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        (question(), ["sse", "sse", "sse", "sse", "sse", "websocket"]),
        (question(input="rare"), ["sse", "sse", "websocket", "websocket", "sse", "websocket"]),
        (question(binary=True), ["sse", "sse", "sse", "sse", "websocket", "websocket"]),
        (question(rate=0.001), ["long-poll", "sse", "sse", "sse", "sse", "websocket"]),
        (question(network="corporate"), ["sse", "long-poll", "sse", "sse", "sse", "websocket"]),
        (question("both", "service"), ["websocket", "websocket", "websocket", "websocket", "websocket", "grpc"]),
        (question("request"), [None, None, None, None, "http", "http"]),
    ],
)
def test_published_trees_say_what_they_say(asked: Question, chosen: list[str | None]) -> None:
    """In their order; where two differ, that is told."""
    found = advise(asked)

    assert chosen == [each for _, each in found.trees]
    assert (len({each for each in chosen if each}) > 1) == bool(found.disagreement)
    assert all(tree.url.startswith("https://") for tree in TREES)


@pytest.mark.parametrize("more", [{"length": 0.0}, {"rate": -1.0}, {"delay": float("inf")}, {"length": float("nan")}])
def test_numbers_out_of_range_are_refused(more: dict[str, Any]) -> None:
    """With the range."""
    with pytest.raises(ValueError, match="must be from"):
        advise(question(**more))


def test_json_has_every_answer_and_the_agreement() -> None:
    """So that a script needs no text."""
    body = advise(question()).to_json()

    assert list(ANSWERS) == list(body["answers"])  # type: ignore[call-overload]
    assert "sse" == body["protocol"]
    published: Any = body["published"]
    assert [True, True, True, True, True, False] == [each["agrees"] for each in published]
