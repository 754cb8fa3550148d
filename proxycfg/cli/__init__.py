"""The command line: parse, call a verb, print, return a code. The one place that catches what is not our bug, and exits.

A command is a module here, of its name, found by its line in ``commands.COMMANDS`` and imported when it runs and not before:

- ``command(ctx, …)``: its parameters are its options (Typer reads them), its result the exit code; ``ctx.obj`` is the ``Shared``
  of this run, the options that every command has. Its docstring's second paragraph, if any, is shown in its help.
- ``EXAMPLE``: a command line that people can copy.
- ``FORMATS``: what ``--format`` takes, the default first.
- ``SETTINGS`` (optional): keys of its table in a file of settings that are no options; it reads them with
  ``ctx.obj.settings.extra``.
- ``NOTHING`` (optional): what the JSON holds, beside its errors, where the input was too wrong to say anything else.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from click.core import ParameterSource
from typer.core import TyperArgument, TyperCommand, TyperGroup

from proxycfg import __version__
from proxycfg.cli.shared import Shared, shared_options
from proxycfg.commands import COMMANDS, Exit, usage
from proxycfg.errors import MAX_PROBLEMS, BadUsage, CannotRun, InvalidInput

if TYPE_CHECKING:
    from proxycfg.settings import Kind, Option

PATHS = {"FILE", "DIR", "SPEC"}
"""The metavars of options that name a place on disk: in a file of settings, it is relative to that file."""
ONLY_TYPED = {"settings_file", "help", "binary", "allow_outside"}
"""Options that no file of settings gives: one may lie in a stranger's folder, where it must start no program and open no door."""
BY_HAND = {"output", "force", "root", "allow-outside", "nginx-binary", "image", "runner", "save-svg"}
"""The options that a file cannot give. It comes with a project that somebody else may have written, and must not decide which programs
are run, what is written over, nor what is opened elsewhere."""
_INTERRUPTED = 130
"""What shells say of a program that Ctrl-C has ended."""


class Command(TyperCommand):
    """A command with the options that all have, listed apart from its own."""

    nothing: Mapping[str, object]
    """``NOTHING`` of its module."""
    extra: Sequence[str]
    """``SETTINGS`` of its module."""
    common: Sequence[click.Parameter]
    source: Callable[..., int]
    """``command`` of its module."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Typer's list in three parts."""
        told = inspect.get_annotations(self.source, eval_str=True)
        for param in self.params:
            if isinstance(param, TyperArgument):
                # Click overwrites what typer has set there, from 8.5 on.
                param.help = told[param.name].__metadata__[0].help
        for title, kind, shared in (
            ("Arguments", "argument", False),
            ("Options", "option", False),
            ("Common options", "option", True),
        ):
            params = [p for p in self.get_params(ctx) if p.param_type_name == kind and (p in self.common) is shared]
            if records := [record for p in params if (record := p.get_help_record(ctx))]:
                with formatter.section(title):
                    formatter.write_dl(records)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What stood before the command is what its own options are where they are not given."""
        ctx.default_map = ctx.obj.before
        with _blaming(ctx):
            return super().parse_args(ctx, args)

    def configure(self, ctx: click.Context, file: str | None) -> None:
        """What is neither here nor before the command, a file may say."""
        from proxycfg.settings import discover, load  # noqa: PLC0415 - not for --help

        shared: Shared = ctx.obj
        shared.settings = load(file) if file else discover()
        if shared.settings:
            params = settable(self)
            found = shared.settings.of(
                str(self.name), {name: option for name, (_, option) in params.items()}, self.extra, _everywhere, BY_HAND
            )
            ctx.default_map = {**{str(params[name][0].name): value for name, value in found.items()}, **shared.before}

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; with ``--output`` what it prints becomes a file when it is done, whole or not at all."""
        shared: Shared = ctx.obj
        if shared.settings:
            shared.detail(f"settings from {shared.settings.file}")
        if shared.output == "-":
            return self._told(ctx)
        if Path(shared.output).is_dir():
            # Before the command does anything that it cannot report then.
            raise BadUsage(f"--output {shared.output}: is a folder, where a file should be written")
        invalid: InvalidInput | None = None
        code = None
        with contextlib.redirect_stdout(io.StringIO()) as result:
            try:
                code = self._told(ctx)
            except InvalidInput as error:
                invalid = error
        if result.getvalue() or not invalid:
            shared.write(result.getvalue())
        if invalid:
            raise invalid
        return code

    def _told(self, ctx: click.Context) -> Any:
        """Run it; what makes the input unusable is a part of the result where that is JSON."""
        try:
            with _blaming(ctx):
                return super().invoke(ctx)
        except InvalidInput as error:
            if ctx.obj.format == "json":
                ctx.obj.print_json({**self.nothing, "errors": [problem.to_json() for problem in error.problems]})
            raise


