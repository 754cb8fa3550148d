"""What was read out of a config, or measured: behavior, and beside it the evidence for every property.

Behaviors compare with ``==``; reports point with evidence. The two never mix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

from proxycfg.behavior import Behavior, properties, value_to_json
from proxycfg.finding import Confidence
from proxycfg.record import field, record

if TYPE_CHECKING:
    from proxycfg.source import Span

EvidenceKind = Literal["config", "default", "inherited", "measured"]


class Evidence(NamedTuple):
    """What decides a property: ``text`` as it stands in the config, or the default in the proxy's own words.

    ``kind`` is ``config`` for the route's own block, ``inherited`` for one around it, ``default`` for silence (``span`` is None then).
    ``block`` is the kind of block that an inherited one stands in, such as ``server``.
    """

    kind: EvidenceKind
    text: str
    span: Span | None = None
    block: str = ""

    def to_json(self) -> dict[str, object]:
        """The ``origin`` object of contract section 4."""
        body: dict[str, object] = {
            "kind": self.kind,
            "location": self.span.to_json() if self.span else None,
            "text": self.text,
        }
        return body | {"block": self.block} if self.block else body


class Reading(NamedTuple):
    """A behavior, and the evidence for each of its properties, by name."""

    behavior: Behavior
    evidence: Mapping[str, Evidence]

    def to_json(self, more: Mapping[str, Mapping[str, object]] | None = None) -> dict[str, object]:
        """The ``behavior`` object of ``explain --format json``; ``more`` adds to a property, by its name."""
        added = more or {}
        return {
            name: {
                "value": value_to_json(name, getattr(self.behavior, name)),
                "origin": self.evidence[name].to_json(),
                **added.get(name, {}),
            }
            for name in properties()
        }


@record(frozen=True, slots=True, kw_only=True)
class ReadRoute:
    """One place that clients can reach, as a config has it.

    ``host`` is None where any host does; ``path`` is what the user wrote (a location's argument, a route's prefix); ``kind`` says how it
    matches; ``span`` is its place. ``protocol`` is None where nothing tells. ``not_understood`` names directives that matter here and are not
    modelled.
    """

    host: str | None
    path: str
    kind: str
    span: Span
    reading: Reading
    protocol: str | None = None
    confidence: Confidence = Confidence.INFERRED
    not_understood: tuple[Span, ...] = field(default=())

    def to_json(self, more: Mapping[str, Mapping[str, object]] | None = None) -> dict[str, object]:
        """One element of ``routes`` in ``explain --format json``; ``more`` adds to a property, by its name."""
        return {
            "host": self.host,
            "path": self.path,
            "match": {"kind": self.kind, "location": self.span.to_json()},
            "protocol": self.protocol,
            "confidence": self.confidence.value,
            "behavior": self.reading.to_json(more),
        }
