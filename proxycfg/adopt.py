"""A draft in, a ``routes.yaml`` out: the verb behind ``proxycfg init --from``. Pure.

The loader of specs is the judge: what it refuses of a draft is taken out, and told with the loader's own words. So a file that is written loads.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from proxycfg.draft import Draft, DraftRoute, DraftUpstream, Lost
from proxycfg.errors import InvalidInput, Problem, printable
from proxycfg.record import record, replace
from proxycfg.source import Source, Span
from proxycfg.specfile import load

if TYPE_CHECKING:
    from proxycfg.spec import Spec

Where = tuple[str | int, ...]
"""What a line of the file is about: ``("routes", 3, "upload", "max_bytes")``, with the draft's own number of the route."""

_MEANING = frozenset({"path", "exact", "regex", "hosts", "protocol", "upstream", "strip_prefix", "methods"})
"""Fields without which a route would be another one."""


@record(frozen=True, slots=True)
class Adopted:
    """What became of a config.

    :param text: the file.
    :param routes: those in force, in the order of ``spec.routes``.
    :param withheld: those that are written as comments, for want of something that a spec cannot say.
    :param lost: everything that was not carried over, in the order of the files.
    """

    text: str
    spec: Spec
    routes: tuple[DraftRoute, ...]
    withheld: tuple[DraftRoute, ...]
    lost: tuple[Lost, ...]


def adopt(draft: Draft, heading: Sequence[str]) -> Adopted:
    """Make a spec of a draft.

    :param heading: lines that say what the file was made from.
    :raises InvalidInput: if no route of it can be carried over, with what is in the way of each.
    """
    while any(not route.withheld for route in draft.routes):
        lines = list(_lines(draft, heading))
        text = "".join(f"{line}\n" for line, _ in lines)
        try:
            spec = load(Source("routes.yaml", text))
        except InvalidInput as error:
            less = _less(draft, [(problem, lines[problem.span.line - 1][1]) for problem in error.problems])
            if less == draft:
                raise AssertionError(text) from error
            draft = less
            continue
        in_force = tuple(route for route in draft.routes if not route.withheld)
        withheld = tuple(route for route in draft.routes if route.withheld)
        return Adopted(text, spec, in_force, withheld, _all_lost(draft))
    raise InvalidInput([Problem(each.span, each.what, each.instead) for each in _all_lost(draft)] or [_NOTHING])


_NOTHING = Problem(
    Span.whole("--from"),
    "no route of this config hands requests to an origin",
    "give the config that does, or run `proxycfg init` alone for a commented routes.yaml",
)


def _all_lost(draft: Draft) -> tuple[Lost, ...]:
    found = [*draft.lost, *(each for route in draft.routes for each in route.withheld)]
    return tuple(sorted(dict.fromkeys(found), key=lambda each: (each.span, each.what)))


# ---- what the loader refuses ----


def _less(draft: Draft, refused: Sequence[tuple[Problem, Where]]) -> Draft:
    """The draft without what is refused: the field, or the route that would be another one without it."""
    routes, upstreams = list(draft.routes), list(draft.upstreams)
    settings, lost = dict(draft.settings), list(draft.lost)
    for problem, where in refused:
        match where:
            case ("routes", int(at), *rest):
                route = routes[at]
                why = Lost(route.span, f"{route.title}: {problem.message}", problem.instead)
                if rest and rest[0] not in _MEANING:
                    routes[at] = replace(route, fields=_without(route.fields, rest))
                    lost.append(replace(why, what=f"{'.'.join(map(str, rest))} of {why.what}"))
                else:
                    routes[at] = replace(route, withheld=(*route.withheld, why))
            case ("upstreams", str(name), *rest):
                at = next(index for index, each in enumerate(upstreams) if each.name == name)
                why = Lost(upstreams[at].span, f"upstream {name}: {problem.message}", problem.instead)
                if rest and rest[0] != "servers":
                    upstreams[at] = replace(upstreams[at], fields=_without(upstreams[at].fields, rest))
                    lost.append(why)
                else:
                    for index, route in enumerate(routes):
                        if route.upstream == name and why not in route.withheld:
                            routes[index] = replace(route, withheld=(*route.withheld, why))
            case ("hosts", *_):
                # They stand there once for many routes.
                common = _common_hosts(draft.routes)
                for index, route in enumerate(routes):
                    if route.hosts == common:
                        why = Lost(route.span, f"hosts of {route.title}: {problem.message}", problem.instead)
                        routes[index] = replace(route, withheld=(*route.withheld, why))
            case (str(name), *rest):
                settings = dict(_without(settings, (name, *rest)))
                lost.append(
                    Lost(draft.routes[0].span, f"{'.'.join(map(str, where))}: {problem.message}", problem.instead)
                )
            case _:
                raise AssertionError(problem)
    return replace(draft, routes=tuple(routes), upstreams=tuple(upstreams), settings=settings, lost=tuple(lost))


