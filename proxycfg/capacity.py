"""What clients and networks make of a spec: connections, memory, silence, and what comes back at once. Arithmetic alone, each figure with its source.

``scale.streams`` of the spec says how many; everything else is a figure of this module, so that anybody may put his own in its place.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.presets import PRESETS
from proxycfg.record import record
from proxycfg.units import show_duration, show_size

if TYPE_CHECKING:
    from proxycfg.spec import Spec


@record(frozen=True, slots=True)
class Fact:
    """A figure that is reckoned with, and where it comes from."""

    value: float
    source: str


BROWSER_CONNECTIONS = Fact(6, "https://developer.mozilla.org/docs/Web/API/EventSource")
"""Connections of a browser to one host over HTTP/1.1, all its tabs together."""
FULL_ECDSA = Fact(2000, "https://shadrin.org/nginx/blog/content/nginx-ssl-performance.html")
"""Full TLS handshakes a second and core, with a certificate on P-256 (NGINX's sizing guide of 2016)."""
FULL_RSA = Fact(350, "https://shadrin.org/nginx/blog/content/nginx-ssl-performance.html")
"""The same with RSA of 2048 bits (a core of 2014)."""
RESUMED = Fact(4861, "http://jbp.io/2019/07/02/rustls-vs-openssl-resumption-performance.html")
"""Resumed handshakes of TLS 1.3 a second and core, which still exchange keys (OpenSSL, nothing else at work)."""
IDLE_STREAM = {
    ("nginx", True): Fact(53.3 * 2**10, "docs/capacity.md"),
    ("nginx", False): Fact(17.1 * 2**10, "docs/capacity.md"),
    ("envoy", True): Fact(35.6 * 2**10, "docs/capacity.md"),
    ("envoy", False): Fact(42.6 * 2**10, "docs/capacity.md"),
}
"""Target, and whether clients speak TLS → bytes of memory of one quiet stream over HTTP/1.1 in the generated configs, as measured."""
FIRST_RETRY = Fact(
    3.0, "https://html.spec.whatwg.org/multipage/server-sent-events.html#concept-event-stream-reconnection-time"
)
"""Seconds after which an EventSource comes back that was told nothing: "a few seconds", which are three in Chrome, five in Firefox."""
PRACTICE = 0.5
"""The part of a core that may go into handshakes while old streams go on."""


@record(frozen=True, slots=True)
class Line:
    """One figure.

    :param what: what it is of.
    :param value: with its unit, for people.
    :param number: the same in seconds, bytes, or a count.
    :param how: how it came about.
    :param source: where the figures come from that are not in the spec; empty where all are.
    """

    what: str
    value: str
    number: float
    how: str
    source: str = ""

    def to_json(self) -> dict[str, object]:
        """As a script reads it; infinity is null."""
        number = None if math.isinf(self.number) else self.number
        return {
            "what": self.what,
            "value": self.value,
            "number": number,
            "how": self.how,
            "source": self.source or None,
        }


@record(frozen=True, slots=True)
class Part:
    """A subject: its figures, and what they advise."""

    title: str
    lines: tuple[Line, ...]
    advice: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """One element of ``parts``."""
        return {"title": self.title, "figures": [line.to_json() for line in self.lines], "advice": list(self.advice)}


def capacity(spec: Spec, *, cores: int = 2, spread: float = 10.0) -> tuple[Part, ...]:
    """What the scale of a spec comes to.

    :param cores: of the proxy, 1 or more.
    :param spread: seconds over which clients come back, 0 for all at once.
    :raises ValueError: if one of them is out of range.
    """
    if not 1 <= cores <= _MOST_CORES:
        raise ValueError(f"cores must be from 1 to {_MOST_CORES}")
    if not 0 <= spread <= _LONGEST_SPREAD:
        raise ValueError(f"spread must be from 0s to {show_duration(_LONGEST_SPREAD)}")
    parts = (_browsers(spec), _memory(spec), _reconnects(spec, cores, spread), _silences(spec))
    return tuple(part for part in parts if part.lines)


_MOST_CORES = 4096
_LONGEST_SPREAD = 86_400.0


# ---- browsers ----


def _browsers(spec: Spec) -> Part:
    """How many streams a browser opens before everything else of the host waits."""
    held = [route for route in spec.routes if route.protocol.name in _OVER_HTTP]
    if not held:
        return Part("Browsers", ())
    most = int(BROWSER_CONNECTIONS.value)
    names = ", ".join(route.title for route in held)
    lines = [
        Line(
            "streams of one browser over HTTP/1.1", f"{most}, tabs together", most,
            "connections to a host; the next request of any tab waits until one ends", BROWSER_CONNECTIONS.source,
        ),
        Line("tabs that work, with every streaming route open in each", str(most // len(held)), most // len(held), f"{most} ÷ {len(held)} ({names})"),
    ]  # fmt: skip
    two = {"2", "3"} & set(spec.listen.http)
    if two and spec.secure:
        return Part(
            "Browsers",
            tuple(lines),
            ("over HTTP/2, which this spec offers with TLS, all streams share one connection: the limit is gone",),
        )
    why = (
        "browsers speak HTTP/2 over TLS alone, and the listener has none"
        if two
        else "the listener offers HTTP/1.1 alone"
    )
    return Part(
        "Browsers",
        tuple(lines),
        (f"{why}: add listen.tls with http 2 (or let the hop in front have it), or share one stream among tabs",),
    )


_OVER_HTTP = frozenset(("sse", "ndjson", "grpc-web", "connect", "long-poll"))
"""Protocols whose streams count as connections of HTTP/1.1; a WebSocket has a limit of its own, in the hundreds."""


# ---- memory ----


def _memory(spec: Spec) -> Part:
    """What quiet streams hold."""
    if not any(route.protocol.streams for route in spec.routes):
        return Part("Memory", ())
    streams = spec.streams
    how = f"{'TLS, ' if spec.secure else ''}HTTP/1.1, measured with the generated config; the kernel's buffers come on top"
    lines: list[Line] = []
    for (name, secure), each in IDLE_STREAM.items():
        if secure == spec.secure:
            size = streams * each.value
            told = f"{streams} × {each.value / 2**10:.1f} KiB ({how})"
            lines.append(Line(f"{name}: {streams} quiet streams", show_size(_rounded(size)), size, told, each.source))
    files = 2 * streams
    lines.append(Line("open files", str(files), files, f"2 × {streams}: one to the client, one to the origin"))
    ports = _ports(spec)
    return Part("Memory and connections", (*lines, *ports), _of_ports(spec))


_LOCAL_PORTS = Fact(28_232, "https://docs.kernel.org/networking/ip-sysctl.html (ip_local_port_range)")
"""Ports that Linux gives to outgoing connections, by default, for each address and port that they go to."""


def _ports(spec: Spec) -> Iterator[Line]:
    for upstream in spec.used_upstreams:
        if upstream.http_version == "1.1" and any(server.host for server in upstream.servers):
            most = int(_LOCAL_PORTS.value) * len(upstream.servers)
            how = f"{int(_LOCAL_PORTS.value)} local ports × {len(upstream.servers)} (servers listed; a name may stand for more)"
            yield Line(f"streams to upstream {upstream.name}", f"at most {most}", most, how, _LOCAL_PORTS.source)


def _of_ports(spec: Spec) -> tuple[str, ...]:
    short = [line.what.removeprefix("streams to upstream ") for line in _ports(spec) if line.number < spec.streams]
    return tuple(
        f"upstream {name} cannot take {spec.streams} streams from one address: list more servers, widen ip_local_port_range, or speak HTTP/2 to it"
        for name in short
    )


def _rounded(size: float) -> float:
    """To whole MiB, as nobody measures more."""
    return math.ceil(size / 2**20) * 2**20


# ---- what comes back at once ----


def _reconnects(spec: Spec, cores: int, spread: float) -> Part:
    """A deploy, or a cut, ends all streams: what their coming back takes."""
    if not any(route.protocol.streams for route in spec.routes):
        return Part("Reconnects", ())
    streams = spec.streams
    rate = streams / spread if spread else math.inf
    said = "all at once" if math.isinf(rate) else f"{math.ceil(rate)}/s"
    what = f"new connections, when {streams} clients come back within {show_duration(spread)}"
    how = f"{streams} ÷ {show_duration(spread)}" if spread else "no spread"
    lines = [Line(what if spread else f"new connections of {streams} clients", said, rate, how)]
    advice: list[str] = []
    if spec.secure:
        lines += _handshakes(streams, cores)
        full = streams / (FULL_ECDSA.value * cores * PRACTICE)
        if full > spread:
            least = show_duration(math.ceil(full))
            advice.append(
                f"with full handshakes {least} pass before the last is back: spread clients over {least} or more, or add cores"
            )
        advice.append(
            "keep session resumption on (the generated configs do), and one ticket key for all proxies of a name"
        )
    advice += _spreading(spec, streams, cores)
    limited = [route for route in spec.routes if route.protocol.streams and route.rate]
    advice += [
        f"{route.title}: limits let {route.burst} of one address begin at once, then {route.rate:g}/s: an office of more waits, or is refused"
        for route in limited
    ]
    return Part("Reconnects", tuple(lines), tuple(advice))


def _handshakes(streams: int, cores: int) -> Iterator[Line]:
    for what, fact in (("full, P-256", FULL_ECDSA), ("full, RSA 2048", FULL_RSA), ("resumed, TLS 1.3", RESUMED)):
        seconds = streams / (fact.value * cores * PRACTICE)
        yield Line(
            f"seconds of TLS handshakes ({what})", f"{seconds:.1f} s", seconds,
            f"{streams} ÷ ({fact.value:g}/s × {cores} cores × {PRACTICE:g})", fact.source,
        )  # fmt: skip


def _spreading(spec: Spec, streams: int, cores: int) -> Iterator[str]:
    if any(route.protocol.name == "sse" for route in spec.routes):
        first = FIRST_RETRY.value
        wanted = max(first, streams / ((FULL_ECDSA.value if spec.secure else _ACCEPTED) * cores * PRACTICE))
        low, high = math.ceil(wanted / 2) * 1000, math.ceil(wanted * 1.5) * 1000
        yield (
            f"an EventSource comes back after some {show_duration(first)}, all together: let the origin send `retry:` with a random number from "
            f"{low} to {high} (milliseconds) to each"
        )
    if any(route.protocol.name in {"websocket", "grpc", "ndjson", "connect"} for route in spec.routes):
        yield "other clients do not come back by themselves: wait a random part of a growing time, from 1 s to a minute, before each try"


_ACCEPTED = 10_000.0
"""Connections without TLS that a core takes a second, at the least."""


# ---- silence ----


def _silences(spec: Spec) -> Part:
    """Which networks cut a quiet stream of each route."""
    lines: list[Line] = []
    advice: list[str] = []
    shortest = min(_limit(name) for name in PRESETS)
    for route in spec.routes:
        if not route.protocol.streams:
            continue
        quiet = route.heartbeat or route.idle_timeout
        cut = [PRESETS[name].title for name in PRESETS if _limit(name) <= quiet]
        said = f"heartbeat {show_duration(quiet)}" if route.heartbeat else f"silence of up to {show_duration(quiet)}"
        limits = ", ".join(
            f"{each.title} {show_duration(_limit(name))}" for name, each in PRESETS.items() if _limit(name) != math.inf
        )
        lines.append(
            Line(
                f"{route.title}: {said}",
                f"cut by {', '.join(cut)}" if cut else "survives all of these",
                quiet,
                limits,
                _sources(),
            )
        )
        if cut and route.protocol.name != "long-poll":
            beat = show_duration(shortest / 2)
            advice.append(
                f"{route.title}: `heartbeat: {beat}` or less, sent by the application, keeps it alive on every network here"
            )
    buffering = [each.title for each in PRESETS.values() if each.values.get("response_buffering")]
    if lines and buffering:
        advice.append(
            f"a {buffering[0]} reads answers before it lets them pass, so it holds every stream: have polls as a second way"
        )
    return Part("Networks", tuple(lines), tuple(advice))


def _limit(name: str) -> float:
    value = PRESETS[name].values.get("upstream_idle_timeout", math.inf)
    return float(value)


def _sources() -> str:
    return ", ".join(dict.fromkeys(each.source for each in PRESETS.values()))
