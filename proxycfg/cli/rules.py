"""``proxycfg rules``."""

from __future__ import annotations

import sys
from typing import Annotated

from proxycfg.cli.options import Argument
from proxycfg.cli.shared import Shared
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage, suggest
from proxycfg.faults import faults
from proxycfg.finding import Kind
from proxycfg.remarks import remarks
from proxycfg.rules import rules

EXAMPLE = "proxycfg rules sse-response-buffered"
FORMATS = ("text", "json")


def catalogue() -> dict[str, Kind]:
    """Every kind of finding, by its name: those of lint, then those of generate, then those of measurements."""
    return {**rules(), **remarks(), **faults()}


def command(
    shared: Shared,
    rule: Annotated[
        str, Argument(metavar="[RULE]", help="One rule, to be explained; all of them are listed without.")
    ] = "",
) -> int:
    """Rules.

    A page is Markdown: what is wrong, why that hurts a stream, what to write instead. It begins with the command that tells it:
    `lint` of configs, `generate` of specs, `probe` of endpoints.
    """
    known = catalogue()
    if rule and rule not in known:
        raise BadUsage(f"there is no rule {rule}; {suggest(rule, list(known))}")
    wanted = [known[rule]] if rule else list(known.values())
    if shared.format == "json":
        shared.print_json(
            {
                "rules": [
                    {
                        "rule": each.name, "category": each.category.value, "severity": each.severity.value, "targets": list(each.targets),
                        "told_by": each.told_by, "summary": each.summary, "page": each.page, "docs": each.file,
                    }
                    for each in wanted
                ]
            }
        )  # fmt: skip
    elif rule:
        (kind,) = wanted
        sys.stdout.write(f"{rule} ({kind.severity}, {kind.category}; told by proxycfg {kind.told_by})\n\n{kind.page}\n")
    else:
        width = max(map(len, known))
        for each in wanted:
            sys.stdout.write(f"{each.name:<{width}}  {each.told_by:<8}  {each.severity.value:<7}  {each.summary}\n")
    return Exit.OK
