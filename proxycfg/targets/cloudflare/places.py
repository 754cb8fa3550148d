"""The places that a zone's rules name, and which rules are in force there: expressions evaluated for a request of each place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from proxycfg.streams import paths_of_regex
from proxycfg.targets.cloudflare.rules_language import (
    HOST,
    MISSING,
    PATH,
    UNKNOWN,
    Among,
    Call,
    Compare,
    Field,
    Joined,
    Literal,
    Not,
    holds,
)
from proxycfg.targets.cloudflare.value import UNKNOWN as UNKNOWN_PART

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxycfg.source import Span
    from proxycfg.targets.cloudflare.zone import PageRule, Zone

MAX_CLAUSES = 512
"""Pairs of host and path that one expression is spread into; more name no more places."""


class Name(NamedTuple):
    """A host or a path that an expression names.

    :param kind: ``exact``, ``prefix``, ``wildcard``, ``suffix``, ``contains`` or ``regex``.
    :param says: the comparison that names it; holds of every request of the place.
    """

    kind: str
    text: str
    says: Any

    @property
    def sample(self) -> str | None:
        """A text that it takes; None where none can be thought of."""
        if self.kind == "exact":
            return self.text
        if self.kind == "prefix":
            return f"{self.text}x" if self.text.endswith(("/", ".")) else self.text
        if self.kind == "wildcard":
            return self.text.replace("*", "x")
        if self.kind == "suffix":
            return f"/x{self.text}" if self.path else f"x{self.text}"
        if self.kind == "contains":
            return f"/x{self.text}{'' if self.text.startswith('/') else 'x'}" if self.path else f"x{self.text}x"
        found = [text for text in paths_of_regex(self.text) if not self.path or text.startswith(("/", "*"))]
        return re.sub(r"\A(?!/)", "/", found[0].replace("*", "x")) if found and self.path else None

    @property
    def path(self) -> bool:
        """Whether it is a path, not a host."""
        value = self.says.value if isinstance(self.says, Compare) else self.says.arguments[0]
        return _field(value) == PATH

    @property
    def title(self) -> str:
        """As people write such places."""
        if self.kind == "suffix":
            return f"*{self.text}"
        return f"*{self.text}*" if self.kind == "contains" else self.text


class Place(NamedTuple):
    """Somewhere that requests go, as rules name it.

    :param path: ``*`` for everything that no rule names.
    :param span: the first rule that names it.
    """

    host: Name | None
    path: Name | None
    span: Span

    @property
    def title(self) -> str:
        """Its path as written."""
        return self.path.title if self.path else "*"

    @property
    def host_title(self) -> str | None:
        """Its host as written."""
        return self.host.title if self.host else None

    @property
    def kind(self) -> str:
        """How its path matches."""
        return self.path.kind if self.path else "any"


def places_of(zone: Zone) -> list[Place]:
    """Every place that the zone's rules name, in the order of the file, and at the end the rest."""
    found: dict[tuple[object, ...], Place] = {}

    def add(places: Iterable[Place]) -> None:
        for place in places:
            if place.host is not None or place.path is not None:
                found.setdefault(tuple(name and (name.kind, name.text) for name in place[:2]), place)

    for rules in zone.rules.values():
        for rule in rules:
            add(places_of_rule(rule.expression, rule.span))
    add(Place(*of_pattern(each.target), each.span) for each in zone.page_rules)
    routes = zone.of_type("cloudflare_workers_route", "cloudflare_worker_route")
    add(Place(*of_pattern(each.body.text("pattern") or ""), each.span) for each in routes)
    return [*sorted(found.values(), key=lambda place: place.span), Place(None, None, zone.span)]


def places_of_rule(expression: Any, span: Span) -> Iterator[Place]:
    """The places that an expression names; everything, where it names none."""
    return (Place(host, path, span) for host, path in _clauses(expression))


# ---- what expressions name ----


def _field(node: Any) -> str:
    """The field that a value is made of, whatever case it is brought to."""
    while isinstance(node, Call) and node.name in {"lower", "upper", "url_decode"} and node.arguments:
        node = node.arguments[0]
    return node.name if isinstance(node, Field) and not node.way else ""


def _clauses(node: Any) -> list[tuple[Name | None, Name | None]]:
    """Pairs of host and path that a request may have for which the expression holds."""
    if isinstance(node, Joined) and node.operator == "and":
        found: list[tuple[Name | None, Name | None]] = [(None, None)]
        for part in node.parts:
            more = _clauses(part)
            joined = [(host or other, path or also) for host, path in found for other, also in more]
            found = list(dict.fromkeys(joined))[:MAX_CLAUSES]
        return found
    if isinstance(node, Joined):
        return [pair for part in node.parts for pair in _clauses(part)][:MAX_CLAUSES]
    if isinstance(node, Not):
        # What is left out is a place, too; the rule does not hold there.
        return [(None, None)]
    names = list(_names(node))
    return [(None, name) if name.path else (name, None) for name in names] or [(None, None)]


