"""``proxycfg probe``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from proxycfg.cli.configs import headers_of
from proxycfg.cli.measurements import PRINTED, print_measured
from proxycfg.cli.options import Argument, Option
from proxycfg.cli.shared import Shared, one_of
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage, CannotRun, InvalidInput, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proxycfg.need import Need
    from proxycfg.probes.outside import Question
    from proxycfg.protocol import Protocol
    from proxycfg.timeline import Event, Timeline

EXAMPLE = "proxycfg probe https://chat.example.com/v1/chat/completions --protocol sse --data @prompt.json"
FORMATS = PRINTED
NOTHING: dict[str, object] = {"kind": "measured", "routes": []}


def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    shared: Shared,
    url: Annotated[
        str,
        Argument(metavar="[URL]", help="The endpoint: http, https, ws, wss, grpc or grpcs. Nothing else is spoken to."),
    ] = "",
    protocol: Annotated[str, Option("--protocol", metavar="X", help="What it streams, and so how it is asked.")] = "",
    header: Annotated[
        list[str] | None, Option("--header", "-H", metavar="'N: V'", help="A header of the requests; repeatable.")
    ] = None,
    cookie: Annotated[
        list[str] | None, Option("--cookie", metavar="N=V", help="A cookie of the requests; repeatable.")
    ] = None,
    data: Annotated[
        str,
        Option(
            "--data", metavar="TEXT", help="The body, or for a WebSocket the first message; @FILE reads it from a file."
        ),
    ] = "",
    method: Annotated[
        str, Option("--method", metavar="M", help="Default: the protocol's own, or POST with --data.")
    ] = "",
    duration: Annotated[
        str, Option("--for", metavar="TIME", help="How long to listen, at most an hour, as in 90s or 5m.")
    ] = "10s",
    http_version: Annotated[
        str, Option("--http-version", metavar="V", help="Speak 1.1 or 2 alone. Default: what the endpoint prefers.")
    ] = "",
    insecure: Annotated[bool, Option("--insecure", help="Believe any certificate.")] = False,
    record: Annotated[
        str, Option("--record", metavar="FILE", help="Keep what was seen as JSON lines, to be judged again.")
    ] = "",
    replay: Annotated[
        str, Option("--replay", metavar="FILE", help="Judge such a recording, and ask nobody; - is standard input.")
    ] = "",
) -> int:
    """Probe.

    Polite by default: one request, or two side by side (HTTP/2 and HTTP/1.1) where the method is GET or HEAD; none is repeated, no redirect
    followed. What a client cannot know is named as such. Exit status: 0 if the stream fares well, 1 if it does not or nothing could be told, 2 for
    bad usage, 3 without the extra `lab`.
    """
    from proxycfg.measured import Tried, measured  # noqa: PLC0415
    from proxycfg.probes.outside import command_of, judge  # noqa: PLC0415
    from proxycfg.source import Span  # noqa: PLC0415

    if bool(url) is bool(replay):
        raise BadUsage("probe: give a URL, or a recording with --replay")
    if replay:
        if record or data or header or cookie:
            raise BadUsage("--replay: asks nobody, so --record, --data, --header and --cookie have no place beside it")
        timeline, file = _kept(replay)
    else:
        file = url
        timeline = _measured(
            shared,
            _question(
                url,
                protocol,
                [*(header or ()), *_cookies(cookie or ())],
                data,
                method,
                duration,
                http_version,
                insecure=insecure,
            ),
        )
        if record:
            _keep(record, timeline)
    told = timeline[0].facts
    try:
        judged = judge(timeline)
        name = str(told["protocol"])
        tried = Tried(
            request=str(told["url"]),
            host=str(told["host"]),
            path=str(told["path"]),
            kind="url",
            span=Span.whole(file if replay else str(told["url"])),
            protocol=name,
            reproduce=command_of(told),
        )
        found = measured(judged, _need(_protocol(name)), timeline, tried)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        if not replay:
            raise
        problem = Problem(
            Span.whole(file),
            f"the recording cannot be judged: {type(error).__name__}: {error}",
            "record anew with --record",
        )
        raise InvalidInput([problem]) from None
    print_measured(shared, "proxycfg probe", [found], {})
    return Exit.OK if found.verdict == "pass" else Exit.FOUND


def _question(
    url: str, protocol: str, headers: Sequence[str], data: str, method: str, duration: str, http: str, *, insecure: bool
) -> Question:
    """What the options ask.

    :raises BadUsage: if they make no sense.
    """
    import re  # noqa: PLC0415

    from proxycfg.probes.outside import Question  # noqa: PLC0415
    from proxycfg.request import request_of  # noqa: PLC0415
    from proxycfg.units import parse_duration  # noqa: PLC0415

    try:
        request_of(url)
    except ValueError as error:
        raise BadUsage(str(error)) from None
    if not url.isascii():
        raise BadUsage(f"{url}: write it in ASCII, its path percent-encoded and its host as xn--…")
    scheme = url.partition("://")[0]
    protocol = protocol or {"ws": "websocket", "wss": "websocket", "grpc": "grpc", "grpcs": "grpc"}.get(scheme, "")
    if not protocol:
        raise BadUsage("probe: say what the endpoint streams, with --protocol, as in --protocol sse")
    try:
        seconds = parse_duration(duration)
    except ValueError as error:
        raise BadUsage(f"--for: {error}") from None
    if not 0 < seconds <= _LONGEST:
        raise BadUsage(f"--for {duration}: write more than nothing and at most an hour")
    if http:
        one_of("--http-version", http, ("1.1", "2"))
    if http == "2" and protocol == "websocket":
        raise BadUsage("--http-version 2: a WebSocket begins as HTTP/1.1; leave it out")
    if http == "1.1" and protocol == "grpc":
        raise BadUsage("--http-version 1.1: gRPC needs HTTP/2; leave it out")
    if method and not re.fullmatch(r"[A-Za-z]{1,20}", method):
        raise BadUsage(f"--method {method}: is no method such as GET or POST")
    told = headers_of(headers)
    for name, value in told.items():
        if not value.isprintable() or not value.isascii():
            raise BadUsage(f"--header {name}: a value is printable ASCII, on one line")
    return Question(
        url=url,
        protocol=_protocol(protocol),
        headers=told,
        method=method.upper(),
        body=_body(data),
        seconds=seconds,
        http=http,
        insecure=insecure,
    )


_LONGEST = 3600.0
"""Seconds: whoever wants to see more wants a monitor."""


def _protocol(name: str) -> Protocol:
    from proxycfg.protocol import meant  # noqa: PLC0415
    from proxycfg.protocols import protocols  # noqa: PLC0415

    one_of("--protocol", name, tuple(protocols()), meant(name))
    return protocols()[name]


def _need(protocol: Protocol) -> Need:
    from proxycfg.explain import ordinary_need  # noqa: PLC0415

    return ordinary_need(protocol.name)


def _cookies(pairs: Sequence[str]) -> list[str]:
    for pair in pairs:
        if "=" not in pair:
            raise BadUsage(f"--cookie {pair}: write NAME=VALUE")
    return [f"Cookie: {'; '.join(pairs)}"] if pairs else []


def _body(data: str) -> bytes | None:
    if not data.startswith("@"):
        return data.encode("utf-8", "surrogateescape") if data else None
    from pathlib import Path  # noqa: PLC0415

    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise BadUsage(f"--data {data}: {error.strerror}") from None


def _measured(shared: Shared, question: Question) -> Timeline:
    """Ask, and listen.

    :raises CannotRun: without the extra ``lab``.
    """
    import asyncio  # noqa: PLC0415

    try:
        from proxycfg.lab.tape import Tape  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise CannotRun(f"there is no Python package {error.name}: pip install 'proxycfg[lab]'") from None
    from proxycfg.probes.outside import drive  # noqa: PLC0415

    def hear(event: Event) -> None:
        shared.detail(f"{event.at:8.3f} s  exchange {event.exchange}  {event.what}  {dict(event.facts)}")

    tape = Tape(hear)
    asyncio.run(drive(question, tape))
    return tuple(tape.events)


def _kept(file: str) -> tuple[Timeline, str]:
    from proxycfg.sourcefile import read_source  # noqa: PLC0415
    from proxycfg.timeline import from_lines  # noqa: PLC0415

    source = read_source(file, 64 * 2**20, instead="give a file that --record has written")
    return from_lines(source), source.name


def _keep(file: str, timeline: Timeline) -> None:
    from pathlib import Path  # noqa: PLC0415

    from proxycfg import outdir  # noqa: PLC0415
    from proxycfg.timeline import to_lines  # noqa: PLC0415

    path = Path(file)
    outdir.write(path.parent, {path.name: to_lines(timeline)})
