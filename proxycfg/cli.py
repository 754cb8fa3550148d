"""The command line: parse, call a verb, print, return a code. The one place that catches what is not our bug, and exits."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from typer.core import TyperGroup

from proxycfg import __version__
from proxycfg.commands import COMMANDS, Exit, usage
from proxycfg.errors import MAX_PROBLEMS, BadUsage, CannotRun, InvalidInput, Problem
from proxycfg.source import Source, Span

if TYPE_CHECKING:
    from proxycfg.explain import Explanation
    from proxycfg.finding import Finding
    from proxycfg.generate import Generated
    from proxycfg.spec import Spec


class _Commands(TyperGroup):
    """Our help text, and commands in the order of the table."""

    def get_help(self, ctx: click.Context) -> str:
        return usage().rstrip("\n")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but errors.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Say more: which files, which versions.")]
SpecPath = Annotated[str, typer.Argument(metavar="SPEC", show_default=False)]

_INTERRUPTED = 130
"""What shells say of a program that Ctrl-C has ended."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code (``Exit``)."""
    for stream in (sys.stdout, sys.stderr):
        # Configs and schemas are UTF-8 whatever the locale; a file name may be no text at all, and goes out as it came in.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        result = app(args=list(arguments) or ["--help"], prog_name="proxycfg", standalone_mode=False)
        sys.stdout.flush()
    except InvalidInput as error:
        shown = error.problems[:MAX_PROBLEMS]
        _say("\n".join(map(str, shown)))
        if (count := len(shown)) > 1:
            _say(
                f"{count} problems found{' (there may be more)' if count == MAX_PROBLEMS else ''}; nothing was written."
            )
        return Exit.USAGE
    except BadUsage as error:
        _say(str(error))
        return Exit.USAGE
    except CannotRun as error:
        _say(str(error))
        return Exit.CANNOT_RUN
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted")
        return _INTERRUPTED
    except (BrokenPipeError, SystemExit) as error:
        # Typer turns the one into the other.
        if not isinstance(error.__context__ or error, BrokenPipeError):
            raise
        # The reader went away (`| head`): point stdout elsewhere, or Python complains again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Exit.OK
    except OSError as error:
        # Files are handled where they are known; what is left is standard output itself.
        _say(f"cannot write the result: {error.strerror}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Exit.USAGE
    if result == _INTERRUPTED:
        _say("interrupted")
    return int(result or 0)


def _say(text: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        sys.stderr.write(f"{text}\n")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"proxycfg {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Options of no command."""


_SPEC = "SPEC is the routes.yaml to read; - for standard input."


@app.command(
    "generate",
    help=f"{COMMANDS['generate']}\n\n{_SPEC}",
    epilog="Example: proxycfg generate routes.yaml --target nginx --out deploy",
)
def _generate(  # noqa: PLR0913, PLR0917 - one parameter an option
    spec_path: SpecPath,
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
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="How to report: text or json.")] = "text",
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    from proxycfg.generate import default_targets, generate  # noqa: PLC0415

    threshold = _level(fail_on)
    _one_of("--format", form, ("text", "json"))
    chosen = _known_targets(target)
    if form == "json" and (diff or out == "-"):
        raise BadUsage("--format json reports what was written: leave it out with --diff and with --out -")
    spec = _load_spec(spec_path)
    targets = chosen or default_targets(spec)
    if out == "-" and (len(targets) != 1 or diff):
        raise BadUsage("--out - prints the main file of one target: add --target nginx (or envoy), without --diff")
    made = generate(spec, targets)
    if out == "-":
        sys.stdout.write(made.files[made.main[targets[0]]])
        changed = False
    else:
        changed = _write(Path(out), made, diff=diff, force=force, form=form, talk=verbose or not quiet)
    _report(made.findings, "text" if out == "-" or diff else form, quiet=quiet)
    failed = any(finding.severity.rank >= threshold for finding in made.findings)
    return Exit.FOUND if failed or (diff and changed) else Exit.OK


def _write(out: Path, made: Generated, *, diff: bool, force: bool, form: str, talk: bool) -> bool:
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
    if form == "text" and talk:
        for name in made.files:
            sys.stdout.write(f"{out / name}{'' if name in changed else ' (unchanged)'}\n")
    elif form == "json":
        from proxycfg.reports.json_v1 import finding_to_json  # noqa: PLC0415

        files = [{"path": str(out / name), "changed": name in changed} for name in made.files]
        _print_json(
            {"version": 1, "tool": _tool(), "files": files, "findings": [finding_to_json(f) for f in made.findings]}
        )
    return bool(changed)


def _report(findings: Sequence[Finding], form: str, *, quiet: bool) -> None:
    if form != "text":
        return
    for finding in findings:
        if not quiet or finding.severity.rank == _level("error"):
            _say(str(finding))


@app.command("init", help=COMMANDS["init"], epilog="Example: proxycfg init && proxycfg generate routes.yaml")
def _init(
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="File to write; - for standard output.")
    ] = "routes.yaml",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file if it exists.")] = False,
    quiet: Quiet = False,
) -> int:
    from proxycfg import outdir  # noqa: PLC0415
    from proxycfg.starter import starter  # noqa: PLC0415

    if output == "-":
        sys.stdout.write(starter())
        return Exit.OK
    path = Path(output)
    if path.exists() and not force:
        raise BadUsage(f"{path}: exists already; nothing was written. Use --force to replace it, or --output OTHER.")
    outdir.write(path.parent, {path.name: starter()})
    if not quiet:
        sys.stdout.write(f"{path}\n")
    return Exit.OK


