"""What every command has: the common options, and where its result and its talk go."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click
from click.core import ParameterSource

from proxycfg import __version__
from proxycfg.cli import paint
from proxycfg.errors import BadUsage

if TYPE_CHECKING:
    from proxycfg.settings import Settings


@dataclass(slots=True)
class Shared:
    """The common options of one run; ``ctx.obj`` of every command.

    The result goes to ``sys.stdout``, which is the file of ``--output`` where one is given; all else through ``say``, ``note``
    and ``detail``, to standard error.

    :param color: None to decide by what the stream is.
    :param before: the options that stood before the command.
    :param settings: those of ``--config``, or of the file that was found.
    """

    format: str = ""
    output: str = "-"
    color: bool | None = None
    quiet: bool = False
    verbose: bool = False
    before: dict[str, Any] = field(default_factory=dict)
    settings: Settings | None = None

    def say(self, text: str) -> None:
        """What must be known, whatever the options."""
        with contextlib.suppress(BrokenPipeError):
            sys.stderr.write(f"{paint.message(text) if self.colors(sys.stderr) else text}\n")

    def note(self, text: str) -> None:
        """What is worth knowing; ``-q`` silences it."""
        if not self.quiet:
            self.say(text)

    def detail(self, text: str) -> None:
        """What ``-v`` asks for."""
        if self.verbose:
            self.note(text)

    def colors(self, stream: TextIO) -> bool:
        """Whether to colour what goes to this stream: as the option says, else the environment, else if it is a terminal."""
        if self.color is not None:
            return self.color
        if stream is sys.stdout and self.output != "-":
            return False
        # https://no-color.org, https://force-color.org and https://bixense.com/clicolors
        if os.environ.get("NO_COLOR"):
            return False
        if any(os.environ.get(name, "0") not in {"", "0"} for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
            return True
        return stream.isatty() and os.environ.get("TERM") != "dumb"

    def print_json(self, body: Mapping[str, object]) -> None:
        """A result as JSON, with the name and version of what made it."""
        whole = {"version": 1, "tool": {"name": "proxycfg", "version": __version__}, **body}
        sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")

    def print_difference(self, text: str) -> None:
        """A unified diff as the result."""
        sys.stdout.write(paint.difference(text) if self.colors(sys.stdout) else text)

    def write(self, result: str) -> None:
        """The result into the file of ``--output``."""
        from proxycfg import outdir  # noqa: PLC0415

        path = Path(self.output)
        outdir.write(path.parent, {path.name: result})


def one_of(option: str, value: str, known: Sequence[str], meant: str | None = None) -> None:
    """Refuse a word that is not among those known; ``meant`` is the one that it stands for elsewhere, if any.

    :raises BadUsage: naming those that are.
    """
    if value not in known:
        near = f"did you mean {meant}? " if meant else ""
        raise BadUsage(f"{option} {value}: not known; {near}write one of {', '.join(known)}")


def shared_options(
    formats: Sequence[str], own: set[str], configure: Callable[[click.Context, str | None], None] | None = None
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
        if param.name == "settings_file":
            if configure:
                configure(ctx, value)
            return
        if param.name == "format":
            one_of("--format", value, formats)
        setattr(shared, param.name, value)

    told: dict[str, tuple[list[str], dict[str, Any]]] = {
        "--format": (["--format"], {"metavar": "FORMAT", "help": f"How to report: {' or '.join(formats)}."}),
        "--output": (
            ["--output", "-o"],
            {"metavar": "FILE", "help": "Write the result to FILE; - is standard output."},
        ),
        "--color": (
            ["--color/--no-color"],
            {"help": "Colour the text. Default: at a terminal, unless NO_COLOR is set; FORCE_COLOR does it anywhere."},
        ),
        "--quiet": (["--quiet", "-q"], {"is_flag": True, "help": "Say nothing but results and errors."}),
        "--verbose": (["--verbose", "-v"], {"is_flag": True, "help": "Say more, on standard error."}),
        "--config": (
            # Commands call an argument of theirs `config`.
            ["--config", "settings_file"],
            {
                "metavar": "FILE",
                "is_eager": True,
                "help": "Read settings from FILE. Default: .proxycfg.toml, .proxycfg.yaml or pyproject.toml, here or above.",
            },
        ),
    }
    defaults: dict[str, Any] = {
        "--format": formats[0] if formats else None,
        "--output": "-",
        "--color": None,
        "--config": None,
    }
    return [
        click.Option(
            [name for name in names if name not in own],
            expose_value=False, callback=keep, default=defaults.get(option, False), **more,
        )
        for option, (names, more) in told.items()
        if option not in own
    ]  # fmt: skip
