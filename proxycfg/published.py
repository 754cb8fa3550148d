"""What others advise: decision trees that are published, each as a function of the same question, so that one sees where they disagree.

Read in November 2026, and told in our words. What a page does not speak of, it does not decide: None.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from proxycfg.record import record

if TYPE_CHECKING:
    from proxycfg.advise import Question

_RARE = 1 / 60
"""Messages a second: what pages mean by low-frequency updates, as far as they say."""


@record(frozen=True, slots=True)
class Tree:
    """A published decision.

    :param says: what it goes by, in a sentence.
    :param decide: the protocol that it would choose; None where it does not speak of such a case.
    """

    name: str
    url: str
    says: str
    decide: Callable[[Question], str | None]


def _two_ways(asked: Question) -> bool:
    return asked.direction == "both" or asked.input == "steady"


def _by_direction(asked: Question) -> str | None:
    if asked.direction in {"request", "to-server"}:
        return None
    return "websocket" if _two_ways(asked) else "sse"


def _chooser(asked: Question) -> str | None:
    found = _by_direction(asked)
    return "long-poll" if found == "sse" and asked.rate <= _RARE else found


def _system_design(asked: Question) -> str | None:
    found = _by_direction(asked)
    return "long-poll" if found and asked.network == "corporate" and asked.client != "service" else found


def _of_llms(asked: Question) -> str | None:
    found = _by_direction(asked)
    return "websocket" if found == "sse" and asked.input != "none" else found


def _high_performance(asked: Question) -> str | None:
    if asked.direction in {"request", "to-server"}:
        return "http"
    return "websocket" if _two_ways(asked) or asked.binary else "sse"


def _aspnet(asked: Question) -> str | None:
    if asked.client == "service":
        return "grpc"
    # SignalR, which prefers a WebSocket wherever one can be had.
    return "http" if asked.direction == "request" else "websocket"


TREES: tuple[Tree, ...] = (
    Tree(
        "Transport protocols, a trade-off matrix",
        "https://frontend.icodeit.com.au/compare/transport-protocols",
        "two ways: WebSocket; feeds: SSE; low-frequency updates: long polling",
        _chooser,
    ),
    Tree(
        "System design: long polling, SSE, WebSocket",
        "https://www.cruxible.dev/learn/sd39-long-polling-sse-websocket",
        "one way: SSE; two ways: WebSocket; long polling where neither gets through",
        _system_design,
    ),
    Tree(
        "Streaming LLM responses: SSE vs WebSocket",
        "https://sthq.pages.dev/guides/ai/streaming-llm-responses-sse-vs-websocket",
        "SSE for tokens; WebSocket as soon as the client speaks during the answer",
        _of_llms,
    ),
    Tree(
        "LLM streaming for production web apps",
        "https://moneeb.dev/blog/llm-streaming-production-web-apps-sse-websockets",
        "SSE for most; WebSocket where the client streams, too, such as voice, shared editing, approvals of tools",
        _of_llms,
    ),
    Tree(
        "High Performance Browser Networking, chapters 15 to 17",
        "https://hpbn.co/websocket/",
        "XHR for one answer; SSE for text one way; WebSocket for two ways, and for binary messages",
        _high_performance,
    ),
    Tree(
        "Compare gRPC services with HTTP APIs (ASP.NET Core)",
        "https://learn.microsoft.com/aspnet/core/grpc/comparison",
        "gRPC between services; not for browsers, where SignalR (WebSocket first) is for what is live",
        _aspnet,
    ),
)
"""In the order in which they are told."""
