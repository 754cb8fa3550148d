"""``proxycfg advise``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from proxycfg.cli.options import Argument, Option
from proxycfg.cli.shared import Shared, one_of
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage

if TYPE_CHECKING:
    from proxycfg.advise import Advice

EXAMPLE = "proxycfg advise --direction to-client --client browser --length 2m --rate 30 --input rare"
FORMATS = ("text", "json")


def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    shared: Shared,
    about: Annotated[
        list[str] | None,
        Argument(
            metavar="[TOPIC]...",
            help="Nothing for the protocol; or `capacity SPEC` for what the clients and networks of a spec take, by its scale.",
        ),
    ] = None,
    direction: Annotated[
        str, Option("--direction", metavar="D", help="Who speaks: request (and answer), to-client, to-server or both.")
    ] = "",
    client: Annotated[str, Option("--client", metavar="C", help="Who the clients are: browser, service or both.")] = "",
    length: Annotated[
        str, Option("--length", metavar="TIME", help="How long an exchange lasts: 30s, 10m, 8h. Default: 1m.")
    ] = "",
    rate: Annotated[
        str, Option("--rate", metavar="N", help="Messages a second of one client: 30, or 0.01. Default: 1.")
    ] = "",
    delay: Annotated[str, Option("--delay", metavar="TIME", help="How late a message may be. Default: 1s.")] = "",
    binary: Annotated[
        bool | None, Option("--binary/--no-binary", help="Messages are bytes, such as audio. Default: text.")
    ] = None,
    input_: Annotated[
        str,
        Option(
            "--input",
            metavar="I",
            help="What the client says during an answer: none, rare (a cancellation) or steady. Default: none.",
        ),
    ] = "",
    network: Annotated[
        str,
        Option(
            "--network",
            metavar="N",
            help="What is in between: open, mobile or corporate (proxies that look in). Default: open.",
        ),
    ] = "",
    others: Annotated[
        bool | None, Option("--others/--no-others", help="Other people write clients, too: SDKs, curl. Default: no.")
    ] = None,
    auth: Annotated[
        str, Option("--auth", metavar="A", help="How clients log in: none, cookie, header or query. Default: none.")
    ] = "",
    cores: Annotated[str, Option("--cores", metavar="N", help="With capacity: cores of the proxy. Default: 2.")] = "",
    spread: Annotated[
        str,
        Option("--spread", metavar="TIME", help="With capacity: in which time all clients come back. Default: 10s."),
    ] = "",
) -> int:
    """Advise.

    Without options, at a terminal, it asks. What it asks for must be said in scripts by
    --direction and --client; the rest has a default. `proxycfg advise capacity SPEC` says
    what the scale of a spec comes to: connections, memory, reconnects, silences.
    """
    given = {
        "direction": direction, "client": client, "length": length, "rate": rate, "delay": delay, "binary": binary, "input": input_,
        "network": network, "others": others, "auth": auth,
    }  # fmt: skip
    if about:
        return _capacity(shared, about, cores, spread)
    if cores or spread:
        raise BadUsage("--cores and --spread are for `proxycfg advise capacity SPEC`")
    said = {name: value for name, value in given.items() if value not in {"", None}}
    answers = {name: _read(name, value) for name, value in said.items()}
    if not answers and sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
        answers = _interview()
    missing = [f"--{name}" for name in ("direction", "client") if name not in answers]
    if missing:
        raise BadUsage(f"{' and '.join(missing)} must be said, since nobody can be asked: see `proxycfg advise --help`")
    _print(shared, _advice(answers))
    return Exit.OK


def _capacity(shared: Shared, about: Sequence[str], cores: str, spread: str) -> int:
    """What the scale of a spec comes to."""
    from proxycfg.capacity import capacity  # noqa: PLC0415
    from proxycfg.cli.specs import load_spec  # noqa: PLC0415
    from proxycfg.units import parse_duration  # noqa: PLC0415

    if about[0] != "capacity" or len(about) != 2:  # noqa: PLR2004 - the word, and a spec
        raise BadUsage(f"`{' '.join(about)}`: write `capacity SPEC`, or nothing for the question of the protocol")
    if cores and not cores.isdecimal():
        raise BadUsage(f"--cores {cores}: is no number; write one such as 4")
    try:
        within = parse_duration(spread) if spread else 10.0
        spec = load_spec(about[1])
        parts = capacity(spec, cores=int(cores or 2), spread=within)
    except ValueError as error:
        raise BadUsage(
            f"--{error}" if str(error).startswith(("cores", "spread")) else f"--spread {spread}: {error}"
        ) from None
    if shared.format == "json":
        shared.print_json({"streams": spec.streams, "parts": [part.to_json() for part in parts]})
        return Exit.OK
    from proxycfg.reports.advise_text import capacity_to_text  # noqa: PLC0415

    sys.stdout.write(capacity_to_text(parts, spec.streams))
    return Exit.OK


def _advice(answers: Mapping[str, Any]) -> Advice:
    from proxycfg.advise import Question, advise  # noqa: PLC0415

    try:
        return advise(Question(**answers))
    except ValueError as error:
        raise BadUsage(f"--{error}") from None


def _print(shared: Shared, advice: Advice) -> None:
    if shared.format == "json":
        shared.print_json(advice.to_json())
        return
    from proxycfg.reports.advise_text import advice_to_text  # noqa: PLC0415

    sys.stdout.write(advice_to_text(advice))


def _read(name: str, value: Any) -> Any:
    """An answer as the question has it.

    :raises BadUsage: if it is none.
    """
    from proxycfg import advise  # noqa: PLC0415
    from proxycfg.units import parse_duration  # noqa: PLC0415

    words: Mapping[str, Mapping[str, str]] = {
        "direction": advise.DIRECTIONS, "client": advise.CLIENTS, "input": advise.INPUTS, "network": advise.NETWORKS, "auth": advise.AUTHS,
    }  # fmt: skip
    if name in words:
        one_of(f"--{name}", value, tuple(words[name]))
        return value
    if isinstance(value, bool):
        return value
    try:
        return float(value) if name == "rate" else parse_duration(value)
    except ValueError as error:
        raise BadUsage(
            f"--{name} {value}: {error if name != 'rate' else 'is no number; write one such as 30 or 0.01'}"
        ) from None


# ---- at a terminal ----


def _interview() -> dict[str, Any]:
    """Ask, on standard error, until every answer is one; an empty line takes the default, which stands in brackets."""
    from proxycfg import advise  # noqa: PLC0415

    sys.stderr.write("Ten questions; Enter takes what stands in brackets.\n")
    answers: dict[str, Any] = {}
    for name, question, default, words in (
        ("direction", "Who speaks?", "to-client", advise.DIRECTIONS),
        ("client", "Who are the clients?", "browser", advise.CLIENTS),
        ("input", "What does the client say while an answer comes?", "none", advise.INPUTS),
        ("length", "How long does an exchange last? (30s, 10m, 8h)", "1m", None),
        ("rate", "How many messages a second, for one client? (30, 0.01)", "1", None),
        ("delay", "How late may a message be? (1s, 30s)", "1s", None),
        ("binary", "Are messages bytes, such as audio?", "no", _YES),
        ("network", "What is in between?", "open", advise.NETWORKS),
        ("others", "Do other people write clients, too (SDKs, curl)?", "no", _YES),
        ("auth", "How do clients log in?", "none", advise.AUTHS),
    ):
        answers[name] = _asked(name, question, default, words)
    sys.stderr.write("\n")
    return answers


_YES: Mapping[str, str] = {"yes": "", "no": ""}


def _asked(name: str, question: str, default: str, words: Mapping[str, str] | None) -> Any:
    read: Callable[[str], Any] = (lambda word: word == "yes") if words is _YES else (lambda word: _read(name, word))
    sys.stderr.write(f"\n{question}\n")
    for word, meaning in (words or {}).items():
        if meaning:
            sys.stderr.write(f"  {word:<10} {meaning}\n")
    while True:
        sys.stderr.write(f"[{default}] ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise BadUsage("the questions ended without an answer; nothing was decided")
        word = line.strip().lower() or default
        if words and word not in words:
            sys.stderr.write(f"write one of {', '.join(words)}\n")
            continue
        try:
            return read(word)
        except BadUsage as error:
            sys.stderr.write(f"{error}\n")
