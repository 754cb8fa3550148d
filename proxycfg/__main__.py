"""``proxycfg`` and ``python -m proxycfg``: answers --version and --help itself, and hands everything else to the commands."""

from __future__ import annotations

import gc
import sys

from proxycfg import __version__
from proxycfg.commands import usage


def main() -> None:
    """Run the command line in ``sys.argv`` and exit with its code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.stdout.write(f"proxycfg {__version__}\n")
    elif not arguments or arguments == ["--help"]:
        sys.stdout.write(usage())
    else:
        from proxycfg.cli import run  # noqa: PLC0415 - see commands.py: typer is imported only when a command runs

        code = run(arguments)
        # What a run has built dies with the process: otherwise Python would first walk all of it and take it apart, a fifth of the time of
        # a large tree.
        gc.freeze()
        sys.exit(code)


if __name__ == "__main__":
    main()
