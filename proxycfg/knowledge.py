"""What is known of streams from elsewhere than a config under review: which paths somebody declared, and what each of them asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from proxycfg.need import Need, need_of
from proxycfg.protocols import protocols
from proxycfg.record import field, record, replace
from proxycfg.source import Span
from proxycfg.spec import ordinary
from proxycfg.streams import Declared, Stream


@record(frozen=True, slots=True)
class Knowledge:
    """What somebody says beside the config.

    :param declared: which paths stream, from a spec or from options.
    :param needs: what the routes of a spec ask for, by their place in it.
    """

    declared: Sequence[Declared] = ()
    needs: Mapping[Span, Need] = field(default_factory=dict)

    def need_of(self, stream: Stream) -> tuple[Need, frozenset[str]]:
        """What a stream asks for, and the properties of which a spec asks something else than the protocol does by itself."""
        usual = _usual(stream.protocol, stream.heartbeat, stream.idle_timeout)
        need = self.needs.get(stream.span) if stream.span else None
        return (usual, _NONE) if need is None else (need, _asked(need, usual))


NOTHING = Knowledge()
_NONE = frozenset[str]()


def _asked(need: Need, usual: Need) -> frozenset[str]:
    return frozenset(name for name, want in need.wants.items() if want.accepted != getattr(usual.accepted, name))


@lru_cache(maxsize=256)
def _usual(name: str, heartbeat: float | None, idle_timeout: float | None) -> Need:
    """What a stream asks of which no more is said: hundreds of a fleet say the same."""
    protocol = protocols()[name]
    silence = protocol.silence(heartbeat) if idle_timeout is None else idle_timeout
    return need_of(replace(ordinary(protocol), idle_timeout=silence))
