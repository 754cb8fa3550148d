"""nginx of one version in a container, on a faster clock (:data:`LAPSE`), its configs untouched: a minute's silence takes seconds."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.differential.engine import Engine, contained
from tests.engines.catalogue import FAKETIME
from tests.engines.presence import EngineAbsent, need

LAPSE = 20
"""How much faster nginx's clock runs."""

_SHELL = r"""
while read -r what dir; do
  case $what in
    start)
      rm -f "$dir/nginx.pid"
      LD_PRELOAD=%s FAKETIME="+0 x%d" nginx -p "$dir/" -c "$dir/nginx.conf" -e stderr -g "pid $dir/nginx.pid;" >"$dir/said" 2>&1
      code=$?
      # The daemon's parent ends before its number is written.
      [ $code != 0 ] || until [ -s "$dir/nginx.pid" ]; do :; done
      echo "$what $dir $code";;
    reload)
      read -r pid <"$dir/nginx.pid"
      read -r worker _ <"/proc/$pid/task/$pid/children"
      kill -s HUP "$pid"
      # The old worker takes no connections any more, or has ended.
      while [ -d "/proc/$worker" ] && ! grep -q "shutting down" "/proc/$worker/cmdline"; do :; done
      echo "$what $dir 0";;
    stop)
      read -r pid <"$dir/nginx.pid"
      kill -s KILL -- "-$pid"
      while kill -s 0 -- "-$pid" 2>/dev/null; do :; done
      echo "$what $dir 0";;
  esac
done
"""


@contextlib.asynccontextmanager
async def running(version: str, folder: Path) -> AsyncIterator[Engine]:
    """A container that sees ``folder`` under the same path, and may write there; ``folder/log`` is its /var/log/nginx.

    :raises EngineAbsent: if there is no image of that version with time-lapse.
    """
    found = need(f"nginx-{version}")
    if not found.image or not found.time_lapse:
        raise EngineAbsent(f"{found}: the differential test needs an image with libfaketime")
    (folder / "log").mkdir(exist_ok=True)
    options = ("--tmpfs=/run", "--tmpfs=/var/lib/nginx", f"--volume={folder / 'log'}:/var/log/nginx")
    async with contained(f"nginx {version}", found.image, _SHELL % (FAKETIME, LAPSE), folder, *options) as engine:
        yield engine