@contextlib.contextmanager
def _blaming(ctx: click.Context) -> Iterator[None]:
    """Lets a word that a command refuses be looked for where it stands: in a file, if it is from there."""
    try:
        yield
    except BadUsage as error:
        shared: Shared = ctx.obj
        name = str(error).partition(" ")[0].removeprefix("--")
        param, _ = settable(ctx.command).get(name, (None, None))
        if param and shared.settings and param.name not in shared.before:
            span = shared.settings.span_of(str(ctx.command.name), name)
            if span and ctx.get_parameter_source(str(param.name)) is ParameterSource.DEFAULT_MAP:
                raise InvalidInput([shared.settings.document.problem(span, str(error))]) from None
        raise


def settable(command: click.Command) -> dict[str, tuple[click.Option, Option]]:
    """The options of a command that a file can give, by their names there."""
    from proxycfg.settings import Option  # noqa: PLC0415 - not for --help

    found = {}
    for param in command.params:
        if isinstance(param, click.Option) and param.name not in ONLY_TYPED:
            name = next(opt for opt in param.opts if opt.startswith("--")).removeprefix("--")
            if name in BY_HAND:
                continue
            kind: Kind = (
                "switch" if param.is_flag
                else "texts" if param.multiple
                else "number" if isinstance(param.type, click.types.IntParamType)
                else "text"
            )  # fmt: skip
            found[name] = (param, Option(name, kind, path=param.metavar in PATHS))
    return found


def _everywhere() -> set[str]:
    """The names of what a file can say at its top: any command may know them."""
    return {name for command in COMMANDS for name in settable(load(command))}


class _Commands(TyperGroup):
    """Our help text; commands in the order of the table, imported when they are asked for."""

    def get_help(self, ctx: click.Context) -> str:
        return usage().rstrip("\n")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return load(cmd_name) if cmd_name in COMMANDS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, 1)
            hint = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"No such command '{args[0]}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def load(name: str) -> Command:
    """The command of this name, ready to parse and run."""
    module = importlib.import_module(f"proxycfg.cli.{name.replace('-', '_')}")
    _, _, more = inspect.cleandoc(module.command.__doc__).partition("\n\n")
    made = _click(name, module.command, f"{COMMANDS[name]}\n\n{more}", f"Example: {module.EXAMPLE}")
    own = {opt for param in made.params for opt in param.opts}
    made.source = module.command
    made.extra = getattr(module, "SETTINGS", ())
    made.common = shared_options(module.FORMATS, own, made.configure)
    made.params += made.common
    made.nothing = getattr(module, "NOTHING", {})
    return made


def _click(name: str, command: Callable[..., int], told: str, epilog: str) -> Command:
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=False)
    app.command(name, cls=Command, help=told, epilog=epilog, context_settings=_SETTINGS)(command)
    made = typer.main.get_command(app)
    assert isinstance(made, Command)
    return made


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"proxycfg {__version__}")
        raise typer.Exit


def _app() -> click.Command:
    app = typer.Typer(
        cls=_Commands,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=_SETTINGS,
    )

    @app.callback()
    def _main(
        version: Annotated[
            bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_version)
        ] = False,
    ) -> None:
        """Options of no command."""

    made = typer.main.get_command(app)
    made.params += shared_options((), set())
    return made


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code (``Exit``)."""
    for stream in (sys.stdout, sys.stderr):
        # Configs and schemas are UTF-8 whatever the locale; a file name may be no text at all, and goes out as it came in.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    shared = Shared()
    try:
        result = _app().main(list(arguments) or ["--help"], "proxycfg", standalone_mode=False, obj=shared)
        sys.stdout.flush()
    except InvalidInput as error:
        shown = error.problems[:MAX_PROBLEMS]
        shared.say("\n".join(map(str, shown)))
        if (count := len(shown)) > 1:
            shared.say(
                f"{count} problems found{' (there may be more)' if count == MAX_PROBLEMS else ''}; nothing was written."
            )
        return Exit.USAGE
    except BadUsage as error:
        shared.say(str(error))
        return Exit.USAGE
    except CannotRun as error:
        shared.say(str(error))
        return Exit.CANNOT_RUN
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        shared.say("interrupted")
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
        shared.say(f"cannot write the result: {error.strerror}")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return Exit.USAGE
    if result == _INTERRUPTED:
        shared.say("interrupted")
    return int(result or 0)
