"""Envoy of one version in a container, a process per config: it is there in a fifth of a second."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.differential.engine import Engine, contained
from tests.engines.presence import EngineAbsent, need

# One worker, one loop. The line is the first that its worker prints, when its sockets listen. Access logs are written at once, not after ten seconds.
_SHELL = r"""
while read -r what dir; do
  case $what in
    start)
      sh -c 'echo $$ >"$0/pid"; exec envoy -c "$0/envoy.yaml" --concurrency 1 --disable-hot-restart --file-flush-interval-msec 50 \
        --log-level warning --component-log-level main:debug 2>&1' "$dir" | tee "$dir/said" | grep --line-buffered -o "worker entering dispatch loop" | {
        if read -r _; then
          echo "start $dir 0"
          read -r _
          echo "stop $dir 0"
        else
          echo "start $dir 1"
        fi
      } &;;
    stop)
      read -r pid <"$dir/pid"
      kill -s KILL "$pid";;
  esac
done
"""


@contextlib.asynccontextmanager
async def running(version: str, folder: Path) -> AsyncIterator[Engine]:
    """A container that sees ``folder`` under the same path, and may write there.

    :raises EngineAbsent: if there is no image of that version.
    """
    found = need(f"envoy-{version}")
    if not found.image:
        raise EngineAbsent(f"{found}: the differential test needs an image")
    async with contained(f"Envoy {version}", found.image, _SHELL, folder) as engine:
        yield engine
