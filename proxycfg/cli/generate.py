"""``proxycfg generate``."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from proxycfg.cli.options import Argument, Option
from proxycfg.cli.shared import Shared, one_of
from proxycfg.cli.specs import load_spec
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage
from proxycfg.units import counted

if TYPE_CHECKING:
    from proxycfg.generate import Generated
    from proxycfg.spec import Route

EXAMPLE = "proxycfg generate routes.yaml --target nginx --out deploy"
FORMATS = ("text", "json")
NOTHING: dict[str, object] = {"files": [], "findings": []}


def command(
    shared: Shared,
    spec_path: Annotated[str, Argument(metavar="SPEC", help="The routes.yaml to read; - is standard input.")],
    target: Annotated[
        list[str] | None,
        Option(
            "--target",
            "-t",
            metavar="TARGET",
            help="nginx, envoy or cloudflare; repeatable. Default: those the spec names, or nginx and envoy.",
        ),
    ] = None,
    out: Annotated[
        str,
        Option("--out", "-o", metavar="DIR", help="Folder to write to; - prints the main file of one target."),
    ] = "generated",
    diff: Annotated[
        bool, Option("--diff", help="Print what would change in DIR, write nothing, exit 1 if anything would.")
    ] = False,
    force: Annotated[bool, Option("--force", help="Overwrite files that were edited by hand.")] = False,
    fail_on: Annotated[
        str,
        Option("--fail-on", metavar="LEVEL", help="Exit 1 on findings of this level: error, warning, info or never."),
    ] = "error",
) -> int:
    """Generate.

    DIR gets a folder for each target, such as nginx/nginx.conf (site.conf with
    `layout: site`), envoy/envoy.yaml and cloudflare/main.tf.
    """
    from proxycfg.generate import default_targets, generate  # noqa: PLC0415
    from proxycfg.targets import TARGETS  # noqa: PLC0415

    started = time.monotonic()
    threshold = _level(fail_on)
    chosen = _known_targets(target)
    if not out:
        raise BadUsage("--out is empty: name a folder, or write --out . for the current one")
    if shared.format == "json" and out == "-":
        raise BadUsage("--format json reports what was written: leave it out with --out -")
    spec = load_spec(spec_path)
    shared.detail(
        f"read {spec.source}: {counted(len(spec.routes), 'route')} to {counted(len(spec.upstreams), 'upstream')}"
    )
    targets = chosen or default_targets(spec)
    if out == "-" and (len(targets) != 1 or diff):
        raise BadUsage("--out - prints the main file of one target: add --target nginx (or another), without --diff")
    made = generate(spec, targets, _seen_from(out, spec_path))
    if out == "-" and len(made.main) > 1:
        raise BadUsage(
            f"--out - prints one file, and {targets[0]} is several hops of the chain: write a folder with --out DIR"
        )
    for name, part in made.parts.items() if shared.verbose else ():
        for route in part.routes:
            shared.detail(f"{name} {_aim(made, name, route)}")
    drift = False
    if out == "-":
        sys.stdout.write(made.files[next(iter(made.main.values()))])
    else:
        drift = _put(Path(out), made, (*(chosen or TARGETS), *made.main), shared, diff=diff, force=force)
    failed = any(finding.severity.rank >= threshold for finding in made.findings)
    if shared.format == "text":
        _report(made, shared, written=out != "-" and not diff, failed=failed)
    shared.detail(f"done in {time.monotonic() - started:.2f} s")
    return Exit.FOUND if failed or (diff and drift) else Exit.OK


def _seen_from(out: str, spec_path: str) -> str:
    """The spec's path from the output folder; what has no such path (standard input, or output) is said to be beside it."""
    if "-" in {out, spec_path}:
        return ""
    folder, name = os.path.split(spec_path)
    # `..` leads out of a folder as it really lies, whatever link led into it.
    return os.path.relpath(os.path.join(os.path.realpath(folder), name), os.path.realpath(out))


def _put(out: Path, made: Generated, targets: tuple[str, ...], shared: Shared, *, diff: bool, force: bool) -> bool:
    """Write, or show the difference; says whether anything differs from what is there.

    :param targets: folders whose former files count as left over.
    """
    from proxycfg import outdir  # noqa: PLC0415
    from proxycfg.generate import sha256  # noqa: PLC0415

    existing = outdir.read_existing(out, made.files)
    stale = outdir.stale(out, targets, made.files)
    changed = {name: text for name, text in made.files.items() if existing[name] != text}
    if not diff:
        edited = [name for name in outdir.hand_edited(existing) if name in changed]
        if edited and not force:
            names = "\n".join(f"  {out / name}" for name in edited)
            raise BadUsage(
                f"these files were edited by hand since they were generated (or were not generated):\n{names}\n"
                "Nothing was written. Look at the difference with --diff; move the edits into the spec; then use --force."
            )
        outdir.write(out, changed)
        for name in stale:
            shared.note(f"{out / name}: left over from another layout or target, and not written any more; delete it")
    before, after = {**existing, **stale}, {**made.files, **dict.fromkeys(stale)}
    if shared.format == "json":
        from proxycfg.reports.json_v1 import file_to_json, finding_to_json  # noqa: PLC0415

        files = [file_to_json(str(out / name), before[name], after[name]) for name in after]
        if diff:
            for file, name in zip(files, after, strict=True):
                file["diff"] = outdir.diff(before, {name: after[name]})
        findings = [finding_to_json(finding) for finding in made.findings]
        shared.print_json({"written": not diff, "files": files, "findings": findings})
    elif diff:
        shared.print_difference(outdir.diff(before, after))
    else:
        for name, text in made.files.items():
            if not shared.quiet:
                sys.stdout.write(f"{out / name}{'' if name in changed else ' (unchanged)'}\n")
            shared.detail(f"{out / name}: {len(text.encode())} bytes, sha256 {sha256(text)}")
    return bool(changed or stale)


def _report(made: Generated, shared: Shared, *, written: bool, failed: bool) -> None:
    errors = [finding for finding in made.findings if finding.severity == "error"]
    for finding in made.findings:
        (shared.say if finding in errors else shared.note)(str(finding))
    if errors and written:
        status = f"; exit status {Exit.FOUND}" if failed else ""
        shared.note(
            f"{counted(len(errors), 'error')}: the files were written all the same, and do not keep what the spec asks for there{status}."
        )


def _aim(made: Generated, target: str, route: Route) -> str:
    """A route in a line: what the config is meant to do to it, and what decided its timer."""
    from proxycfg.behavior import FOREVER  # noqa: PLC0415
    from proxycfg.units import show_duration  # noqa: PLC0415

    aim = made.aims[target, route.name]
    total = aim.total_timeout.low
    told = [
        "buffered" if aim.response_buffering.low else "streams",
        f"silence up to {show_duration(aim.upstream_idle_timeout.low)} ({_timer(route)})",
        "no time limit" if total == FOREVER else f"ends after {show_duration(total)}",
        f"HTTP/{aim.upstream_http_version.low} to {route.upstream.name}",
        *(["WebSocket passes"] if aim.upgrade.low else []),
        "may be retried" if aim.retries.low else "no retries",
    ]
    return f"{route.title} ({route.protocol.name}): {'; '.join(told)}"


def _timer(route: Route) -> str:
    """What decided how long a route may be silent."""
    if route.heartbeat and route.idle_timeout == route.protocol.silence(route.heartbeat):
        return "heartbeat"
    return f"default of {route.protocol.name}" if route.idle_timeout == route.protocol.idle_timeout else "idle_timeout"


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
