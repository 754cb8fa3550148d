"""What ``proxycfg advise`` answers, and ``proxycfg advise capacity``, for people."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from proxycfg.values import needed

if TYPE_CHECKING:
    from proxycfg.advise import Advice
    from proxycfg.capacity import Part
    from proxycfg.need import Need

_WIDTH = 110


def advice_to_text(advice: Advice) -> str:
    """The protocol, why, what it costs, what each hop must have, a spec, and what others say."""
    return "\n".join(_lines(advice)) + "\n"


def _lines(advice: Advice) -> Iterator[str]:
    first, *more = advice.why
    yield from _wrapped(f"{advice.protocol}: {first}", "", "  ")
    yield from _block("Besides", more)
    yield from _block("What it costs", advice.costs)
    yield from _block("Why not", (f"{each.protocol}: {each.why}" for each in advice.others))
    for title, need in advice.needs.items():
        yield from ("", f"What each hop must have for {title}")
        yield from _needs(need)
    yield from ("", "A spec to begin with (routes.yaml)")
    yield from (f"  {line}" for line in advice.snippet.splitlines())
    yield from ("", "What others publish, and they disagree" if advice.disagreement else "What others publish")
    for tree, chosen in advice.trees:
        said = f"{chosen or 'does not speak of this'}: {tree.name} ({tree.says}) <{tree.url}>"
        yield from _wrapped(said, "  - ", "    ")


def capacity_to_text(parts: Iterable[Part], streams: int) -> str:
    """Each figure with how it came about; the sources at the end, by number."""
    lines = [f"For {streams} concurrent streams (scale.streams)."]
    sources: dict[str, int] = {}
    for part in parts:
        lines += ["", part.title]
        for line in part.lines:
            mark = f" [{sources.setdefault(line.source, len(sources) + 1)}]" if line.source else ""
            lines += _wrapped(f"{line.what}: {line.value} ({line.how}){mark}", "  ", "      ")
        for advice in part.advice:
            lines += _wrapped(advice, "  → ", "    ")
    lines += ["", *(f"[{number}] {source}" for source, number in sources.items())]
    return "\n".join(lines) + "\n"


def _block(title: str, items: Iterable[str]) -> Iterator[str]:
    lines = [line for item in items for line in _wrapped(item, "  - ", "    ")]
    if lines:
        yield from ("", title, *lines)


def _needs(need: Need) -> Iterator[str]:
    wants = {name: want for name, want in need.wants.items() if needed(name, need) != "-"}
    width = max(map(len, wants))
    for name, want in wants.items():
        yield from _wrapped(f"{name:<{width}}  {needed(name, need)}: {want.why}", "  ", " " * (width + 4))


def _wrapped(text: str, first: str, then: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=then,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