def _without(fields: Mapping[str, Any], path: Sequence[str | int]) -> Mapping[str, Any]:
    """The fields without the one at the end of a path, and without what would be left empty around it."""
    name, *rest = path
    inner = fields.get(str(name))
    left = _without(inner, rest) if rest and isinstance(inner, dict) else None
    return {key: left if key == name else value for key, value in fields.items() if key != name or left}


# ---- the file ----


def _lines(draft: Draft, heading: Sequence[str]) -> Iterator[tuple[str, Where]]:
    """Every line of the file, and what it is about."""
    yield from ((_comment(line), ()) for line in heading)
    if lost := _all_lost(draft):
        yield from (("#", ()), ("# Not carried over:", ()))
        yield from ((_comment(f"  {each}"), ()) for each in lost)
    yield "version: 1", ()
    used = {route.upstream for route in draft.routes if not route.withheld}
    common = _common_hosts(draft.routes)
    if common:
        yield from _field("hosts", list(common), 0, ("hosts",))
    for name, value in draft.settings.items():
        yield from _field(name, value, 0, (name,))
    yield from (("", ()), ("upstreams:", ()))
    for upstream in draft.upstreams:
        lines = _of_upstream(upstream)
        yield from lines if upstream.name in used else _as_comments(lines)
    yield from (("", ()), ("routes:", ()))
    for index, route in enumerate(draft.routes):
        because = f"; {route.protocol}, because {route.because}" if route.because else ""
        yield _comment(f"{route.span.file}:{route.span.line}{because}", 2), ()
        for each in route.withheld:
            yield _comment(f"Not in force: {each.what}" + (f"; {each.instead}" if each.instead else ""), 2), ()
        lines = _of_route(route, index, common)
        yield from _as_comments(lines) if route.withheld else lines


def _common_hosts(routes: Sequence[DraftRoute]) -> tuple[str, ...]:
    """The hosts of most routes: they stand once, at the top."""
    counts: dict[tuple[str, ...], int] = {}
    for route in routes:
        if not route.withheld and route.hosts:
            counts[route.hosts] = counts.get(route.hosts, 0) + 1
    return max(counts, key=counts.__getitem__, default=())


def _of_upstream(upstream: DraftUpstream) -> Iterator[tuple[str, Where]]:
    where: Where = ("upstreams", upstream.name)
    if len(upstream.servers) == 1 and not upstream.fields:
        yield f"  {upstream.name}: {_scalar(upstream.servers[0])}", (*where, "servers")
        return
    yield f"  {upstream.name}:", where
    yield "    servers:", (*where, "servers")
    for server in upstream.servers:
        yield f"      - {_scalar(server)}", (*where, "servers")
    for name, value in upstream.fields.items():
        yield from _field(name, value, 4, (*where, name))


def _of_route(route: DraftRoute, index: int, common: tuple[str, ...]) -> Iterator[tuple[str, Where]]:
    where: Where = ("routes", index)
    yield f"  - {route.match}: {_scalar(route.path)}", (*where, route.match)
    if route.hosts and route.hosts != common:
        yield from _field("hosts", list(route.hosts), 4, (*where, "hosts"))
    yield f"    protocol: {route.protocol}", (*where, "protocol")
    yield f"    upstream: {_scalar(route.upstream)}", (*where, "upstream")
    for name, value in route.fields.items():
        yield from _field(name, value, 4, (*where, name))


def _field(name: str, value: Any, indent: int, where: Where) -> Iterator[tuple[str, Where]]:
    """A field: a line for every value, so that a line says which one is wrong."""
    pad = " " * indent
    if isinstance(value, Mapping) and value:
        yield f"{pad}{_scalar(name)}:", where
        for key, inner in value.items():
            yield from _field(key, inner, indent + 2, (*where, key))
    elif isinstance(value, list):
        yield f"{pad}{_scalar(name)}: [{', '.join(map(_scalar, value))}]", where
    else:
        yield f"{pad}{_scalar(name)}: {'{}' if isinstance(value, Mapping) else _scalar(value)}", where


_PLAIN = re.compile(
    r"[0-9]+(?:ms|[smhd]|[KMG]iB|/[sm])|(?!(?:true|false|null|yes|no|on|off|y|n)$)[A-Za-z/][A-Za-z0-9_./@:+-]*(?<!:)",
    re.IGNORECASE,
)


def _scalar(value: Any) -> str:
    """A value as YAML has it: plain where no reader could take it for something else, as JSON does where one might."""
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) else json.dumps(value, ensure_ascii=not value.isprintable())
    return json.dumps(value)


def _comment(text: str, indent: int = 0) -> str:
    return f"{' ' * indent}# {printable(text)}".rstrip()


def _as_comments(lines: Iterator[tuple[str, Where]]) -> Iterator[tuple[str, Where]]:
    for line, _ in lines:
        yield f"  # {line.removeprefix('  ')}", ()
