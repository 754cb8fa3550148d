"""What a terminal shows as an SVG for the README: no script, no font and no picture from elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable

from rich.color import parse_rgb_hex
from rich.console import Console, RenderableType
from rich.terminal_theme import TerminalTheme

from proxycfg.demo.result import Result
from proxycfg.demo.view import conclusion, frame

_WIDTH = 104
# Black, red, green, yellow, blue, magenta, cyan, white.
_COLOURS = ("484f58", "f85149", "3fb950", "d29922", "58a6ff", "bc8cff", "56d4dd", "b1bac4")
_THEME = TerminalTheme((13, 17, 23), (230, 237, 243), [parse_rgb_hex(colour) for colour in _COLOURS])
_FONTS = "ui-monospace, 'SF Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def picture(result: Result) -> str:
    """The last frame of a run."""
    lasted = max((lane.ended or 0.0) for lane in result.lanes.values())
    return drawn(
        [frame(result.scene, result.lanes, lasted, _WIDTH, 60), conclusion(result)], _WIDTH, "make demo", "demo"
    )


def drawn(shown: Iterable[RenderableType], width: int, title: str, name: str) -> str:
    """A terminal of ``width`` columns with all that, one below the other.

    ``name`` starts the picture's classes: two pictures may stand in one page.
    """
    console = Console(
        record=True,
        file=io.StringIO(),
        width=width,
        height=60,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
    )
    for each in shown:
        console.print(each)
    return _alone(console.export_svg(title=title, theme=_THEME, unique_id=name))


def _alone(svg: str) -> str:
    """Without the web fonts that rich asks for: an SVG inside a page may not load any."""
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", _FONTS)
