"""The last frame of a run as an SVG for the README: no script, no font and no picture from elsewhere."""

from __future__ import annotations

import io
import re

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from proxycfg.demo.result import Result
from proxycfg.demo.view import conclusion, frame

_WIDTH = 104
_THEME = TerminalTheme(
    (13, 17, 23),
    (230, 237, 243),
    [(72, 79, 88), (248, 81, 73), (63, 185, 80), (210, 153, 34), (88, 166, 255), (188, 140, 255), (86, 212, 221), (177, 186, 196)],
    [(72, 79, 88), (255, 123, 114), (86, 211, 100), (227, 179, 65), (121, 192, 255), (210, 168, 255), (86, 212, 221), (240, 246, 252)],
)
_FONTS = "ui-monospace, 'SF Mono', 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def picture(result: Result) -> str:
    """Draw it."""
    console = Console(
        record=True, file=io.StringIO(), width=_WIDTH, height=60, force_terminal=True, color_system="truecolor", highlight=False
    )
    lasted = max((lane.ended or 0.0) for lane in result.lanes.values())
    console.print(frame(result.scene, result.lanes, lasted, _WIDTH, 60))
    console.print(conclusion(result))
    return console.export_svg(title="make demo", theme=_THEME, code_format=_format(), unique_id="demo")


def _format() -> str:
    """Rich's frame without its web fonts: an SVG inside a page may not load any."""
    return re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace("Fira Code, monospace", _FONTS)