@app.command("schema", help=COMMANDS["schema"], epilog="Example: proxycfg schema > routes.schema.json")
def _schema(
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="File to write; default standard output.")
    ] = "-",
) -> int:
    from proxycfg import outdir  # noqa: PLC0415
    from proxycfg.schema import schema  # noqa: PLC0415

    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if output == "-":
        sys.stdout.write(text)
    else:
        outdir.write(Path(output).parent, {Path(output).name: text})
    return Exit.OK


@app.command(
    "explain",
    help=COMMANDS["explain"],
    epilog="Example: proxycfg explain /etc/nginx --url https://chat.example.com/v1/chat",
)
def _explain(  # noqa: PLR0913, PLR0917 - one parameter an option
    config: Annotated[
        str,
        typer.Argument(
            metavar="CONFIG", help="An nginx config: a file, a folder, or - for standard input.", show_default=False
        ),
    ],
    url: Annotated[
        list[str] | None, typer.Option("--url", metavar="URL", help="Only the route that this URL ends in; repeatable.")
    ] = None,
    host: Annotated[
        str, typer.Option("--host", metavar="H", help="With --path: the host that is asked for.", show_default=False)
    ] = "",
    path: Annotated[
        str, typer.Option("--path", metavar="P", help="Only the route that this path ends in.", show_default=False)
    ] = "",
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol", metavar="X", help="Hold each route against the need of this protocol.", show_default=False
        ),
    ] = "",
    nginx_version: Annotated[
        str,
        typer.Option(
            "--nginx-version",
            metavar="X.Y.Z",
            help="The version that runs it; default the newest stable.",
            show_default=False,
        ),
    ] = "",
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", metavar="DIR", help="Files outside this folder are not opened; default the config's own."
        ),
    ] = None,
    allow_outside: Annotated[
        bool, typer.Option("--allow-outside", help="Follow includes anywhere on this machine.")
    ] = False,
    form: Annotated[str, typer.Option("--format", metavar="FORMAT", help="text or json.")] = "text",
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="File to write; default standard output.")
    ] = "-",
) -> int:
    from proxycfg import outdir  # noqa: PLC0415

    _one_of("--format", form, ("text", "json"))
    if protocol:
        from proxycfg.protocols import protocols  # noqa: PLC0415

        _one_of("--protocol", protocol, tuple(protocols()))
    if path and not path.startswith("/"):
        raise BadUsage(f"--path {path}: must start with /")
    urls = list(url or ())
    if host:
        # Where the listener speaks TLS alone, the request is taken to reach it all the same.
        urls.append(f"{'ws' if protocol == 'websocket' else 'http'}://{host}{path or '/'}")
        path = ""
    explanation = _read_nginx(
        config, urls, protocol or None, nginx_version, root, path=path, allow_outside=allow_outside
    )
    if form == "json":
        text = json.dumps(explanation.to_json(), indent=2, ensure_ascii=False) + "\n"
    else:
        from proxycfg.reports.explain_text import explanation_to_text  # noqa: PLC0415

        text = explanation_to_text(explanation, tables=bool(urls or path or protocol))
    for problem in explanation.problems:
        _say(str(problem))
    if output == "-":
        sys.stdout.write(text)
    else:
        outdir.write(Path(output).parent, {Path(output).name: text})
    return Exit.OK


