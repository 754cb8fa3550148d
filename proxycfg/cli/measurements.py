"""How `check` and `probe` print what was measured."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from proxycfg.cli.shared import Shared

if TYPE_CHECKING:
    from proxycfg.measured import Measured

PRINTED = ("text", "json", "html", "junit", "markdown")
_NOTHING: Mapping[str, object] = {}


def print_measured(
    shared: Shared,
    title: str,
    routes: Sequence[Measured],
    texts: Mapping[str, str],
    more: Mapping[str, object] = _NOTHING,
) -> None:
    """The report, in the format that was asked for.

    :param texts: the files of the config by name, for excerpts.
    :param more: what JSON has beside the routes.
    """
    from proxycfg.reports import measured_html, measured_json, measured_junit, measured_markdown, measured_text  # noqa: PLC0415

    if shared.format == "json":
        shared.print_json({**measured_json.render(routes), **more})
    elif shared.format == "html":
        sys.stdout.write(measured_html.render(title, routes, texts))
    elif shared.format == "junit":
        sys.stdout.write(measured_junit.render(title, routes))
    elif shared.format == "markdown":
        sys.stdout.write(measured_markdown.render(title, routes))
    else:
        sys.stdout.write(measured_text.render(routes, color=shared.colors(sys.stdout)))