def _names(node: Any) -> Iterator[Name]:
    if isinstance(node, Call) and node.name in {"starts_with", "ends_with"} and len(node.arguments) > 1:
        field, literal = _field(node.arguments[0]), node.arguments[1]
        if field in {PATH, HOST} and isinstance(literal, Literal) and isinstance(literal.value, str):
            yield Name("prefix" if node.name == "starts_with" else "suffix", literal.value, node)
    if not isinstance(node, Compare):
        return
    field = _field(node.value)
    if field not in {PATH, HOST}:
        return
    operand = node.operand
    if isinstance(operand, Among):
        for item in operand.items[:MAX_CLAUSES]:
            if isinstance(item, str):
                yield Name("exact", item, Compare(node.value, "eq", Literal(item)))
    elif isinstance(operand, Literal) and isinstance(operand.value, str):
        kind = _KINDS.get(node.operator)
        if kind == "wildcard" and "*" not in operand.value:
            kind = "exact"
        if kind == "wildcard" and operand.value.endswith("*") and "*" not in operand.value[:-1]:
            yield Name("prefix", operand.value[:-1], node)
        elif kind:
            yield Name(kind, operand.value, node)


_KINDS = {
    "eq": "exact",
    "wildcard": "wildcard",
    "strict wildcard": "wildcard",
    "contains": "contains",
    "matches": "regex",
}


def of_pattern(pattern: str) -> tuple[Name | None, Name | None]:
    """Host and path of a pattern of URLs, as Page Rules and routes of Workers have them; None where anything will do."""
    bare = re.sub(r"\A(?:\*|https?|http\*)://", "", pattern)
    host, slash, path = bare.partition("/")
    found: list[Name | None] = []
    for field, text, whole in ((HOST, host.partition(":")[0], ("*", "")), (PATH, f"{slash}{path}", ("/*", "*", ""))):
        name = None
        if text not in whole and UNKNOWN_PART not in text:
            compare = Compare(Field(field, ()), "wildcard", Literal(text))
            name = next(_names(compare), None)
        found.append(name)
    return found[0], found[1]


# ---- what holds at a place ----


class Request(NamedTuple):
    """What is known of the requests of a place.

    :param fields: of the Rules language, by name.
    :param told: comparisons that hold because the place is what they say.
    :param whole: whether the path is one of a request, and not an example of many.
    """

    fields: Mapping[str, Any]
    told: frozenset[Any] = frozenset()
    whole: bool = True

    def holds(self, expression: Any) -> bool | None:
        """Whether an expression holds; None where that is open."""
        return holds(_given(expression, self.told) if self.told else expression, self._known)

    def _known(self, name: str) -> Any:
        return self.fields.get(name, UNKNOWN)


def _given(node: Any, told: frozenset[Any]) -> Any:
    if isinstance(node, (Compare, Call)):
        return Literal(True) if node in told else node
    if isinstance(node, Not):
        return Not(_given(node.inner, told))
    if isinstance(node, Joined):
        return Joined(node.operator, tuple(_given(part, told) for part in node.parts))
    return node


_TYPES = {
    "sse": "text/event-stream", "ndjson": "application/x-ndjson", "grpc": "application/grpc", "grpc-web": "application/grpc-web",
    "connect": "application/connect+json",
}  # fmt: skip
"""Media types of answers that streams have."""
POSTED = frozenset(("grpc", "grpc-web", "connect"))
"""Protocols whose requests are all POST."""


def request_at(place: Place, names: Iterable[str], protocol: str | None, headers: Mapping[str, str]) -> Request:
    """What is known of the requests of a place."""
    if place.host is not None:
        host: Any = place.host.sample
    else:
        # A host that no rule names.
        host = next((f"any-other.{name}" for name in names), "any-other.invalid")
    path: Any = place.path.sample if place.path is not None else "/any-other"
    told = frozenset(name.says for name in (place.host, place.path) if name is not None)
    whole = place.path is not None and place.path.kind == "exact"
    return request_of(host, path, protocol, headers, told)._replace(whole=whole)


def request_of(
    host: str | None,
    target: str | None,
    protocol: str | None,
    headers: Mapping[str, str],
    told: frozenset[Any] = frozenset(),
) -> Request:
    """What is known of a request to a host (None: any) for a target (path, and query if any)."""
    fields: dict[str, Any] = {}
    if host is not None:
        fields[HOST] = fields["http.request.headers.host"] = host
    if target is not None:
        path, question, query = target.partition("?")
        last = path.rpartition("/")[2]
        fields |= {
            PATH: path, "raw.http.request.uri.path": path, "http.request.uri.query": query if question else UNKNOWN,
            "http.request.uri.path.extension": last.rpartition(".")[2].lower() if "." in last else "",
            # Without a query nobody knows what stands behind the path.
            "http.request.uri": target if question else UNKNOWN,
        }  # fmt: skip
    if protocol in _TYPES:
        fields["http.response.content_type.media_type"] = _TYPES[protocol]
    if protocol in POSTED:
        fields["http.request.method"] = "POST"
    if protocol == "websocket":
        fields |= {"http.request.method": "GET"}
        headers = {**headers, "upgrade": "websocket"}
    fields["http.request.headers"] = _Headers({name: (value,) for name, value in headers.items()})
    return Request(fields, told)


class _Headers(dict[str, Any]):
    """Headers of a request: what is not told of is not known."""

    def get(self, name: object, _default: object = None) -> Any:
        found = dict.get(self, str(name).lower(), UNKNOWN)
        return MISSING if found is None else found


def matching(page_rules: Iterable[PageRule], request: Request) -> tuple[PageRule | None, list[PageRule]]:
    """The Page Rule that takes effect, and those that may do so instead: the highest that matches."""
    maybe: list[PageRule] = []
    for each in sorted(page_rules, key=lambda rule: -rule.priority):
        host, path = of_pattern(each.target)
        answers = [request.holds(name.says) for name in (host, path) if name is not None]
        if False in answers:
            continue
        if None in answers or not each.certain:
            maybe.append(each)
        else:
            return each, maybe
    return None, maybe