def _read_nginx(
    config: str,
    urls: list[str],
    protocol: str | None,
    version: str,
    root: Path | None,
    *,
    path: str,
    allow_outside: bool,
) -> Explanation:
    from proxycfg.confdir import OnDisk, decode, find_main  # noqa: PLC0415
    from proxycfg.explain import explain  # noqa: PLC0415
    from proxycfg.targets.nginx import facts  # noqa: PLC0415
    from proxycfg.targets.nginx.config import load, load_texts, split_dump  # noqa: PLC0415
    from proxycfg.targets.nginx.directives import opens_line  # noqa: PLC0415
    from proxycfg.targets.nginx.explain import explain_config  # noqa: PLC0415

    main = Source("<stdin>", decode(sys.stdin.buffer.read())) if config == "-" else find_main(config)
    version = version or facts.NEWEST_STABLE
    if not all(part.isdigit() for part in version.split(".")):
        raise BadUsage(f"--nginx-version {version}: write a version such as 1.26.2")
    lookup = OnDisk(root or (Path(config) if Path(config).is_dir() else Path(main.name).parent), allow_outside)
    texts = split_dump(main)
    read = load_texts(texts, is_directive=opens_line) if texts else load(main, lookup, is_directive=opens_line)
    try:
        routes = explain_config(read, version, urls, protocol, path=path)
    except ValueError as error:
        raise BadUsage(f"--url: {error}") from None
    return explain(
        "nginx", version, routes, protocol=protocol, assumed=[*read.assumed, *lookup.assumed], problems=read.problems
    )


@app.command("demo", help=COMMANDS["demo"], epilog="Example: proxycfg demo --engine envoy --runner local")
def _demo(
    engine: Annotated[str, typer.Option("--engine", metavar="ENGINE", help="nginx, envoy or auto.")] = "auto",
    runner: Annotated[
        str, typer.Option("--runner", metavar="RUNNER", help="docker, local (programs of this machine) or auto.")
    ] = "auto",
    image: Annotated[
        str, typer.Option("--image", metavar="IMAGE", help="The Docker image to run.", show_default=False)
    ] = "",
    plain: Annotated[bool, typer.Option("--plain", help="Lines of text instead of the live view.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the measurement as JSON.")] = False,
    save_svg: Annotated[
        Path | None, typer.Option("--save-svg", metavar="FILE", help="Write a picture of the final view.")
    ] = None,
) -> int:
    from proxycfg.demo import Options, Wanted, run  # noqa: PLC0415

    wanted = Wanted.read(engine, runner, image)
    return run(Options(wanted=wanted, plain=plain, as_json=as_json, save_svg=save_svg))


def _load_spec(path: str) -> Spec:
    from proxycfg import specfile  # noqa: PLC0415

    return specfile.load(_read_source(path, specfile.MAX_BYTES))


def _read_source(path: str, limit: int) -> Source:
    """A text file or standard input; every way in which that can fail is bad usage with a place."""
    name = "<stdin>" if path == "-" else path
    start = Span(name, 1, 1, 1, 1)
    try:
        if path == "-":
            if sys.stdin is None:
                raise OSError(errno.EBADF, "standard input is closed")  # noqa: TRY301 - one place words them all
            data = sys.stdin.buffer.read(limit + 1)
        else:
            with open(path, "rb") as stream:
                data = stream.read(limit + 1)
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(
            [Problem(start, f"cannot read: {said}", "give the path of a spec; `proxycfg init` writes one")]
        ) from None
    if len(data) > limit:
        raise InvalidInput([Problem(start, f"larger than {limit // 2**20} MiB", "split the spec")])
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return Source(name, data.decode())
    except UnicodeDecodeError as error:
        before = re.split("\r\n|\r|\n", data[: error.start].decode())
        where = Span(name, len(before), len(before[-1]) + 1, len(before), len(before[-1]) + 2)
        said = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise InvalidInput([Problem(where, said, "save the file as UTF-8", before[-1])]) from None


def _known_targets(names: list[str] | None) -> tuple[str, ...]:
    from proxycfg.targets import TARGETS  # noqa: PLC0415

    wanted = dict.fromkeys(part.strip() for name in names or () for part in name.split(","))
    for name in wanted:
        _one_of("--target", name, TARGETS)
    return tuple(name for name in TARGETS if name in wanted)


def _level(name: str) -> int:
    from proxycfg.finding import Severity  # noqa: PLC0415

    _one_of("--fail-on", name, (*Severity, "never"))
    return 9 if name == "never" else Severity(name).rank


def _one_of(option: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise BadUsage(f"{option} {value}: not known; write one of {', '.join(known)}")


def _tool() -> dict[str, str]:
    return {"name": "proxycfg", "version": __version__}


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")
