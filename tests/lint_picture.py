"""A session with ``lint`` as the README shows it: a broken config, what is wrong, the repair, clean.

``make picture-lint`` runs it and draws ``docs/images/lint.svg``.
"""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
import tempfile
from pathlib import Path

from rich.text import Text

from proxycfg.cli import run
from proxycfg.demo.picture import drawn

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "lint.svg"
CONFIG = """\
# nginx 1.26
server {
    listen 443 ssl;
    server_name chat.example.com;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    client_max_body_size 16m;

    location /v1/chat/completions {
        # proxycfg: protocol=sse heartbeat=15s
        proxy_set_header Connection "";
        proxy_pass http://127.0.0.1:8000;
    }
    location /voice/ws {
        proxy_pass http://127.0.0.1:9000;
        proxy_set_header Host $host;
        proxy_read_timeout 1h;
    }
}
"""
COMMANDS = ("lint chat.conf", "lint chat.conf --fix --diff", "lint chat.conf --fix")


def session() -> tuple[Text, list[int]]:
    """What a terminal shows of these commands, one after the other, and their exit codes."""
    shown = Text()
    codes: list[int] = []
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("chat.conf").write_text(CONFIG)
        for command in COMMANDS:
            with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
                codes.append(run(["--color", *shlex.split(command)]))
            shown.append("$ ", "dim").append(f"proxycfg {command}\n", "bold cyan")
            shown.append_text(Text.from_ansi(out.getvalue().rstrip())).append("\n\n")
    shown.rstrip()
    return shown, codes


def svg(shown: Text) -> str:
    """Its picture, as wide as its longest line."""
    return drawn([shown], max(line.cell_len for line in shown.split()), "proxycfg lint", "lint")


def main() -> int:
    """Draw it, if the session went as the README tells it."""
    shown, codes = session()
    if codes != [1, 1, 0]:
        sys.stderr.write(f"the commands ended with {codes}:\n{shown.plain}\n")
        return 1
    PICTURE.write_text(svg(shown))
    return 0


if __name__ == "__main__":
    sys.exit(main())
