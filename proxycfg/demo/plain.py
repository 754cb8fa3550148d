"""The view without a terminal: a line when something happens, a table at the end; in ASCII, but for paths and what others say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from proxycfg.demo.judge import Verdict
from proxycfg.demo.result import LANES, Lane, Result, Scene, explained, seconds, summary, told
from proxycfg.demo.timeline import Ending, Timeline


class PlainView:
    """Writes lines; which ones depends on what happens, not on how often it is asked."""

    def __init__(self, out: TextIO) -> None:
        """Write to ``out``."""
        self._out = out
        self._said: set[tuple[str, str]] = set()

    def note(self, text: str) -> None:
        """Something to know before it begins."""
        self._say(text)

    def begin(self, scene: Scene) -> None:
        """Say what is shown, and where the files are."""
        story, example = scene.story, scene.example
        self._say(f"proxycfg demo: {scene.engine}")
        self._say(f"  spec:      {example.spec}")
        self._say(f"  generated: {example.generated}")
        self._say(f"  stock:     {example.stock} ({story.stock})")
        tokens, lasts = len(story.answer.tokens), story.answer.seconds
        self._say(f"Two readers ask for the same answer over {story.transport}: {tokens} tokens in {lasts:g} s.")

    def update(self, lanes: Mapping[Lane, Timeline]) -> None:
        """Say the news."""
        for lane in LANES:
            seen = lanes[lane]
            if seen.tokens:
                self._once(lane, seen.tokens[0].at, "first token")
            if seen.ending is not Ending.RUNNING and seen.ended is not None:
                words = {
                    Ending.COMPLETE: "complete",
                    Ending.CUT: "connection closed in the middle of the answer",
                    Ending.REFUSED: f"no answer: {seen.said}",
                }[seen.ending]
                self._once(lane, seen.ended, f"{words}, {len(seen.tokens)} of {seen.planned} tokens")

    def finish(self, result: Result) -> None:
        """The table, the reason, the summary."""
        rows = [("", "first token", "longest gap", "received/sent", "verdict")]
        for lane in LANES:
            seen = result.lanes[lane]
            mark = "ok  " if result.verdict(lane) is Verdict.FLOWS else "BAD "
            rows.append(
                (lane, seconds(seen.first), seconds(seen.longest_gap), f"{len(seen.tokens)}/{len(seen.sent)}",
                 mark + told(result.verdict(lane), seen))
            )  # fmt: skip
        self._say("")
        for name, first, gap, count, verdict in rows:
            self._say(f"  {name:<10} {first:>11}  {gap:>11}  {count:>13}  {verdict}".rstrip())
        self._say("")
        for line in explained(result):
            self._say(line)
        self._say(summary(result))

    def close(self) -> None:
        """Nothing to put back."""

    def _once(self, lane: str, at: float, what: str) -> None:
        if (lane, what) not in self._said:
            self._said.add((lane, what))
            self._say(f"{at:8.2f} s  {lane:<10} {what}")

    def _say(self, text: str) -> None:
        encoding = self._out.encoding or "utf-8"
        self._out.write(text.encode(encoding, "replace").decode(encoding) + "\n")
        self._out.flush()


class QuietView(PlainView):
    """The end alone."""

    def note(self, text: str) -> None:
        """Not said."""

    def begin(self, scene: Scene) -> None:
        """Not said."""

    def update(self, lanes: Mapping[Lane, Timeline]) -> None:
        """Not said."""
