"""What Cloudflare does at the places that a zone's rules name, or to given requests."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

from proxycfg.behavior import EITHER, NO, YES, Behavior, Between, exactly
from proxycfg.chain import Seam
from proxycfg.explain import Explained, Passed
from proxycfg.finding import Confidence
from proxycfg.record import replace
from proxycfg.request import Asked, Request
from proxycfg.targets.cloudflare.config import Config
from proxycfg.targets.cloudflare.effect import met
from proxycfg.targets.cloudflare.places import Place, request_of
from proxycfg.targets.cloudflare.places import Request as At
from proxycfg.targets.cloudflare.read import Reader, place_of
from proxycfg.targets.cloudflare.signs import Signs, wrong
from proxycfg.targets.cloudflare.zone import Zone


def explain_config(config: Config, asked: Asked, protocol: str | None) -> list[Explained]:
    """Every place (of a host), or the one that each URL, and then each path, is in, in the order given.

    :param protocol: what all of them carry; None for what the config and its paths tell.
    :raises ValueError: if one of the URLs is none.
    """
    explainers = [_Explainer(config, zone, asked, protocol) for zone in config.zones]
    config.problems += [each for each in wrong(config) if each not in config.problems]
    if not asked.urls and not asked.paths:
        return [found for each in explainers for found in each.every()]
    requests = [(url, asked.request(url, protocol)) for url in asked.urls]
    requests += [_of_path(path, asked, explainers, protocol) for path in asked.paths]
    return [_ended(url, request, explainers) for url, request in requests]


def _of_path(path: str, asked: Asked, explainers: list[_Explainer], protocol: str | None) -> tuple[str, Request]:
    names = [name for each in explainers for name in each.zone.names]
    host = asked.host or (names[0] if names else "any-other.invalid")
    method, headers = asked.sent(protocol or "")
    return f"https://{host}{path}", Request("https", host, 443, quote(path, safe="/?&=%:@!$'()*+,;~#"), method, headers)


def _ended(url: str, request: Request, explainers: list[_Explainer]) -> Explained:
    if not explainers:
        return Explained(url, None, "no zone is set up here")
    # The zone that the host belongs to, where that is known.
    own = [each for each in explainers if any(_below(request.host, name) for name in each.zone.names)]
    return (own or explainers)[0].asked_for(url, request)


def _below(host: str, name: str) -> bool:
    return host == name or host.endswith(f".{name}")


class _Explainer:
    def __init__(self, config: Config, zone: Zone, asked: Asked, protocol: str | None) -> None:
        self.zone = zone
        self.asked = asked
        self.protocol = protocol
        self.reader = Reader(zone, {name: source.text for name, source in config.files.items()})
        self.signs = Signs(config, self.reader)

    def every(self) -> Iterator[Explained]:
        for place in self.signs.places:
            if self.asked.host and place.host is not None:
                request = request_of(self.asked.host, None, None, {})
                if request.holds(place.host.says) is False:
                    continue
            yield self.explained(None, place)

    def explained(self, url: str | None, place: Place, request: Request | None = None) -> Explained:
        """A place, for all its requests or for one."""
        stream = self.signs.of(place)
        # A guess from a name decides no property.
        known = self.protocol or (stream.protocol if stream and stream.confidence is not Confidence.INFERRED else None)
        told = self.reader.route(place, known)
        if request is not None:
            at = _sent(request, known)
            told = replace(told, reading=self.reader.reading(at, known, place))
        because = ""
        if self.protocol:
            told = replace(told, confidence=Confidence.DECLARED)
        elif stream is not None:
            because = stream.why
            told = replace(told, protocol=stream.protocol, confidence=stream.confidence)
        return Explained(
            url,
            told,
            server=Passed(self._title(), self.zone.span),
            because=because,
            steps=self._steps(request),
            seam=_seam(told.reading.behavior) if request is not None else None,
        )

    def _title(self) -> str:
        plan = f"plan {self.zone.plan.name}" if self.zone.plan else "of a plan that nothing says"
        return f"zone {', '.join(self.zone.names) or self.zone.key or 'of this folder'} ({plan})"

    def _steps(self, request: Request | None) -> tuple[Passed, ...]:
        """The rules that take effect, in the order of their phases."""
        if request is None:
            return ()
        at = _sent(request, self.protocol)
        return tuple(
            Passed(f"{'matches' if surely else 'may match'} a rule of {phase}: {rule.action}", rule.span)
            for phase, rules in self.zone.rules.items()
            for rule, surely in met(rules, at)
        )

    def asked_for(self, url: str, request: Request) -> Explained:
        """Where a request ends."""
        return self.explained(url, place_of(self.reader, _sent(request, self.protocol)), request)


def _seam(usual: Behavior) -> Seam:
    """How it meets the hop behind it. What it holds back without compressing is left open, as ever."""
    plain = replace(usual, compression=NO, stalls_on=usual.stalls_on if usual.response_buffering.high else _NOWHERE)
    over = {"1.1": "http/1.1+tls", "2": "2", "3": "3"}
    versions = usual.client_http_versions
    return Seam(
        relays=False,
        transports=Between(
            frozenset(over[each] for each in versions.low),
            frozenset({"http/1.1", *(over[each] for each in versions.high)}),
        ),
        secure=EITHER,
        speaks_1_0=YES,
        compresses_1_0=YES,
        unbuffers=NO,
        sees_client=YES,
        # Only a load balancer chooses, and the others go to what the zone's records say.
        chooses=NO if usual.session_affinity == exactly("none") else EITHER,
        under=lambda _released, uncompressed: plain if uncompressed else usual,
    )


_NOWHERE = exactly(frozenset[str]())


def _sent(request: Request, protocol: str | None) -> At:
    """What is known of a request that somebody asks about."""
    at = request_of(request.host, request.target, protocol, request.headers)
    return at._replace(fields={**at.fields, "http.request.method": request.method, "ssl": request.scheme == "https"})
