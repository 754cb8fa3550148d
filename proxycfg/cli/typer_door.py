"""Every command line, by Typer: help, completion, mistakes, options before the command, and settings from a file."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import click
import typer
from click.core import ParameterSource
from typer.core import TyperArgument, TyperCommand, TyperGroup

from proxycfg import __version__
from proxycfg.cli.options import SETTINGS_FILE, Parameter, common, parameters
from proxycfg.cli.shared import Shared, one_of
from proxycfg.commands import COMMANDS, Exit, usage
from proxycfg.errors import BadUsage, InvalidInput

if TYPE_CHECKING:
    from proxycfg.settings import Kind, Option

PATHS = {"FILE", "DIR", "SPEC"}
"""The metavars of options that name a place on disk: in a file of settings, it is relative to that file."""
ONLY_TYPED = {SETTINGS_FILE, "help", "binary", "allow_outside"}
"""Options that no file of settings gives: one may lie in a stranger's folder, where it must start no program and open no door."""
BY_HAND = {"output", "force", "root", "allow-outside", "nginx-binary", "image", "runner", "save-svg", "insecure",
           "data", "record", "replay", "save-case", "compare"}  # fmt: skip
"""The options that a file cannot give. It comes with a project that somebody else may have written, and must not decide which programs
are run, what is written over, what is opened elsewhere, nor whom to believe."""


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
        told = {each.name: each.told.help for each in parameters(self.source)}
        for param in self.params:
            if isinstance(param, TyperArgument):
                # Click overwrites what typer has set there, from 8.5 on.
                param.help = told[str(param.name)]
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
        """Run it."""

        def call() -> Any:
            with _blaming(ctx):
                return super(Command, self).invoke(ctx)

        return ctx.obj.perform(call, self.nothing)


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
    app.command(name, cls=Command, help=told, epilog=epilog, context_settings=_SETTINGS)(_for_typer(command))
    made = typer.main.get_command(app)
    assert isinstance(made, Command)
    return made


def _for_typer(command: Callable[..., int]) -> Callable[..., int]:
    """The command as Typer wants one: annotated in its terms, without the ``Shared``."""

    def call(**values: Any) -> int:
        return command(click.get_current_context().obj, **values)

    own = [_typers(each) for each in parameters(command)]
    call.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
    call.__annotations__ = {each.name: each.annotation for each in own}
    return call


def _typers(each: Parameter) -> inspect.Parameter:
    shown = each.default not in {"", None, ...}
    told: dict[str, Any] = {"metavar": each.told.metavar, "help": each.told.help or None, "show_default": shown}
    word = typer.Option(*each.told.names, **told) if each.told.names else typer.Argument(**told)
    default = inspect.Parameter.empty if each.default is ... else each.default
    return inspect.Parameter(
        each.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[each.hint, word]
    )


def shared_options(
    formats: tuple[str, ...], own: set[str], configure: Callable[[click.Context, str | None], None] | None = None
) -> list[click.Parameter]:
    """The common options, less those that a command has as its ``own``; without ``formats`` those that stand before any command.

    :param configure: what to do with ``--config`` before any other option is looked at.
    """

    def keep(ctx: click.Context, param: click.Parameter, value: Any) -> None:
        shared: Shared = ctx.obj
        assert param.name
        if not formats:
            if ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
                shared.before[param.name] = value
            return
        if param.name == SETTINGS_FILE:
            if configure:
                configure(ctx, value)
            return
        if param.name == "format":
            one_of("--format", value, formats)
        setattr(shared, param.name, value)

    return [
        click.Option(
            [*each.told.names, each.name],
            expose_value=False, callback=keep, default=each.default, is_flag=each.kind is bool,
            metavar=each.told.metavar, help=each.told.help, is_eager=each.name == SETTINGS_FILE,
        )
        for each in common(formats, own)
    ]  # fmt: skip


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


def run(arguments: Sequence[str], shared: Shared) -> Any:
    """Run one command line; the result of its command, or the exit code of what stood in its stead."""
    try:
        return _app().main(list(arguments) or ["--help"], "proxycfg", standalone_mode=False, obj=shared)
    except click.ClickException as error:
        error.show()
        return Exit.USAGE
    except click.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as error:
        # Typer turns the one into the other.
        if isinstance(error.__context__, BrokenPipeError):
            raise error.__context__ from None
        raise
