"""What is shown on each engine, and why: the question, the answer, and what a stock config does to it.

A story holds no result. It says which trouble a stock config is known to have and which setting makes it; whether it had that
trouble is measured in every run, and a run in which it had none, or another, says so and fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from proxycfg.demo.answer import Answer
from proxycfg.demo.judge import Verdict
from proxycfg.demo.timeline import Timeline

PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A known trouble of stock configs.

    :param explains: whether this is what a timeline shows.
    :param happened: what happened, in a clause, with the figures of the timeline.
    :param setting: the setting that did it, as it stands when nobody writes it.
    :param cure: a regular expression for the line of the generated config that prevents it.
    """

    explains: Callable[[Verdict, Timeline], bool]
    happened: Callable[[Timeline], str]
    setting: str
    cure: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What is shown on one engine."""

    engine: str
    stock: str
    """What the stock config is, in a few words."""
    stock_file: str
    secure: bool
    """Whether clients come over TLS."""
    question: str
    answer: Answer
    causes: tuple[Cause, ...]

    @property
    def span(self) -> float:
        """Seconds that the time axis of the view covers."""
        return self.answer.seconds * 1.07

    @property
    def transport(self) -> str:
        """How the readers come, for people."""
        return "HTTP/1.1 over TLS" if self.secure else "HTTP/1.1"

    def lasting(self, seconds: float) -> Story:
        """The same with an answer of another length."""
        return replace(self, answer=replace(self.answer, seconds=seconds, think=min(self.answer.think, seconds / 4)))


QUESTION = "Why does my chat answer stall behind the proxy?"


def _held(verdict: Verdict, _: Timeline) -> bool:
    return verdict is Verdict.LATE


def _held_happened(seen: Timeline) -> str:
    late = f"nginx kept tokens back for up to {seen.lateness or 0.0:.1f} s"
    if seen.spoken == "1.0":
        # Measured: close-delimited answers wait in nginx's buffers, whatever the client speaks.
        return f"{late}: it asked the origin in HTTP/1.0, and waits for a full buffer or the end"
    # Measured: chunks pass the buffers at once, and wait in the TLS layer for a full record.
    return f"{late}: its TLS layer waits for a full record of 16 kB or the end"


NGINX = Story(
    engine="nginx",
    stock="proxy_pass and nothing else",
    stock_file="nginx.conf",
    # The OpenAI client, requests, curl without HTTP/2: most programs speak HTTP/1.1 over TLS, and there every version of nginx
    # stalls. On cleartext only those before 1.29.7 do, whose proxy_pass speaks HTTP/1.0.
    secure=True,
    question=QUESTION,
    answer=Answer(
        # Less than 16 kB with its JSON, so that not even a full TLS record goes out early.
        "Because the proxy in front of me keeps my words. It fills its buffers first, which is right for a page and wrong for a "
        "stream: you see nothing, then everything at once, and I look slow. Switch buffering off where answers stream, and each "
        "word reaches you in the moment I say it, as on one side of this screen.",
        think=0.4,
        seconds=7.0,
    ),
    causes=(
        Cause(
            explains=_held,
            happened=_held_happened,
            setting="proxy_buffering, on by default",
            cure=r"^\s*proxy_buffering off;",
        ),
    ),
)

_ROUTE_TIMEOUT = 15.0
"""Envoy's default for the whole answer; a cut at any other moment has another cause, and so has one after a silence."""
_NEAR = 1.0


def _timed_out(verdict: Verdict, seen: Timeline) -> bool:
    if verdict is not Verdict.CUT or seen.left is None or seen.last is None:
        return False
    return abs(seen.left - _ROUTE_TIMEOUT) < _NEAR and seen.left - seen.last < _NEAR


def _timed_out_happened(seen: Timeline) -> str:
    came = f"{len(seen.tokens)} of {seen.planned} tokens came"
    return f"Envoy ended the answer after {seen.left or 0.0:.1f} s, while it was flowing: {came}"


ENVOY = Story(
    engine="envoy",
    stock="a route and nothing else",
    stock_file="envoy.yaml",
    secure=False,
    question=QUESTION,
    answer=Answer(
        "Because the proxy in front of me has lost its patience. A route in Envoy gives me fifteen seconds for the whole answer, "
        "unless somebody wrote otherwise. The clock starts when your question has arrived, and it does not care that I am "
        "talking: it counts the answer, not the silence in it. Short answers never notice, and so every test passes. Then one "
        "day a model thinks a little longer than usual, or you want to know a little more, and right there, while I still talk "
        "to you, I am cut off in the middle of a sentence. Let a stream last while it has something to say, and I finish. "
        "As I do on one side here.",
        think=0.4,
        seconds=18.0,
    ),
    causes=(
        Cause(
            explains=_timed_out,
            happened=_timed_out_happened,
            setting="the route's timeout, 15 s by default for the whole answer",
            cure=r"^\s*(- )?timeout: ['\"]?0s['\"]?",
        ),
    ),
)

STORIES = {story.engine: story for story in (NGINX, ENVOY)}
