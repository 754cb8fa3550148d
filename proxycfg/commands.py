"""The commands by name and the exit codes, in a module that imports nothing: `--help` and `--version` must cost no more than that.

Typer alone takes five times the start-up of Python (docs/decisions/0002-start-up.md), so the two answers that people and
scripts ask for most are given before it is imported. Both doors print the same text, from here.
"""

from enum import IntEnum

COMMANDS = {
    "init": "Write a commented routes.yaml: a starter, or that of an existing config.",
    "generate": "Write hardened proxy configs from a spec, or show what would change.",
    "lint": "Find what breaks streams in existing configs, and repair it.",
    "merge": "Join the JSON or SARIF of several lint runs.",
    "rules": "List what lint looks for, or explain one rule.",
    "explain": "Show what a config really does to each route, and which line decides it.",
    "check": "Run a config as it is on the real proxy, and measure each route.",
    "probe": "Measure what a running endpoint does to a stream, as one of its clients.",
    "advise": "Answer which protocol fits, why, what it costs, and what each hop must have.",
    "schema": "Print the JSON Schema of the spec, for editors.",
    "demo": "Stream tokens through a generated config, beside a stock one.",
}
"""Name → what it does, in the order in which people meet them."""


class Exit(IntEnum):
    """The exit codes of every command."""

    OK = 0
    """Done, and nothing at or above --fail-on."""
    FOUND = 1
    """Findings, drift, or a check that failed."""
    USAGE = 2
    """Bad usage, or input that is unreadable or invalid."""
    CANNOT_RUN = 3
    """The machine lacks what the command needs."""


def usage() -> str:
    """The text of ``proxycfg --help``."""
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {line}" for name, line in COMMANDS.items())
    return f"""\
Usage: proxycfg [OPTIONS] COMMAND [ARGS]...

  Hardened nginx and Envoy configs for routes that stream (SSE, WebSocket,
  gRPC, polling), from one YAML file.

Commands:
{commands}

Options:
  --version  Show the version and exit.
  --help     Show this text and exit.

Common options, before COMMAND or after it:
  --format FORMAT, --output FILE, --color/--no-color, --quiet (-q),
  --verbose (-v), --config FILE

  `proxycfg COMMAND --help` has the options of a command, with an example.

Exit status: 0 done; 1 findings or drift; 2 bad usage or invalid input;
3 the machine lacks what the command needs.
"""
