"""The command line: parse, call a verb, print, return a code. The one place that catches what is not our bug, and exits.

A command is a module here, of its name, found by its line in ``commands.COMMANDS`` and imported when it runs and not before:

- ``command(shared, …)``: the ``Shared`` of this run, the options that every command has; its other parameters are its own options
  (``options.py``), its result the exit code. Its docstring's second paragraph, if any, is shown in its help.
- ``EXAMPLE``: a command line that people can copy.
- ``FORMATS``: what ``--format`` takes, the default first.
- ``SETTINGS`` (optional): keys of its table in a file of settings that are no options; it reads them with
  ``shared.settings.extra``.
- ``NOTHING`` (optional): what the JSON holds, beside its errors, where the input was too wrong to say anything else.

A plain command line comes in by a door of its own, ``door.py``; help, mistakes, settings and all the rest by ``typer_door.py``.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence

from proxycfg.cli import door
from proxycfg.cli.shared import Shared
from proxycfg.commands import Exit
from proxycfg.errors import MAX_PROBLEMS, BadUsage, CannotRun, InvalidInput

_INTERRUPTED = 130
"""What shells say of a program that Ctrl-C has ended."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code (``Exit``)."""
    for stream in (sys.stdout, sys.stderr):
        # Configs and schemas are UTF-8 whatever the locale; a file name may be no text at all, and goes out as it came in.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="surrogateescape")
    shared = Shared()
    try:
        if call := door.opened(arguments):
            shared = call.shared
            result = call.run()
        else:
            from proxycfg.cli import typer_door  # noqa: PLC0415 - five times the start-up of Python (decision 0002)

            result = typer_door.run(arguments, shared)
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
    except KeyboardInterrupt:
        shared.say("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:
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
