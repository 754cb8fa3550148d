"""A plain command line, parsed without Typer: a command, its options as they are declared, and nothing that needs an explanation.

Typer costs a run as much as reading and judging a config (docs/decisions/0008-what-reading-may-import.md). Whatever is not plain is
declined: help, options before the command, settings from a file, completion, and anything that could be a mistake. Typer has the last
word on those, and so all the words. What is accepted here means the same there (tests/laws/test_door.py).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from proxycfg.cli.options import SETTINGS_FILE, Parameter, common, parameters
from proxycfg.cli.shared import Shared
from proxycfg.commands import COMMANDS
from proxycfg.errors import InvalidInput

_COMPLETION = "_PROXYCFG_COMPLETE"
"""The variable by which a shell asks for completions, as click calls it."""


class Call(NamedTuple):
    """A command line that is understood."""

    module: ModuleType
    shared: Shared
    values: dict[str, Any]

    def run(self) -> int:
        """Run the command; the exit code."""
        return self.shared.perform(self._run, getattr(self.module, "NOTHING", {}))

    def _run(self) -> int:
        code: int = self.module.command(self.shared, **self.values)
        return code


def opened(arguments: Sequence[str]) -> Call | None:
    """The call that a command line means, or None where that is for Typer to say."""
    if not arguments or arguments[0] not in COMMANDS or _COMPLETION in os.environ:
        return None
    call = parsed(arguments[0], arguments[1:])
    return None if call is None or _has_settings() else call


def parsed(name: str, words: Sequence[str]) -> Call | None:
    """The call of a command with these words after it, or None; settings are not looked for."""
    module = importlib.import_module(f"proxycfg.cli.{name.replace('-', '_')}")
    own = parameters(module.command)
    shared = common(module.FORMATS, {word for each in own for word in each.told.names})
    given = _given(words, [*own, *(each for each in shared if each.name != SETTINGS_FILE)])
    if given is None or given.get("format", [module.FORMATS[0]])[-1] not in module.FORMATS:
        return None
    if any(each.default is ... and each.name not in given for each in own):
        return None
    values = {each.name: _value(each, given.get(each.name)) for each in own}
    settled = {each.name: _value(each, given.get(each.name)) for each in shared if each.name != SETTINGS_FILE}
    return Call(module, Shared(**settled), values)


def _given(words: Sequence[str], known: Sequence[Parameter]) -> dict[str, list[Any]] | None:
    """What each parameter is given, in order; None if any word is not plainly one of them."""
    # A switch has the value that a word stands for; the other options have None, and take the next word.
    options = {
        name: (each, (not place) if each.kind is bool else None)
        for each in known
        for written in each.told.names
        for place, name in enumerate(written.split("/"))
    }
    places = iter([each for each in known if not each.told.names])
    place = next(places, None)
    given: dict[str, list[Any]] = {}
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if word == "-" or not word.startswith("-"):
            if place is None:
                return None
            given.setdefault(place.name, []).append(word)
            place = place if place.many else next(places, None)
        elif name not in options:
            return None
        else:
            each, switched = options[name]
            if equals and (switched is not None or not name.startswith("--")):
                return None
            said = switched if switched is not None else value if equals else _next(rest)
            if said is None:
                return None
            given.setdefault(each.name, []).append(said)
    return given


def _next(rest: Iterator[str]) -> str | None:
    """The word after an option, unless it looks like another one."""
    word = next(rest, None)
    return word if word is None or word == "-" or not word.startswith("-") else None


def _value(parameter: Parameter, given: list[Any] | None) -> Any:
    if given is None:
        return parameter.default
    made = [parameter.kind(each) for each in given]
    return made if parameter.many else made[-1]


def _has_settings() -> bool:
    from proxycfg.settings import discover  # noqa: PLC0415 - most mistakes are found before

    try:
        return discover() is not None
    except InvalidInput:
        return True
