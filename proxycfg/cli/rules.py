"""``proxycfg rules``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from proxycfg.cli.shared import Shared
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage, suggest
from proxycfg.rules import rules

EXAMPLE = "proxycfg rules sse-response-buffered"
FORMATS = ("text", "json")


def command(
    ctx: typer.Context,
    rule: Annotated[
        str, typer.Argument(metavar="[RULE]", help="One rule, to be explained; all of them are listed without.")
    ] = "",
) -> int:
    """Rules.

    A page is Markdown: what the rule sees, why that hurts a stream, what to write instead, when it is fine.
    """
    shared: Shared = ctx.obj
    known = rules()
    if rule and rule not in known:
        raise BadUsage(f"there is no rule {rule}; {suggest(rule, list(known))}")
    wanted = [known[rule]] if rule else list(known.values())
    if shared.format == "json":
        shared.print_json(
            {
                "rules": [
                    {
                        "rule": each.name, "category": each.category.value, "severity": each.severity.value, "targets": list(each.targets),
                        "summary": each.summary, "page": each.page, "docs": each.file,
                    }
                    for each in wanted
                ]
            }
        )  # fmt: skip
    elif rule:
        sys.stdout.write(f"{rule} ({known[rule].severity}, {known[rule].category})\n\n{known[rule].page}\n")
    else:
        width = max(map(len, known))
        for each in wanted:
            sys.stdout.write(f"{each.name:<{width}}  {each.severity.value:<7}  {each.summary}\n")
    return Exit.OK
