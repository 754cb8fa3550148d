"""``stack.yaml``, read and settled: every problem at once, each with its place."""

from __future__ import annotations

import posixpath
from collections import Counter
from typing import Any

from pydantic import ValidationError

from proxycfg import wording, yamldoc
from proxycfg.behavior import Behavior, exactly, properties, transparent
from proxycfg.errors import InvalidInput
from proxycfg.presets import PRESETS
from proxycfg.record import replace
from proxycfg.source import Source
from proxycfg.stack import Stack, StackHop
from proxycfg.stackmodel import OpaqueHop, StackFile
from proxycfg.stackmodel import StackHop as HopModel
from proxycfg.streams import Declared
from proxycfg.yamldoc import Document

MAX_BYTES = 2**20
"""A larger stack is refused."""


def load(source: Source) -> Stack:
    """Read, check and settle a stack; configs lie below its folder.

    :raises InvalidInput: with every problem of the file.
    """
    document = yamldoc.parse(source)
    if not isinstance(document.data, dict):
        found = "is empty" if document.data is None else f"holds {yamldoc.called(document.data)}"
        said = f"a stack is a mapping of fields, this file {found}"
        raise InvalidInput([document.problem(document.span_of(()), said, "start with `hops:`, outermost first")])
    try:
        model = StackFile.model_validate(document.data)
    except ValidationError as error:
        raise InvalidInput(wording.problems(document, error, StackFile)) from None
    names = [hop.name or _called(hop) for hop in model.hops]
    given = Counter(hop.name for hop in model.hops if hop.name)
    twice = [
        document.problem(
            document.span_of(("hops", at, "name")),
            f"`{hop.name}` is another hop's name, too",
            "give each a name of its own",
        )
        for at, hop in enumerate(model.hops)
        if hop.name and given[hop.name] > 1
    ]
    if twice:
        raise InvalidInput(twice)
    return Stack(
        file=source.name,
        host=model.host or "",
        hops=tuple(
            _hop(document, at, hop, _numbered(names, at)) for at, hop in enumerate(model.hops)
        ),
        streams=tuple(
            Declared(
                path=stream.path, protocol=stream.protocol, kind="prefix", heartbeat=stream.heartbeat, idle_timeout=stream.idle_timeout,
                said_by=str(span), span=span,
            )
            for at, stream in enumerate(model.streams)
            for span in (document.span_of(("streams", at)),)
        ),
    )  # fmt: skip


def _called(hop: HopModel) -> str:
    """What it is, in place of a name."""
    return hop.opaque.preset or "opaque" if hop.opaque is not None else hop.kinds[0]


def _numbered(names: list[str], at: int) -> str:
    """A name, with a number where others have the same."""
    name = names[at]
    return f"{name} {names[: at + 1].count(name)}" if names.count(name) > 1 else name


def _hop(document: Document, at: int, hop: HopModel, name: str) -> StackHop:
    kind = hop.kinds[0]
    span = document.span_of(("hops", at))
    if hop.opaque is not None:
        behavior, stated = _opaque(hop.opaque)
        return StackHop(name=name, kind=kind, span=span, opaque=behavior, stated=stated)
    said: Any = getattr(hop, kind)
    config = posixpath.join(posixpath.dirname(document.source.name), said.config) if said.config else ""
    version = (said.plan if kind == "cloudflare" else said.version) or ""
    return StackHop(name=name, kind=kind, span=span, config=config, version=version, stated={})


def _opaque(hop: OpaqueHop) -> tuple[Behavior, dict[str, str]]:
    """What a hop does of which numbers are known, and what says so."""
    preset = PRESETS[hop.preset] if hop.preset else None
    values: dict[str, Any] = dict(preset.values) if preset else {}
    stated = dict.fromkeys(values, f"{preset.title}, {preset.source}") if preset else {}
    for name, value in hop.model_dump(exclude_none=True, exclude={"preset"}).items():
        for each in ("upstream_idle_timeout", "client_idle_timeout") if name == "idle_timeout" else (name,):
            values[each] = frozenset(value) if isinstance(value, list) else value
            stated[each] = f"{name}: {value}"
    ranges = {name: exactly(float(value) if properties()[name].unit else value) for name, value in values.items()}
    return replace(transparent(), **ranges), stated
