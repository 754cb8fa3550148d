"""A Worker in the real runtime, instrumented origins behind it, clients in front.

``fetch`` of a Worker on a zone's route goes to the zone's origin; here the runtime's way out leads to ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from proxycfg import specfile
from proxycfg.origin import Origin
from proxycfg.source import Source
from proxycfg.targets.cloudflare import worker
from tests.clients.http import Client
from tests.containers.raw_origin import RawOrigin
from tests.containers.stage import HOST, Stage
from tests.engines import RunningProxy, StartProxy, free_ports

SPEC = """\
hosts: [chat.example.com]
targets: {cloudflare: {plan: free, zone: example.com, worker: true}}
upstreams: {api: http://api:8000}
routes:
  - {path: /events, protocol: sse, upstream: api}
  - {path: /v1/chat/completions, protocol: sse, upstream: api}
  - {path: /lines, protocol: ndjson, upstream: api}
  - {path: /events/socket, protocol: websocket, upstream: api}
  - {path: /, protocol: http, upstream: api}
"""
QUICK = 0.1
"""Seconds of silence before a comment, where a test waits for one."""
SLOW = 3600.0
"""The same where a comment would be in the way."""

NAIVE = "export default { fetch: (request) => fetch(request) };\n"
"""Passes everything on: what people write first."""
WHOLE = """\
export default {
  async fetch(request) {
    const response = await fetch(request);
    return new Response(await response.arrayBuffer(), { status: response.status, headers: response.headers });
  },
};
"""
"""Reads the body to its end before it answers: what people write next."""
COPIES = """\
export default {
  async fetch(request, env, ctx) {
    const response = await fetch(request);
    const [body, copy] = response.body.tee();
    ctx.waitUntil(copy.pipeTo(new WritableStream()));
    return new Response(body, response);
  },
};
"""
"""Keeps a copy of every answer for a log."""
ENDS = """\
export default {
  async fetch(request) {
    const response = await fetch(request).catch(() => new Response(null, { status: 502 }));
    const through = new TransformStream();
    const told = { type: "upstream_error", code: "upstream_broken", message: "", status: null };
    response.body?.pipeTo(through.writable, { preventAbort: true }).catch(async () => {
      const writer = through.writable.getWriter();
      await writer.write(new TextEncoder().encode(`event: error\\ndata: ${JSON.stringify({ type: "error", error: told })}\\n\\n`));
      await writer.close();
    });
    return new Response(through.readable, response);
  },
};
"""
"""Writes its error behind whatever has gone out."""
EAGER = """\
export default {
  async fetch(request) {
    const response = await fetch(request);
    const through = new TransformStream();
    const writer = through.writable.getWriter();
    (async () => {
      for await (const piece of response.body) writer.write(piece);
      writer.close();
    })();
    return new Response(through.readable, response);
  },
};
"""
"""Does not wait for the client to take what it writes."""
HASTY = """\
export default {
  async fetch(request) {
    const response = await fetch(request);
    const text = new TextDecoder("utf-8");
    const bytes = new TextEncoder();
    let rest = "";
    return new Response(
      response.body.pipeThrough(
        new TransformStream({
          transform(piece, to) {
            const events = (rest + text.decode(piece, { stream: true })).split("\\n\\n");
            rest = events.pop();
            for (const event of events) to.enqueue(bytes.encode(`${event}\\n\\n`));
          },
          flush(to) {
            if (rest) to.enqueue(bytes.encode("event: error\\ndata: {}\\n\\n"));
          },
        }),
      ),
      response,
    );
  },
};
"""
"""Knows one way to end a line, and takes all else for half an event."""
BLIND = """\
export default {
  async fetch(request) {
    const response = await fetch(request);
    const through = new TransformStream();
    const writer = through.writable.getWriter();
    const timer = setInterval(() => writer.write(new TextEncoder().encode(": keep-alive\\n\\n")), 100);
    (async () => {
      for await (const piece of response.body) await writer.write(piece);
      clearInterval(timer);
      await writer.close();
    })();
    return new Response(through.readable, response);
  },
};
"""
"""Writes comments by the clock, wherever the stream stands."""
BARE = "export default { fetch: (request) => fetch(request.url, { method: request.method }) };\n"
"""Asks for the URL alone."""
RETRIES = """\
export default {
  async fetch(request) {
    const again = request.clone();
    const response = await fetch(request).catch(() => null);
    return response && response.status < 500 ? response : fetch(again);
  },
};
"""
"""Tries a second time."""
LOGS = """\
export default {
  fetch(request) {
    return fetch(request).catch(() => {
      console.error("upstream_unreachable", request.url);
      return new Response(null, { status: 502 });
    });
  },
};
"""
"""Says what failed, with the whole URL."""


@dataclass(frozen=True)
class WorkerStand:
    """What a check plays on: three doors into the same Worker, each with another origin behind it."""

    proxy: RunningProxy
    ports: tuple[int, int, int]
    origin: Origin
    raw: RawOrigin
    patience: float
    """Seconds that a client waits; never used up by a check that passes."""

    @property
    def client(self) -> Client:
        """A client of the Worker in front of the instrumented origin."""
        return self._client(0)

    @property
    def raw_client(self) -> Client:
        """A client of the Worker in front of the raw origin."""
        return self._client(1)

    @property
    def lost_client(self) -> Client:
        """A client of the Worker in front of an origin that does not listen."""
        return self._client(2)

    def _client(self, door: int) -> Client:
        return Client(("127.0.0.1", self.ports[door]), "http/1.1", host=HOST, timeout=self.patience)

    @property
    def stage(self) -> Stage:
        """The same for the scenarios that every proxy plays."""
        return Stage(
            "workerd", self.origin, self.origin, self.proxy, self.ports[0], secure=False, ca=Path(), admin_port=0
        )

    @property
    def resident(self) -> int:
        """Bytes of memory that the runtime holds."""
        return resident(self.proxy)


def resident(proxy: RunningProxy) -> int:
    """Bytes of memory that a runtime holds."""
    lines = Path(f"/proc/{proxy.processes[-1].popen.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024


def generated(heartbeat: float) -> Mapping[str, str]:
    """The project that proxycfg writes for the spec of this stand."""
    return worker.files(specfile.load(Source("routes.yaml", SPEC)), heartbeat)


def with_code(text: str) -> Mapping[str, str]:
    """The same project with other code."""
    return {**generated(SLOW), "src/index.js": text}


def greedy() -> Mapping[str, str]:
    """Our Worker for a spec in which every path is an event stream."""
    text = SPEC.partition("routes:")[0] + "routes: [{path: /, protocol: sse, upstream: api}]\n"
    return worker.files(specfile.load(Source("routes.yaml", text)), SLOW)


def serve(
    start: StartProxy, folder: Path, origin: Origin, raw: RawOrigin, files: Mapping[str, str], patience: float
) -> WorkerStand:
    """Run a project in front of the instrumented origin, the raw one, and one that is not there."""
    proxy, ports = run(start, folder, (origin.port, raw.port, _NOBODY), files)
    return WorkerStand(proxy, (ports[0], ports[1], ports[2]), origin, raw, patience)


def run(
    start: StartProxy, folder: Path, origins: Sequence[int], files: Mapping[str, str]
) -> tuple[RunningProxy, list[int]]:
    """Run a project as its wrangler.jsonc says, in an empty ``folder``, with a door for each of the origins, which are ports."""
    settings = json.loads(files["wrangler.jsonc"])
    (folder / "src").mkdir()
    # The first module is the entry; without a slash ahead of them names are found beside each other as in a folder.
    modules = sorted((path for path in files if path.endswith(".js")), key=lambda path: path != settings["main"])
    for path in modules:
        (folder / path).write_text(files[path])
    ports = free_ports(len(origins))
    doors = "".join(_DOOR % {"number": number, "origin": port} for number, port in enumerate(origins))
    sockets = ", ".join(
        f'(name = "http{number}", address = "127.0.0.1:{port}", http = (), service = "main{number}")'
        for number, port in enumerate(ports)
    )
    code = {
        "modules": ", ".join(f'(name = "{name}", esModule = embed "{name}")' for name in modules),
        "date": settings["compatibility_date"],
    }
    workers = "".join(_WORKER % {"number": number, **code} for number in range(len(origins)))
    (folder / "config.capnp").write_text(_CONFIG % {"doors": doors, "sockets": sockets, "workers": workers})
    return start("workerd", folder, name="worker", ready_port=ports[0]), ports


_NOBODY = 1
"""A port on which nothing listens."""
_CONFIG = """\
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (services = [%(doors)s], sockets = [%(sockets)s]);
%(workers)s"""
_DOOR = """\
(name = "main%(number)d", worker = .worker%(number)d),
(name = "origin%(number)d", external = (address = "127.0.0.1:%(origin)d", http = ())),
"""
_WORKER = """\
const worker%(number)d :Workerd.Worker = (
  modules = [%(modules)s],
  compatibilityDate = "%(date)s",
  globalOutbound = "origin%(number)d",
);
"""
