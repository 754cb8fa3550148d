"""``proxycfg`` and ``python -m proxycfg``: answers --version and --help itself, and hands everything else to the commands."""

from __future__ import annotations

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
        try:
            from proxycfg.cli import run  # noqa: PLC0415 - see commands.py: typer is imported only when a command runs
            from proxycfg.collector import let_go  # noqa: PLC0415 - as above

            code = run(arguments)
        except KeyboardInterrupt:
            # Before the command line could take it.
            sys.stderr.write("interrupted\n")
            sys.exit(130)
        let_go()
        sys.exit(code)


if __name__ == "__main__":
    main()
