"""What every command has: the common options, and where its result and its talk go."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from proxycfg import __version__
from proxycfg.cli import paint
from proxycfg.errors import BadUsage, InvalidInput
from proxycfg.record import field, record

if TYPE_CHECKING:
    from proxycfg.settings import Settings


@record(slots=True)
class Shared:
    """The common options of one run; the first parameter of every command.

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
        import json  # noqa: PLC0415 - dear, and text does without

        sys.stdout.write(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")

    def print_difference(self, text: str) -> None:
        """A unified diff as the result."""
        sys.stdout.write(paint.difference(text) if self.colors(sys.stdout) else text)

    def perform(self, call: Callable[[], int], nothing: Mapping[str, object]) -> int:
        """Run a command; with ``--output`` what it prints becomes a file when it is done, whole or not at all.

        :param nothing: ``NOTHING`` of its module.
        """
        if self.settings:
            self.detail(f"settings from {self.settings.file}")
        if self.output == "-":
            return self._told(call, nothing)
        if os.path.isdir(self.output):  # noqa: PTH112 - pathlib is not needed before
            # Before the command does anything that it cannot report then.
            raise BadUsage(f"--output {self.output}: is a folder, where a file should be written")
        invalid: InvalidInput | None = None
        code = 0
        with contextlib.redirect_stdout(io.StringIO()) as result:
            try:
                code = self._told(call, nothing)
            except InvalidInput as error:
                invalid = error
        if result.getvalue() or not invalid:
            self._write(result.getvalue())
        if invalid:
            raise invalid
        return code

    def _told(self, call: Callable[[], int], nothing: Mapping[str, object]) -> int:
        """Run it; what makes the input unusable is a part of the result where that is JSON."""
        try:
            return call()
        except InvalidInput as error:
            if self.format == "json":
                self.print_json({**nothing, "errors": [problem.to_json() for problem in error.problems]})
            raise

    def _write(self, result: str) -> None:
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
