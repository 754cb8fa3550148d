"""What a command line may hold: a command declares its own options in its parameters, and the common ones stand here.

Both doors read the one declaration: ``door.py``, which parses what is plain, and ``typer_door.py``, which has the last word.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import UnionType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints


class Option:
    """The words that set a parameter, for ``Annotated``.

    :param names: ``--long`` and ``-s``; ``--on/--off`` for a switch that is unset without either.
    """

    __slots__ = ("help", "metavar", "names")

    def __init__(self, *names: str, metavar: str | None = None, help: str = "") -> None:  # noqa: A002 - as Typer spells it
        """Without names it is an argument, which goes by its place."""
        self.names, self.metavar, self.help = names, metavar, help


class Argument(Option):
    """What stands on the command line without a name."""

    __slots__ = ()

    def __init__(self, metavar: str, help: str = "") -> None:  # noqa: A002 - as above
        """``metavar`` is what help calls it."""
        super().__init__(metavar=metavar, help=help)


class Parameter(NamedTuple):
    """A parameter of a command.

    :param hint: its type, as it is annotated.
    :param kind: the type of one value: ``str``, ``bool`` (a switch) or ``Path``.
    :param many: whether it takes several.
    :param default: what it is where the command line does not say; ``...`` if that has to.
    """

    name: str
    told: Option
    hint: Any
    kind: type
    many: bool
    default: Any


def parameters(command: Callable[..., int]) -> list[Parameter]:
    """Those of a command, in order, less its first, which is the ``Shared`` of the run."""
    hints = get_type_hints(command, include_extras=True)
    _, *names = command.__code__.co_varnames[: command.__code__.co_argcount]
    given = command.__defaults__ or ()
    defaults = (*(...,) * (len(names) - len(given)), *given)
    return [_parameter(name, hints[name], default) for name, default in zip(names, defaults, strict=True)]


def _parameter(name: str, annotated: Any, default: Any) -> Parameter:
    hint, told = get_args(annotated)
    kind = next(each for each in get_args(hint) if each is not type(None)) if isinstance(hint, UnionType) else hint
    many = get_origin(kind) is list
    kind = get_args(kind)[0] if many else kind
    assert kind in {str, bool, Path}
    return Parameter(name, told, hint, kind, many, default)


def common(formats: tuple[str, ...], own: set[str]) -> list[Parameter]:
    """The common options, less those names that a command has as its ``own``; without ``formats`` as they are before any command."""
    described = (
        ("format", str, formats[0] if formats else None,
         Option("--format", metavar="FORMAT", help=f"How to report: {' or '.join(formats)}.")),
        ("output", str, "-",
         Option("--output", "-o", metavar="FILE", help="Write the result to FILE; - is standard output.")),
        ("color", bool, None,
         Option("--color/--no-color", help="Colour the text. Default: at a terminal, unless NO_COLOR is set; FORCE_COLOR does it anywhere.")),
        ("quiet", bool, False, Option("--quiet", "-q", help="Say nothing but results and errors.")),
        ("verbose", bool, False, Option("--verbose", "-v", help="Say more, on standard error.")),
        # Commands call an argument of theirs `config`.
        (SETTINGS_FILE, str, None,
         Option("--config", metavar="FILE",
                help="Read settings from FILE. Default: .proxycfg.toml, .proxycfg.yaml or pyproject.toml, here or above.")),
    )  # fmt: skip
    return [
        Parameter(name, Option(*left, metavar=told.metavar, help=told.help), kind, kind, False, default)
        for name, kind, default, told in described
        if told.names[0] not in own and (left := [each for each in told.names if each not in own])
    ]


SETTINGS_FILE = "settings_file"
"""The parameter of ``--config``."""
