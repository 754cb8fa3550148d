"""YAML → :class:`~proxycfg.spec.Spec`: the one loader, so the one place that knows the defaults and the table of protocols.

All problems of a file are reported in one run, each with the place in the YAML, the offending line, and what to write.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from proxycfg import wording, yamldoc
from proxycfg.behavior import FOREVER
from proxycfg.collector import held_off
from proxycfg.errors import MAX_PROBLEMS, InvalidInput, Problem, suggest
from proxycfg.protocol import HEARTBEATS
from proxycfg.protocols import protocols
from proxycfg.spec import (
    DEFAULT_ATTEMPTS,
    DEFAULT_KEEPALIVE,
    POLL_RATE,
    ChainHop,
    Route,
    Spec,
    Upstream,
    default_body_limit,
    default_cache,
)
from proxycfg.specmodel import Retry, Rewrites, RouteDefaults, RouteEntry, SpecFile, Targets, Upload, parse_server
from proxycfg.specmodel import Upstream as UpstreamModel
from proxycfg.units import short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from proxycfg.protocol import Protocol
    from proxycfg.source import Source, Span

MAX_BYTES = 64 * 2**20
"""A larger spec is refused: 100,000 routes take about 10 MB."""


@held_off()
def load(source: Source) -> Spec:
    """Read, check and settle a spec.

    :raises InvalidInput: with every problem of the file, or the first :data:`~proxycfg.errors.MAX_PROBLEMS`.
    """
    document = yamldoc.parse(source)
    if not isinstance(document.data, dict):
        found = "is empty" if document.data is None else f"holds {yamldoc.called(document.data)}"
        instead = "start with `upstreams:` and `routes:`; `proxycfg init` writes an example"
        raise InvalidInput(
            [document.problem(document.span_of(()), f"a spec is a mapping of fields, this file {found}", instead)]
        )
    try:
        model = SpecFile.model_validate(document.data)
    except ValidationError as error:
        problems = wording.problems(document, error)
        # What is sound is settled all the same, so that one run tells everything.
        if len(problems) < MAX_PROBLEMS and (settling := _sound_part(document, error)):
            settling.settle()
            problems += settling.problems
        raise InvalidInput(problems) from None
    settling = _Settling(document, model, range(len(model.routes)))
    spec = settling.settle()
    if settling.problems:
        raise InvalidInput(settling.problems)
    return spec


def _sound_part(document: yamldoc.Document, error: ValidationError) -> _Settling | None:
    """The spec without the fields, upstreams and routes that have mistakes; None where too little is left to judge."""
    data: Any = document.data
    wrong = {wording.place(document, item) for item in error.errors(include_url=False, include_input=False)} - {()}
    if not {"upstreams", "routes"} <= set(data) or wrong & {("upstreams",), ("routes",)}:
        return None
    if ("defaults",) in wrong:
        return None
    fallbacks = dict(data.get("defaults") or {})
    unsettled = {path[1] for path in wrong if path[0] == "defaults"}
    doubtful = {path[1] for path in wrong if path[0] == "upstreams"}
    fallback = fallbacks.get("upstream")
    bad = {path[1] for path in wrong if path[0] == "routes"}
    kept = [
        i
        for i, route in enumerate(data["routes"])
        if i not in bad
        and (route.get("upstream") or fallback) not in doubtful
        # Without these a route that goes by them would be blamed for what is not its own; without the others it is judged less.
        and all(route.get(name) is not None for name in unsettled & {"protocol", "upstream", "hosts"})
    ]
    unsound = {path[0] for path in wrong}
    sound = {name: value for name, value in data.items() if name not in unsound}
    sound["defaults"] = {name: value for name, value in fallbacks.items() if name not in unsettled}
    sound["upstreams"] = {name: value for name, value in data["upstreams"].items() if name not in doubtful}
    sound["routes"] = [data["routes"][i] for i in kept]
    try:
        return _Settling(document, SpecFile.model_validate(sound), kept)
    except ValidationError:
        return None


# ---- defaults, references and collisions ----


class _Settling:
    def __init__(self, document: yamldoc.Document, model: SpecFile, indices: Sequence[int]) -> None:
        """``indices`` are the places of the model's routes in the document."""
        self.document = document
        self.model = model
        self.indices = indices
        self.problems: list[Problem] = []
        self.names: set[str] = set()
        self.numbers: dict[str, int] = {}
        self.host_lists: dict[tuple[str, ...], tuple[str, ...]] = {}

    def complain(self, span: Span, message: str, instead: str = "") -> None:
        problem = self.document.problem(span, message, instead)
        # What `defaults` says wrongly is wrong once, not once a route.
        if len(self.problems) < MAX_PROBLEMS and problem not in self.problems:
            self.problems.append(problem)

    def settle(self) -> Spec:
        model, document = self.model, self.document
        upstreams = {name: self.upstream(name, value) for name, value in model.upstreams.items()}
        routes: list[Route] = []
        for index, entry in zip(self.indices, model.routes, strict=True):
            if (route := self.route(index, entry, upstreams)) is not None:
                routes.append(route)
            if len(self.problems) >= MAX_PROBLEMS:
                break
        self.collisions(routes)
        if (
            self.model.defaults.cache is not None
            and len(routes) == len(document.data["routes"])  # type: ignore[index,call-overload]
            and not any(route.protocol.name == "poll" for route in routes)
        ):
            self.complain(
                document.span_of(("defaults", "cache")),
                "no route here is of protocol poll, so nothing could be cached",
                "remove it, or write protocol: poll in a route",
            )
        self.chain()
        return Spec(
            hosts=tuple(dict.fromkeys(model.hosts)),
            listen=model.listen,
            streams=model.scale.streams,
            trusted_proxies=tuple(dict.fromkeys(model.trusted_proxies)),
            targets=self.targets(),
            hops=tuple(_hops(model)),
            upstreams=upstreams,
            routes=tuple(routes),
            source=PurePath(document.source.name).name,
            digest=hashlib.sha256(document.source.text.encode()).hexdigest(),
            span_of=lambda *path: document.span_of(path),
        )

    def upstream(self, name: str, model: UpstreamModel) -> Upstream:
        return Upstream(
            name=name,
            servers=tuple(model.parsed()),
            scheme=model.scheme,  # type: ignore[arg-type]
            http_version=model.http_version,
            tls=model.tls,
            affinity=model.affinity,
            max_connections=model.max_connections,
            keepalive=DEFAULT_KEEPALIVE if model.keepalive is None else model.keepalive,
            span=self.document.key_span_of(("upstreams", name)),
        )

    def route(self, index: int, entry: RouteEntry, upstreams: dict[str, Upstream]) -> Route | None:
        where = self.locator(index)
        # What the route states wins, field by field, over `defaults`; silence in both is decided below.
        stated = {
            name: getattr(entry, name) if getattr(entry, name) is not None else getattr(self.model.defaults, name)
            for name in RouteDefaults.model_fields
        }
        protocol = protocols()[stated["protocol"] or "http"]
        if entry.cache is None and protocol.name != "poll":
            # A default is for the routes that can have it.
            stated["cache"] = None
        if entry.upload is None and protocol.name == "websocket":
            stated["upload"] = None
        upstream = self.find_upstream(where, stated["upstream"], upstreams)
        if upstream is None:
            return None
        kind, path = entry.match
        self.check_protocol(where, protocol, upstream, stated)
        strip = self.strip(where, kind, path, stated=stated["strip_prefix"])
        upload: Upload = stated["upload"] or Upload()  # pyright: ignore[reportCallIssue]
        stream = protocol.uploads if upload.stream is None else upload.stream
        limit = upload.max_bytes or default_body_limit(protocol, stream=stream)
        limits, retry, cors = stated["limits"], stated["retry"], stated["cors"]
        rate = limits.rate if limits else None
        burst = limits.burst if limits else None
        if protocol.name == "poll" and limits is None:
            rate = POLL_RATE
        return Route(
            name=self.unique(path),
            kind=kind,
            path=path,
            hosts=self.hosts(stated["hosts"] or self.model.hosts),
            protocol=protocol,
            upstream=upstream,
            methods=tuple(dict.fromkeys(stated["methods"] or ())),
            heartbeat=stated["heartbeat"],
            idle_timeout=stated["idle_timeout"] or protocol.silence(stated["heartbeat"]),
            max_duration=stated["max_duration"] or FOREVER,
            upload_stream=stream,
            body_limit=limit,
            strip=strip,
            rewrites=stated["headers"] or Rewrites(),  # pyright: ignore[reportCallIssue]
            auth=stated["auth"],
            cors=tuple(dict.fromkeys(cors.origins)) if cors else (),
            per_client=limits.per_client if limits else None,
            rate=rate,
            burst=burst if burst is not None else max(4, round(4 * (rate or 0))),
            attempts=self.attempts(retry=retry),
            cache=self.cache(protocol, stated["cache"]),
            streams=self.model.scale.streams,
            index=index,
            span_of=where,
        )

    def hosts(self, stated: list[str]) -> tuple[str, ...]:
        """Each host once. Equal lists are one object: thousands of routes may share a list of thousands."""
        hosts = tuple(dict.fromkeys(stated))
        return self.host_lists.setdefault(hosts, hosts)

    def locator(self, index: int) -> Callable[..., Span]:
        """Where a field of the route stands: in the route, else in `defaults`, else the route itself."""

        def where(*path: str) -> Span:
            entry = self.document.data["routes"][index]  # type: ignore[index,call-overload]
            if path and path[0] not in entry and path[0] in self.model.defaults.model_fields_set:
                return self.document.span_of(("defaults", *path))
            return self.document.span_of(("routes", index, *path))

        return where

    @staticmethod
    def attempts(*, retry: bool | Retry | None) -> int:
        if isinstance(retry, Retry):
            return retry.attempts
        return 2 if retry else DEFAULT_ATTEMPTS

    @staticmethod
    def cache(protocol: Protocol, stated: float | None) -> float:
        return float(stated) if stated is not None and protocol.name == "poll" else default_cache(protocol)

    def find_upstream(
        self, where: Callable[..., Span], name: str | None, known: dict[str, Upstream]
    ) -> Upstream | None:
        if name is None:
            self.complain(
                where(), "the route has no upstream", f"add `upstream: {next(iter(known))}`, or set it under defaults"
            )
        elif name not in known:
            self.complain(where("upstream"), f"there is no upstream named `{short(name)}`", suggest(name, list(known)))
        return known.get(name) if name else None

    def check_protocol(
        self, where: Callable[..., Span], protocol: Protocol, upstream: Upstream, stated: dict[str, Any]
    ) -> None:
        """What cannot be meant, whatever the target."""
        name, scheme = protocol.name, upstream.scheme
        if name == "grpc" and not upstream.speaks_grpc and upstream.http_version != "2":
            address = upstream.servers[0].address
            url = address if scheme == "unix" else f"{scheme}://{address}"
            grpc = {"http": f"grpc://{address}, or ", "https": f"grpcs://{address}, or "}.get(scheme, "")
            self.complain(
                where("protocol"),
                f"gRPC needs HTTP/2 towards the origin, but upstream `{upstream.name}` ({url}) speaks HTTP/1.1",
                f"write {grpc}{{servers: [{url}], http: 2}} for it",
            )
        if upstream.speaks_grpc and not protocol.grpc_origin:
            self.complain(
                where("protocol"),
                f"upstream `{upstream.name}` is a gRPC server ({scheme}://), which does not speak {name}",
                "write protocol: grpc, grpc-web or connect; or an http:// URL if the server also speaks plain HTTP",
            )
        if name == "websocket" and upstream.http_version == "2":
            self.complain(
                where("protocol"),
                f"a WebSocket handshake needs HTTP/1.1, but upstream `{upstream.name}` speaks HTTP/2",
                "use an upstream of its own without `http: 2`",
            )
        if name in ("sse", "poll", "long-poll") and stated["upload"] and stated["upload"].stream:
            self.complain(
                where("upload"), f"{name} has no streaming upload: its requests are complete before the answer begins",
                "remove `stream`, or use protocol ndjson, connect or grpc",
            )  # fmt: skip
        if stated["cache"] and name != "poll":
            self.complain(
                where("cache"),
                f"a route of protocol {name} must not be cached",
                "remove it, or write protocol: poll",
            )
        if name == "websocket" and stated["upload"] is not None:
            self.complain(
                where("upload"),
                "a WebSocket has no request body: after the handshake its messages are nobody's upload",
                "remove it, and limit messages in the application",
            )
        if name == "websocket" and stated["methods"] and "GET" not in stated["methods"]:
            self.complain(
                where("methods"),
                "a WebSocket handshake is a GET, which `methods` leaves out",
                "add GET, or remove it",
            )
        if name in ("grpc", "grpc-web") and stated["methods"] and "POST" not in stated["methods"]:
            self.complain(
                where("methods"), f"{name} calls are POSTs, which `methods` leaves out", "add POST, or remove it"
            )
        heartbeat, idle = stated["heartbeat"], stated["idle_timeout"]
        if heartbeat and idle and idle <= heartbeat:
            self.complain(
                where("idle_timeout"), "idle_timeout is not longer than the heartbeat, so every quiet stream is cut",
                f"write at least {HEARTBEATS} × heartbeat, or leave idle_timeout out",
            )  # fmt: skip

    def strip(self, where: Callable[..., Span], kind: str, path: str, *, stated: bool | str | None) -> str | None:
        if not stated:
            return None
        if kind == "regex":
            self.complain(
                where("strip_prefix"), "strip_prefix needs a path or exact route, not a regex", "use path, or remove it"
            )
            return None
        prefix = (path if stated is True else stated).rstrip("/")
        if prefix and path.rstrip("/") != prefix and not path.startswith(prefix + "/"):
            self.complain(
                where("strip_prefix"),
                f"`{short(prefix)}` is not a prefix of the route's path `{short(path)}`",
                "write a leading part of it",
            )
        return prefix or None

    def unique(self, path: str) -> str:
        """A name for zones, logs and routes: out of the path, with a number where two are alike."""
        stem = re.sub(r"[^a-z0-9]+", "_", path.lower()).strip("_")[:40].strip("_") or "root"
        name = stem
        while name in self.names:
            self.numbers[stem] = self.numbers.get(stem, 1) + 1
            name = f"{stem}_{self.numbers[stem]}"
        self.names.add(name)
        return name

    def collisions(self, routes: list[Route]) -> None:
        seen: dict[tuple[str, str], dict[str, Route]] = {}
        alone: dict[tuple[str, str], Route] = {}
        for route in routes:
            path = route.path.rstrip("/") if route.kind == "prefix" else route.path
            other = alone.setdefault((route.kind, path), route)
            if other is route:
                # Most paths stand once: only the others have hosts to compare, of which there may be thousands.
                continue
            if (route.kind, path) not in seen:
                seen[route.kind, path] = dict.fromkeys(other.hosts, other)
            taken = seen[route.kind, path]
            for host in route.hosts:
                first = taken.setdefault(host, route)
                if first is not route:
                    self.complain(
                        route.match_span,
                        f"this route collides with the one on line {first.span.line}: "
                        f"both match {short(route.title)} on {_in_words(host)}",
                        "merge them, or give one another path or other hosts",
                    )
                    break

    def chain(self) -> None:
        for index, hop in enumerate(self.model.chain):
            if hop.name == "cloudflare" and index > 0:
                self.complain(
                    self.document.span_of(("chain", index)),
                    "Cloudflare can only be the outermost hop",
                    "put it first in the chain",
                )
            if hop.name == "cloudflare" and hop.at is not None:
                self.complain(
                    self.document.key_span_of(("chain", index, "at")),
                    "Cloudflare has no address of ours: clients come to it by the names of the zone",
                    "remove it",
                )

    def targets(self) -> Targets:
        """The settings of ``targets``, and those that stand at a hop of the chain."""
        settled: dict[str, Any] = {
            name: getattr(self.model.targets, name) for name in self.model.targets.model_fields_set
        }
        for index, hop in enumerate(self.model.chain):
            stated = getattr(hop, hop.name)
            if stated is None or not stated.model_fields_set:
                continue
            known = settled.get(hop.name)
            for name in sorted(stated.model_fields_set):
                if known and name in known.model_fields_set and getattr(known, name) != getattr(stated, name):
                    self.complain(
                        self.document.key_span_of(("chain", index, hop.name, name)),
                        f"{hop.name} has another `{name}` elsewhere in this spec: {getattr(known, name)}",
                        "state it once: one config is written for each target",
                    )
            merged = {
                **(known.model_dump(exclude_unset=True) if known else {}),
                **stated.model_dump(exclude_unset=True),
            }
            settled[hop.name] = type(stated).model_validate(merged)
        return Targets.model_construct(**settled)


FIRST_INNER_PORT = 8081
"""Behind the outermost hop each listens on a port of its own, from this one on: beside the usual 8080, on one machine or on several."""


def _hops(model: SpecFile) -> Iterator[ChainHop]:
    """The hops of the chain, each with the place where the one before reaches it."""
    count: dict[str, int] = {}
    own = 0
    for hop in model.chain:
        count[hop.name] = count.get(hop.name, 0) + 1
        name = hop.name if count[hop.name] == 1 else f"{hop.name}-{count[hop.name]}"
        at = parse_server(hop.at or f"http://{name}:{FIRST_INNER_PORT + max(0, own - 1)}")
        yield ChainHop(hop.name, name, at, hop.at is not None)
        own += hop.name != "cloudflare"


def _in_words(host: str) -> str:
    return "any host" if host == "*" else f"host {host}"
