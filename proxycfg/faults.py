"""What a measurement can show that no rule of lint has a name for: every kind of finding about a stream that was tried, with its page.

A page's first line says what is wrong; the rest says what that does to the stream, what may be behind it, and what to do.
``python -m tests.pages`` makes ``docs/rules/`` out of these, too.
"""

from __future__ import annotations

from inspect import cleandoc

from proxycfg.finding import Category, Kind, Severity
from proxycfg.record import record


@record(frozen=True, slots=True, kw_only=True)
class Fault(Kind):
    """Something that went wrong with a stream that was tried."""

    told_by = "probe"


_FAULTS: dict[str, Fault] = {}


def faults() -> dict[str, Fault]:
    """Every kind, sorted by name."""
    return dict(sorted(_FAULTS.items()))


def _fault(name: str, category: Category, severity: Severity, page: str) -> Fault:
    made = Fault(name=name, category=category, severity=severity, targets=(), read_page=lambda: cleandoc(page))
    assert _FAULTS.setdefault(name, made) is made
    return made


_E, _W = Severity.ERROR, Severity.WARNING

ENDPOINT_UNREACHABLE = _fault("endpoint-unreachable", Category.OPERATIONS, _E, """
    There is no connection to the endpoint.

    Nothing of it can be measured then. The message says how far it went: the name is not known, nobody takes the connection, or its
    certificate is not trusted by this machine. A certificate of your own CA is believed with `--insecure`; what is behind a VPN is measured
    from inside it.
""")  # fmt: skip
ENDPOINT_REFUSES = _fault("endpoint-refuses", Category.PROTOCOL_MISMATCH, _E, """
    The endpoint answers, but not with the stream.

    A redirect is not followed: probe the URL that it names. 404 and 405 tell of a wrong path or method (`--method`, `--data`); 502 and 504
    of a proxy that does not reach its origin, or gave up waiting for it. What needs a login is not judged: give it with `--header` or
    `--cookie`.
""")  # fmt: skip
ANSWER_OF_ANOTHER_TYPE = _fault("answer-of-another-type", Category.PROTOCOL_MISMATCH, _E, """
    The answer's content type is not the protocol's.

    An EventSource gives up at anything but `text/event-stream`, and never tries again; gRPC clients report `UNKNOWN`. Often it is a page of
    the proxy, of a login or of a single-page application that answers every path with 200; else the application forgot the header.
""")  # fmt: skip
STREAM_HELD_BACK = _fault("stream-held-back", Category.RESPONSE_BUFFERING, _E, """
    Messages arrive in a lump, not one by one.

    Something between the application and the client collects them: response buffering or a compressor of a proxy, a cache, a CDN, or the
    application itself, which writes into a buffer that it does not flush. A user sees nothing, and then everything. Probe the origin by
    itself to tell which: if it flows there, run `proxycfg explain` and `proxycfg lint` on the configs in front of it, from the outermost
    inwards.
""")  # fmt: skip
STREAM_SILENT = _fault("stream-silent", Category.HEARTBEAT, _W, """
    Nothing came as long as it was listened to.

    Either the origin had nothing to say, or what it said is held back on the way; from outside these look the same. Listen for longer than
    the origin's heartbeat (`--for 60`), or ask for something that answers at once (`--data`). An event stream should begin with a comment,
    and send one every 15 seconds: then clients, proxies and this probe know that it lives.
""")  # fmt: skip
STREAM_CUT = _fault("stream-cut", Category.IDLE_TIMEOUT, _E, """
    The connection broke in the middle of the stream.

    A timeout of a proxy does that, after a silence (`proxy_read_timeout`, `idle_timeout`) or after a fixed time whatever is said (`timeout`
    of an Envoy route), and so does an origin that crashes. When it broke, and how long nothing had come before, tells them apart: round
    numbers of seconds are timers. `proxycfg lint` names the line.
""")  # fmt: skip
HANDSHAKE_REFUSED = _fault("handshake-refused", Category.UPGRADE_HEADERS, _E, """
    The WebSocket handshake is not answered with 101.

    The usual reason is a proxy that does not pass `Upgrade` and `Connection` on, so that the origin sees an ordinary request: it answers
    400 or 426, or with a page. Some origins refuse a handshake without the right `Origin` (403: give one with `--header`) or without a
    subprotocol (`--header 'Sec-WebSocket-Protocol: …'`).
""")  # fmt: skip
SOCKET_WITHOUT_ANSWER = _fault("socket-without-answer", Category.UPGRADE_HEADERS, _W, """
    The WebSocket opens, but a ping is never answered.

    Every WebSocket library answers a ping by itself. Where none does, frames are lost or held on the way: a proxy that shook hands and then
    buffers, an inspecting firewall, a filter that collects what it should pass.
""")  # fmt: skip
GRPC_STATUS_LOST = _fault("grpc-status-lost", Category.GRPC_TRANSPORT, _E, """
    The call ends without `grpc-status`.

    Clients report `UNKNOWN` or `INTERNAL` then, whatever the server said: the status is in the trailers, which need HTTP/2 (for gRPC-Web
    the translating filter) at every hop. In nginx that is `grpc_pass` in place of `proxy_pass`, in Envoy HTTP/2 towards the cluster.
""")  # fmt: skip
SHORT_OF_NEED = _fault("short-of-need", Category.PROTOCOL_MISMATCH, _E, """
    What was measured is not what the protocol can live with.

    The message names the property, its value and what is needed; `docs/properties.md` explains each property, `docs/protocols.md` each
    need. `proxycfg explain` names the line of a config that decides it.
""")  # fmt: skip
