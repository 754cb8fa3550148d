"""Whether a text was answered as it should be."""

from __future__ import annotations

import random

from proxycfg.confdir import decode
from proxycfg.errors import Problem
from proxycfg.explain import explain
from proxycfg.reports.explain_text import explanation_to_text
from proxycfg.request import Asked
from proxycfg.source import Source
from proxycfg.targets.nginx import facts
from proxycfg.targets.nginx.config import InMemory, load
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.explain import explain_config
from proxycfg.targets.nginx.syntax import parse
from tests.fuzz.mutate import mutated

MAIN = "/n/nginx.conf"
PROTOCOLS = (None, "sse", "websocket", "grpc", "http", "long-poll")


def judge(seed: str, texts: list[str]) -> None:
    """Make a text, read and explain it.

    :raises AssertionError: if an answer is not what it should be; any other exception is a defect, too.
    """
    made = random.Random(seed)
    text = decode(mutated(made, texts).encode("utf-8", "surrogateescape"))
    included = mutated(made, texts) if made.random() < 0.3 else ""
    tree = parse(MAIN, text, is_directive=opens_line)
    assert str(tree) == text, "printed, it is another text"
    texts_at_hand = {MAIN: text, "/n/a.conf": included, "/n/b.conf": "include nginx.conf; include a.conf;"}
    config = load(Source(MAIN, text), InMemory(texts_at_hand), is_directive=opens_line)
    protocol = made.choice(PROTOCOLS)
    asked = (
        Asked(urls=[f"http://a.example.com/{'a' * made.choice((1, 30))}/x"], paths=["/"])
        if made.random() < 0.6
        else Asked()
    )
    routes = explain_config(config, facts.NEWEST_STABLE, asked, protocol)
    explanation = explain(
        "nginx", facts.NEWEST_STABLE, routes, protocol=protocol, assumed=config.assumed, problems=config.problems
    )
    explanation.to_json()
    explanation_to_text(explanation, tables=bool(asked.urls) or made.random() < 0.5)
    for problem in (*tree.problems, *config.problems):
        _placed(problem, texts_at_hand)


def _placed(problem: Problem, texts: dict[str, str]) -> None:
    """The place lies in the file, and the problem prints."""
    span = problem.span
    lines = texts[span.file].split("\n")
    assert 1 <= span.line <= span.end_line <= len(lines), f"no such line: {problem}"
    assert 1 <= span.column <= len(lines[span.line - 1]) + 2, f"no such column: {problem}"
    assert problem.message
    assert str(problem).isprintable() or "\n" in str(problem)
