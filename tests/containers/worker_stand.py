"""A Worker in the real runtime, an instrumented origin behind it, clients in front.

``fetch`` of a Worker on a zone's route goes to the zone's origin; here the runtime's way out leads to ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from proxycfg import specfile
from proxycfg.source import Source
from proxycfg.targets.cloudflare import worker
from tests.clients.http import Client
from tests.engines import RunningProxy, StartProxy, free_port

HOST = "chat.example.com"
SPEC = """\
hosts: [chat.example.com]
targets: {cloudflare: {plan: free, zone: example.com, worker: true}}
upstreams: {api: http://api:8000}
routes:
  - {path: /events, protocol: sse, upstream: api}
  - {path: /v1/chat/completions, protocol: sse, upstream: api}
  - {path: /lines, protocol: ndjson, upstream: api}
  - {path: /socket, protocol: websocket, upstream: api}
  - {path: /events/socket, protocol: websocket, upstream: api}
  - {path: /, protocol: http, upstream: api}
"""
QUICK = 0.2
"""Seconds of silence before a comment, where a test waits for one."""
SLOW = 3600.0
"""The same where a comment would be in the way."""

_CONFIG = """\
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "origin", external = (address = "127.0.0.1:%(origin)d", http = ())),
  ],
  sockets = [(name = "http", address = "127.0.0.1:%(port)d", http = (), service = "main")],
);
const main :Workerd.Worker = (
  modules = [%(modules)s],
  compatibilityDate = "%(date)s",
  compatibilityFlags = [%(flags)s],
  globalOutbound = "origin",
);
"""

NAIVE = "export default { fetch: (request) => fetch(request) };\n"
"""Passes everything on: what people write first."""
WHOLE = """\
export default {
  async fetch(request) {
    const response = await fetch(request);
    return new Response(await response.text(), response);
  },
};
"""
"""Reads the body to its end before it answers: what people write next."""


@dataclass(frozen=True)
class WorkerStand:
    """What a test plays on."""

    proxy: RunningProxy
    port: int

    def client(self, timeout: float = 10.0) -> Client:
        """A client of the Worker; its patience is never used up by a test that passes."""
        return Client(("127.0.0.1", self.port), "http/1.1", host=HOST, timeout=timeout)

    @property
    def resident(self) -> int:
        """Bytes of memory that the runtime holds."""
        pid = self.proxy.processes[-1].popen.pid
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024


def generated(heartbeat: float) -> Mapping[str, str]:
    """The project that proxycfg writes for the spec of this stand."""
    return worker.files(specfile.load(Source("routes.yaml", SPEC)), heartbeat)


def with_code(text: str) -> Mapping[str, str]:
    """The same project with other code."""
    files = generated(SLOW)
    return {"wrangler.jsonc": files["wrangler.jsonc"], "src/index.js": text}


def stand(start: StartProxy, folder: Path, origin_port: int, files: Mapping[str, str]) -> WorkerStand:
    """Run a project as its wrangler.jsonc says, in an empty ``folder``."""
    settings = json.loads(files["wrangler.jsonc"])
    modules = {path: text for path, text in files.items() if path.endswith(".js")}
    for path, text in modules.items():
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_text(text)
    # The first module is the entry.
    names = sorted(modules, key=lambda path: path != settings["main"])
    port = free_port()
    config = _CONFIG % {
        "origin": origin_port,
        "port": port,
        "modules": ", ".join(f'(name = "{name}", esModule = embed "{name}")' for name in names),
        "date": settings["compatibility_date"],
        "flags": ", ".join(f'"{flag}"' for flag in settings["compatibility_flags"]),
    }
    (folder / "config.capnp").write_text(config)
    return WorkerStand(start("workerd", folder, name="worker", ready_port=port), port)
