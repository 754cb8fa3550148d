"""Several hops as one: the behavior of a chain, and the hops that decide each property of it.

Most properties join by themselves (:attr:`~proxycfg.behavior.Property.along`). The others hang on what passes between the hops, so the chain is
walked: with the request from the client inwards (who still sees ``Accept-Encoding``, who collects the body), and with the answer from the
origin outwards (what still says ``X-Accel-Buffering: no``, what is compressed already). What a hop leaves open is walked both ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any, NamedTuple

from proxycfg.behavior import (
    ANYTHING,
    HTTP_VERSIONS,
    NO,
    TRANSPORTS,
    YES,
    Behavior,
    Between,
    Transports,
    either,
    exactly,
    properties,
    transparent,
)
from proxycfg.record import record

Under = Callable[[bool, bool], Behavior]
"""What a hop does to an answer that says ``X-Accel-Buffering: no`` (or not), where it is not to compress (or may)."""


@record(frozen=True, slots=True, kw_only=True)
class Seam:
    """How a hop meets its neighbours: what only matters in company.

    :param relays: passes bytes on and speaks no HTTP, as a network does.
    :param transports: those by which clients reach it.
    :param secure: whether it speaks TLS to the next hop.
    :param speaks_1_0: whether it takes requests of HTTP/1.0, and ``compresses_1_0`` whether it compresses the answers to them.
    :param unbuffers: whether its answers say ``X-Accel-Buffering: no``, whatever the origin says.
    :param sees_client: whether it takes the client's address from what the hop before it says.
    :param chooses: whether it has several servers to choose from.
    :param host: how it calls the next hop in ``Host``; empty for what it was called itself.
    :param replaces: the beginning of a path, and what the next hop gets in its place.
    """

    relays: bool
    transports: Between[Transports]
    secure: Between[bool]
    speaks_1_0: Between[bool]
    compresses_1_0: Between[bool]
    unbuffers: Between[bool]
    sees_client: Between[bool]
    chooses: Between[bool]
    under: Under
    host: str = ""
    replaces: tuple[str, str] = ("", "")


def relay(behavior: Behavior | None = None) -> Seam:
    """The seam of a hop that passes bytes on, and of which no more is known than its behavior."""
    shown = behavior or transparent()
    return Seam(
        relays=True,
        transports=Between(frozenset(), TRANSPORTS),
        secure=Between(low=False, high=True),
        speaks_1_0=YES,
        compresses_1_0=YES,
        unbuffers=NO,
        sees_client=YES,
        chooses=NO,
        under=lambda _released, _plain: shown,
    )


@record(frozen=True, slots=True)
class Hop:
    """One hop of a chain: how people call it, what it does alone, and how it meets its neighbours."""

    name: str
    behavior: Behavior
    seam: Seam


class Composed(NamedTuple):
    """What a chain does.

    :param hops: each as it behaves in this company.
    :param deciding: by property, the places of the hops that decide it: all of them would have to change for it to change.
    :param through: by property, the one of theirs by which they do, where that is another.
    :param speakers: places of the hops that speak HTTP.
    :param unmet: places of hops that speak a version of HTTP which the next one does not take, and whether that is sure.
    """

    behavior: Behavior
    hops: tuple[Behavior, ...]
    deciding: Mapping[str, tuple[int, ...]]
    through: Mapping[str, str]
    unmet: Mapping[int, Between[bool]]
    speakers: tuple[int, ...]

    def next_of(self, at: int) -> int | None:
        """The next hop inwards that speaks HTTP; None for the innermost."""
        return next((then for then in self.speakers if then > at), None)


def compose(hops: Sequence[Hop]) -> Composed:
    """The behavior of a chain, outermost hop first, before any header from the origin; one hop alone is what it is.

    :raises ValueError: if there is no hop.
    """
    if not hops:
        raise ValueError("a chain has at least one hop")
    walk = _Walk(hops)
    found = {name: walk.of(name) for name in properties()}
    return Composed(
        behavior=Behavior(**{name: each.value for name, each in found.items()}),
        hops=tuple(walk.effective),
        deciding={name: each.by for name, each in found.items()},
        through={name: each.through for name, each in found.items() if each.through},
        unmet=walk.unmet,
        speakers=tuple(walk.speakers),
    )


# ---- three-valued switches ----


def _and(one: Between[bool], other: Between[bool]) -> Between[bool]:
    return Between(one.low and other.low, one.high and other.high)


def _or(one: Between[bool], other: Between[bool]) -> Between[bool]:
    return Between(one.low or other.low, one.high or other.high)


def _not(one: Between[bool]) -> Between[bool]:
    return Between(not one.high, not one.low)


def _ends(one: Between[bool]) -> set[bool]:
    return {one.low, one.high}


class Found(NamedTuple):
    """A property of the whole, the places of the hops that decide it, and the property of theirs by which they do, if that is another."""

    value: Between[Any]
    by: tuple[int, ...]
    through: str = ""


class _Walk:
    """One way through the hops, there and back."""

    def __init__(self, hops: Sequence[Hop]) -> None:
        self.hops = hops
        every = range(len(hops))
        # Where all pass bytes on, each is as good an end as any.
        self.speakers = [at for at in every if not hops[at].seam.relays] or list(every)
        self.effective = self._answered(said=NO)
        self.unmet = {
            at: missed
            for at, then in zip(self.speakers, self.speakers[1:], strict=False)
            if (missed := self._unmet(at, then)).high
        }

    def of(self, name: str) -> Found:
        """A property of the whole, and who decides it."""
        walked = _WALKED.get(name)
        return walked(self) if walked else self._joined(name, [getattr(each, name) for each in self.effective])

    # ---- there: what each hop is asked ----

    def _asked(self) -> list[Between[bool]]:
        """Whether each hop is asked for a compressed answer, by a client that takes one, in a way that it does so."""
        asked: list[Between[bool]] = []
        passed, spoken = YES, exactly("1.1")
        for hop in self.hops:
            old = Between(spoken.high == "1.0", spoken.low == "1.0")
            asked.append(_and(passed, _or(_not(old), hop.seam.compresses_1_0)))
            passed = _and(passed, hop.behavior.accept_encoding_forwarded)
            spoken = spoken if hop.seam.relays else hop.behavior.upstream_http_version
        return asked

    def _unmet(self, at: int, then: int) -> Between[bool]:
        """Whether a hop speaks what the next one does not take."""
        spoken, taken = self.hops[at].behavior.upstream_http_version, self.hops[then].behavior.client_http_versions
        old = self.hops[then].seam.speaks_1_0
        surely = {*taken.low, *(["1.0"] if old.low else [])}
        perhaps = {*taken.high, *(["1.0"] if old.high else [])}
        # What is a range is agreed on between the two.
        possible = {each for each in ("1.0", *HTTP_VERSIONS) if spoken.low <= each <= spoken.high}
        return Between(not possible & perhaps, not possible & surely)

    # ---- back: what becomes of the answer ----

    def _answered(self, said: Between[bool]) -> list[Behavior]:
        """Each hop as it treats the answer of an origin that says ``X-Accel-Buffering: no``, or does not."""
        asked = self._asked()
        encoded = NO
        found: list[Behavior] = []
        for hop, wanted in zip(reversed(self.hops), reversed(asked), strict=True):
            released = _and(said, hop.behavior.honors_x_accel_buffering)
            plain = _or(_not(wanted), encoded)
            shown = _hull([hop.seam.under(*how) for how in product(sorted(_ends(released)), sorted(_ends(plain)))])
            found.append(shown)
            encoded = _or(encoded, shown.compression)
            said = _or(hop.seam.unbuffers, _and(said, hop.behavior.forwards_x_accel_buffering))
        return found[::-1]

    # ---- properties that join ----

    def _joined(self, name: str, values: Sequence[Between[Any]]) -> Found:
        """By the rule of the property."""
        along = properties()[name].along
        assert along is not None
        value = Between(reduce(along, (each.low for each in values)), reduce(along, (each.high for each in values)))
        return Found(value, self._deciders(range(len(values)), values, value))

    def _deciders(self, over: Sequence[int], values: Sequence[Between[Any]], value: Between[Any]) -> tuple[int, ...]:
        found = [at for at, each in zip(over, values, strict=True) if each == value]
        found = found or [at for at, each in zip(over, values, strict=True) if each.high == value.high]
        # Of those that agree, a network has nothing to say.
        return tuple([at for at in found if at in self.speakers] or found)

    def stalls_on(self) -> Found:
        """The outermost hop's own, and all of its transports where one behind it holds events back."""
        first, *behind = self.speakers
        own = self.effective[first].stalls_on
        held = [self._holds(at, before) for before, at in zip(self.speakers, behind, strict=False)]
        value = own
        served = self._served(first)
        for each in held:
            low = value.low | (served.low if each.low else frozenset())
            value = Between(low, value.high | low | (served.high if each.high else frozenset()))
        # What a network holds back reaches nobody either.
        for at, hop in enumerate(self.hops):
            if hop.seam.relays and at != first:
                stalls = self.effective[at].stalls_on
                value = Between(value.low | stalls.low & served.low, value.high | stalls.high & served.high)
        if not value.high:
            return Found(value, tuple(self.speakers))
        by = [at for at, each in zip(behind, held, strict=True) if (each.low if value.low else each.high)]
        mine = [first] if (own.low if value.low else own.high) else []
        others = [at for at, hop in enumerate(self.hops) if hop.seam.relays and self.effective[at].stalls_on.high]
        return Found(value, (*mine, *by, *others))

    def _holds(self, at: int, before: int) -> Between[bool]:
        """Whether a hop holds events back from the one before it, over what that one speaks."""
        stalls = self.effective[at].stalls_on
        outer = self.hops[before]
        spoken, secure = outer.behavior.upstream_http_version, outer.seam.secure
        over: set[str] = {each for each in ("2", "3") if spoken.low <= each <= spoken.high}
        if spoken.low < "2":
            over |= {"http/1.1+tls" if each else "http/1.1" for each in _ends(secure)}
        return Between(over <= stalls.low, bool(over & stalls.high))

    def _served(self, at: int) -> Between[Transports]:
        """The transports by which clients reach the outermost hop."""
        return self.hops[at].seam.transports

    # ---- ends ----

    def _of(self, name: str, at: int) -> Found:
        return Found(getattr(self.effective[at], name), (at,))

    def upstream_http_version(self) -> Found:
        return self._of("upstream_http_version", self.speakers[-1])

    def upstream_connection_header(self) -> Found:
        return self._of("upstream_connection_header", self.speakers[-1])

    def client_http_versions(self) -> Found:
        return self._of("client_http_versions", self.speakers[0])

    # ---- passages ----

    def upgrade(self) -> Found:
        return self._passes("upgrade", "1.1")

    def grpc(self) -> Found:
        return self._passes("grpc", "2")

    def _passes(self, name: str, version: str) -> Found:
        """Every hop lets it pass, and takes it in the version that it needs."""
        values: list[Between[bool]] = []
        for at, hop in enumerate(self.effective):
            taken = hop.client_http_versions
            meets = Between(version in taken.low, version in taken.high) if at in self.speakers[1:] else YES
            values.append(_and(getattr(hop, name), meets))
        return self._joined(name, values)

    # ---- timers ----

    def connect_timeout(self) -> Found:
        """The innermost hop's; a hop before it bears the silence meanwhile only so long."""
        last = self.speakers[-1]
        found = self._of("connect_timeout", last)
        for at in range(last):
            silence, value = self.effective[at].upstream_idle_timeout, found.value
            if silence.high < value.high or silence.low < value.low:
                sooner = Between(min(value.low, silence.low), min(value.high, silence.high))
                found = Found(sooner, (at,), "upstream_idle_timeout")
        return found

    def client_idle_timeout(self) -> Found:
        return self._until("client_idle_timeout", "request_buffering")

    def send_timeout(self) -> Found:
        return self._until("send_timeout", "response_buffering")

    def _until(self, name: str, collects: str) -> Found:
        """The first to run out, of the hops that feel it: none behind one that takes all there is and passes it on by itself."""
        sure: list[int] = []
        perhaps: list[int] = []
        felt = YES
        for at in range(len(self.hops)):
            if felt.low:
                sure.append(at)
            if felt.high:
                perhaps.append(at)
            felt = _and(felt, _not(getattr(self.effective[at], collects)))
        low = min(getattr(self.effective[at], name).low for at in perhaps)
        high = min(getattr(self.effective[at], name).high for at in sure)
        values = [getattr(self.effective[at], name) for at in perhaps]
        value = Between(low, high)
        return Found(value, self._deciders(perhaps, values, value) or tuple(sure[:1]))

    # ---- headers ----

    def honors(self) -> Found:
        """Every hop that buffers obeys the header, and still sees it; where none buffers, every hop that could."""
        said = self._said()
        obeyed = [_and(seen, hop.behavior.honors_x_accel_buffering) for seen, hop in zip(said, self.hops, strict=True)]
        every = range(len(self.hops))
        over = [at for at in every if self.effective[at].response_buffering.high]
        over = over or [at for at in every if self.hops[at].behavior.honors_x_accel_buffering.high]
        if not over:
            return Found(NO, tuple(self.speakers))
        value = reduce(_and, (obeyed[at] for at in over))
        by = self._deciders(over, [obeyed[at] for at in over], value)
        # Who would obey and does not see it is not to blame: the hop is that keeps it back.
        deaf = [at for at in by if said[at] != YES and self.hops[at].behavior.honors_x_accel_buffering.high]
        if deaf and len(deaf) == len(by):
            return Found(value, (self._eater(min(deaf)),), "forwards_x_accel_buffering")
        return Found(value, by)

    def _said(self) -> list[Between[bool]]:
        """Whether each hop sees the header that the origin sends."""
        seen = [YES]
        for hop in reversed(self.hops[1:]):
            seen.append(_or(hop.seam.unbuffers, _and(seen[-1], hop.behavior.forwards_x_accel_buffering)))
        return seen[::-1]

    def _eater(self, at: int) -> int:
        """The hop behind a place that is the first, from the origin outwards, not to pass the header on for sure."""
        return next(
            then
            for then in range(len(self.hops) - 1, at, -1)
            if self.hops[then].behavior.forwards_x_accel_buffering != YES
        )

    def forwards(self) -> Found:
        """Every hop passes it on, from the one on that says it by itself."""
        outer = self.hops[0]
        value = _or(outer.seam.unbuffers, _and(self._said()[0], outer.behavior.forwards_x_accel_buffering))
        if value == YES:
            return Found(value, tuple(self.speakers))
        eats = outer.behavior.forwards_x_accel_buffering != YES
        return Found(value, (0 if eats else self._eater(0),))

    # ---- who gets a reconnect ----

    def session_affinity(self) -> Found:
        """That of the hops with a choice; an address is of use only to a hop that still sees the client's."""
        choosing = [at for at in self.speakers if self.hops[at].seam.chooses.high]
        if not choosing:
            return self._of("session_affinity", self.speakers[-1])
        values = [self._kept(at) for at in choosing]
        if len({*values}) == 1:
            return Found(values[0], tuple(choosing))
        loose = [at for at, each in zip(choosing, values, strict=True) if each == exactly("none")]
        if any(self.hops[at].seam.chooses.low for at in loose):
            return Found(exactly("none"), tuple(loose))
        return Found(Between("", ANYTHING), tuple(choosing))

    def _kept(self, at: int) -> Between[str]:
        value = self.effective[at].session_affinity
        if value != exactly("ip") or at == self.speakers[0]:
            return value
        sees = self.hops[at].seam.sees_client
        # All clients of the hop before it have that one's address.
        return value if sees.low else exactly("none") if not sees.high else Between("", ANYTHING)


def _hull(behaviors: Sequence[Behavior]) -> Behavior:
    """Any of several, nobody knows which."""
    first, *others = behaviors
    if all(each is first for each in others):
        return first
    found: Behavior = first
    for other in others:
        found = Behavior(**{name: either(name, getattr(found, name), getattr(other, name)) for name in properties()})
    return found


_WALKED: Mapping[str, Callable[[_Walk], Found]] = {
    "stalls_on": _Walk.stalls_on,
    "upstream_http_version": _Walk.upstream_http_version,
    "upgrade": _Walk.upgrade,
    "upstream_connection_header": _Walk.upstream_connection_header,
    "connect_timeout": _Walk.connect_timeout,
    "client_idle_timeout": _Walk.client_idle_timeout,
    "send_timeout": _Walk.send_timeout,
    "honors_x_accel_buffering": _Walk.honors,
    "forwards_x_accel_buffering": _Walk.forwards,
    "client_http_versions": _Walk.client_http_versions,
    "grpc": _Walk.grpc,
    "session_affinity": _Walk.session_affinity,
}
"""How each property is found that does not join by its values alone."""
