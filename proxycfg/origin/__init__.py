"""An instrumented origin: a server that streams, stalls and hangs up on demand, and remembers what it saw.

One port speaks HTTP/1.0, HTTP/1.1, WebSocket, and HTTP/2 with prior knowledge (so gRPC as well); a second one speaks the
same over TLS. What happens to a request is written in the request itself, in a one-line script::

    with Origin.start() as origin:
        answer = get(origin.url + "/events", headers={"x-origin-script": "sse; event n=3 gate=k1"})
        for event in answer:        # Event n+1 is sent only after the release for event n: no clock in sight.
            origin.release("k1")
        assert origin.wait_ended("k1").completed

``script`` has the language, ``control`` the interface for other processes, ``record`` what is remembered. The package
needs the extra ``lab`` (h2 and wsproto), so nothing outside imports it at start-up.
"""

from proxycfg.origin.record import Exchange, Left, Limits, Piece, Sent
from proxycfg.origin.script import Script, ScriptError, parse
from proxycfg.origin.server import Origin, OriginOptions
from proxycfg.origin.steps import reference

__all__ = [
    "Exchange",
    "Left",
    "Limits",
    "Origin",
    "OriginOptions",
    "Piece",
    "Script",
    "ScriptError",
    "Sent",
    "parse",
    "reference",
]
