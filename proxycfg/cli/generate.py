"""``proxycfg generate``."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from proxycfg.cli.shared import Shared, one_of
from proxycfg.cli.specs import load_spec
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage

if TYPE_CHECKING:
    from proxycfg.finding import Finding
    from proxycfg.generate import Generated

EXAMPLE = "proxycfg generate routes.yaml --target nginx --out deploy"
FORMATS = ("text", "json")
NOTHING: dict[str, object] = {"files": [], "findings": []}


def command(
    ctx: typer.Context,
    spec_path: Annotated[str, typer.Argument(metavar="SPEC", show_default=False)],
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            metavar="TARGET",
            help="nginx or envoy; repeatable. Default: those the spec names, or all.",
        ),
    ] = None,
    out: Annotated[
        str,
        typer.Option("--out", "-o", metavar="DIR", help="Folder to write to; - prints the main file of one target."),
    ] = "generated",
    diff: Annotated[
        bool, typer.Option("--diff", help="Print what would change in DIR, write nothing, exit 1 if anything would.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that were edited by hand.")] = False,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on", metavar="LEVEL", help="Exit 1 on findings of this level: error, warning, info or never."
        ),
    ] = "error",
) -> int:
    """Generate.

    SPEC is the routes.yaml to read; - for standard input.
    """
    from proxycfg.generate import default_targets, generate  # noqa: PLC0415

    shared: Shared = ctx.obj
    threshold = _level(fail_on)
    chosen = _known_targets(target)
    if shared.format == "json" and (diff or out == "-"):
        raise BadUsage("--format json reports what was written: leave it out with --diff and with --out -")
    spec = load_spec(spec_path)
    targets = chosen or default_targets(spec)
    if out == "-" and (len(targets) != 1 or diff):
        raise BadUsage("--out - prints the main file of one target: add --target nginx (or envoy), without --diff")
    made = generate(spec, targets)
    if out == "-":
        sys.stdout.write(made.files[made.main[targets[0]]])
        changed = False
    else:
        changed = _write(Path(out), made, shared, diff=diff, force=force)
    if shared.format == "text":
        _report(made.findings, shared)
    failed = any(finding.severity.rank >= threshold for finding in made.findings)
    return Exit.FOUND if failed or (diff and changed) else Exit.OK


def _write(out: Path, made: Generated, shared: Shared, *, diff: bool, force: bool) -> bool:
    """Write, or show the difference; says whether anything differs from what is there."""
    from proxycfg import outdir  # noqa: PLC0415

    existing = outdir.read_existing(out, made.files)
    if diff:
        text = outdir.diff(existing, made.files)
        sys.stdout.write(text)
        return bool(text)
    edited = [name for name in outdir.hand_edited(existing) if existing[name] != made.files[name]]
    if edited and not force:
        names = "\n".join(f"  {out / name}" for name in edited)
        raise BadUsage(
            f"these files were edited by hand since they were generated (or were not generated):\n{names}\n"
            "Nothing was written. Look at the difference with --diff; move the edits into the spec; then use --force."
        )
    changed = {name: text for name, text in made.files.items() if existing[name] != text}
    outdir.write(out, changed)
    if shared.format == "text" and (shared.verbose or not shared.quiet):
        for name in made.files:
            sys.stdout.write(f"{out / name}{'' if name in changed else ' (unchanged)'}\n")
    elif shared.format == "json":
        from proxycfg.reports.json_v1 import finding_to_json  # noqa: PLC0415

        files = [{"path": str(out / name), "changed": name in changed} for name in made.files]
        shared.print_json({"files": files, "findings": [finding_to_json(finding) for finding in made.findings]})
    return bool(changed)


def _report(findings: Sequence[Finding], shared: Shared) -> None:
    for finding in findings:
        if not shared.quiet or finding.severity.rank == _level("error"):
            shared.say(str(finding))


def _known_targets(names: list[str] | None) -> tuple[str, ...]:
    from proxycfg.targets import TARGETS  # noqa: PLC0415

    wanted = dict.fromkeys(part.strip() for name in names or () for part in name.split(","))
    for name in wanted:
        one_of("--target", name, TARGETS)
    return tuple(name for name in TARGETS if name in wanted)


def _level(name: str) -> int:
    from proxycfg.finding import Severity  # noqa: PLC0415

    one_of("--fail-on", name, (*Severity, "never"))
    return 9 if name == "never" else Severity(name).rank
