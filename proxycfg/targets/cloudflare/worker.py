"""The Worker that stands in front of a spec's streams: a project for wrangler, in which only tables come from the spec.

The code is the same for every spec (``templates/cloudflare/worker``). Values of a spec are data to it: JSON in ``routes.js`` and in
``wrangler.jsonc``, written by :func:`json.dumps`, so that no value can add code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from proxycfg import remarks
from proxycfg.spec import coverers
from proxycfg.template import folder

if TYPE_CHECKING:
    from proxycfg.finding import Finding
    from proxycfg.spec import Route, Spec

HEARTBEAT = 15.0
"""Seconds of silence after which an event stream gets a comment: an eighth of the 100 s to 125 s that Cloudflare is said to allow, and
below the 30 s to 60 s of many proxies and mobile networks on the way to the client."""

COMPATIBILITY_DATE = "2026-11-17"
"""The behavior of the runtime that the Worker is tested with; the first by which a request learns that its client has gone, without a flag."""

_MISSED = 2
_LEAST = 1.0
"""Seconds: comments cost processor time, too."""
_LONGEST_NAME = 63
_CODE = ("formats.js", "framing.js", "index.js", "match.js", "relay.js")
RELAYS = {"sse": "events", "ndjson": "lines"}
"""Protocol → what flows there, for the Worker."""
_BARE = "/!$&'()+,;=:@-._~"
"""What a route's pattern holds as it is; a ``*`` of a path would be a wildcard."""


def files(spec: Spec, heartbeat: float = HEARTBEAT) -> Mapping[str, str]:
    """The files of the project: path inside its folder → text, the configuration first.

    The same spec gives the same bytes.

    :param heartbeat: seconds of silence at the most, above 0; fewer where a route's own heartbeat is more frequent.
    """
    code = {f"src/{name}": (folder() / "cloudflare" / "worker" / "src" / name).read_text("utf-8") for name in _CODE}
    return {"wrangler.jsonc": _json(_wrangler(spec)), "src/routes.js": _table(spec, heartbeat), **code}


def lacks(spec: Spec) -> Iterator[Finding]:
    """What the Worker cannot do for the routes of a spec, and what it had better not be on the way of."""
    if not _zone_name(spec) and (anywhere := [route for route in spec.routes if relayed(route) and "*" in route.hosts]):
        route = anywhere[0]
        yield remarks.WORKER_LEAVES_ROUTE.about(
            route, "cloudflare", route.match_span,
            f"no host and no zone is known for {route.title}, so Cloudflare cannot be told where to start the Worker",
            "write `hosts`, or the zone's name as targets.cloudflare.zone",
        )  # fmt: skip
    for route in spec.routes:
        if route.kind == "regex" and in_javascript(route.path) is None:
            yield remarks.WORKER_LEAVES_ROUTE.about(
                route, "cloudflare", route.match_span,
                f"the Worker treats requests to {route.title} as if there were no such route, since JavaScript does not read the expression as "
                "nginx and Envoy do",
                "keep to ASCII, plain groups, classes and repeats, or write `path` in its place",
            )  # fmt: skip
    covered = tuple(pattern.removesuffix("*") for pattern in patterns(spec))
    for route in spec.routes:
        if route.protocol.name != "grpc":
            continue
        own = {f"{wider}{_path_pattern(route)}" for host in _hosts(route.hosts, spec) for wider in coverers(host)}
        if any(pattern.startswith(covered) for pattern in own):
            yield remarks.WORKER_ON_GRPC.about(
                route, "cloudflare", route.match_span,
                f"the Worker is started for calls to {route.title} as well, for a stream's path takes them in, and behind a Worker native gRPC "
                "may arrive as gRPC-Web or not at all",
                "put the streams below a path of their own, or add a route without a script for the calls by hand",
            )  # fmt: skip


def relayed(route: Route) -> bool:
    """Whether the Worker does anything for a route, beyond leaving it alone."""
    return route.protocol.name in RELAYS and (route.kind != "regex" or in_javascript(route.path) is not None)


_PARTS = re.compile(
    r"(?P<escape>\\.)|(?P<class>\[(?:\\.|[^\\\]])+\])|(?P<name>\(\?P<\w+>)|(?P<plain>\((?:\?[a-z-]*:|(?!\?))|[^(\[\\])"
)
_FLAGS = re.compile(r"\(\?([ims]+)\)")
_SAME_ESCAPE = re.compile(r"\\[dDwWsSbB]|\\[^A-Za-z0-9]")


def in_javascript(pattern: str) -> str | None:
    """A regular expression of a spec for JavaScript, or None where it would mean another thing there, or nothing.

    Specs hold what PCRE and RE2 share. Of that, JavaScript has flags for a group alone and no POSIX classes, takes a bracket at the front of
    a class otherwise, and counts characters beyond U+FFFF twice.
    """
    if flags := _FLAGS.match(pattern):
        pattern = f"(?{flags[1]}:{pattern[flags.end() :]})"
    if not pattern.isascii():
        return None
    parts = list(_PARTS.finditer(pattern))
    if "".join(part[0] for part in parts) != pattern:
        return None
    for part in parts:
        escapes = [part["escape"]] if part["escape"] else re.findall(r"\\.", part["class"] or "")
        if not all(_SAME_ESCAPE.fullmatch(escape) for escape in escapes):
            return None
        if part["class"] and (part["class"].startswith(("[]", "[^]")) or "[" in part["class"][1:]):
            return None
    # Nobody asks for the names.
    return "".join("(" if part["name"] else part[0] for part in parts)


def _table(spec: Spec, heartbeat: float) -> str:
    hosts = [
        {"hosts": list(hosts), "routes": [_row(route, heartbeat) for route in routes]} for hosts, routes in spec.servers
    ]
    return f"""\
// What flows where, from the spec: data, and nothing else.

/** @type {{{{hosts: string[], routes: import("./match.js").Route[]}}[]}} */
export const HOSTS = {_json(hosts)};
"""


def _row(route: Route, heartbeat: float) -> Mapping[str, Any]:
    path = route.path.rstrip("/") if route.kind == "prefix" else route.path
    if route.kind == "regex":
        path = in_javascript(route.path) or "(?!)"
    relay = RELAYS.get(route.protocol.name) if relayed(route) else None
    # Of an origin that has heartbeats of its own one may be late before the Worker steps in.
    longest = min(heartbeat, max(_LEAST, _MISSED * route.heartbeat)) if route.heartbeat else heartbeat
    return {"title": route.title, "kind": route.kind, "path": path, "relay": relay, "heartbeat": longest}


def _wrangler(spec: Spec) -> Mapping[str, Any]:
    named = spec.targets.cloudflare
    account = {"account_id": named.account} if named and named.account else {}
    return {
        "$schema": "node_modules/wrangler/config-schema.json",
        "name": name(spec),
        **account,
        "main": "src/index.js",
        "compatibility_date": COMPATIBILITY_DATE,
        # A name of its own would be a way around the zone's firewall and Access.
        "workers_dev": False,
        "preview_urls": False,
        "routes": [_route(pattern, spec) for pattern in patterns(spec)],
        # What Cloudflare logs of every request by itself, and beside every line of the Worker's, has its URL in it, tokens and all.
        "observability": {
            "enabled": True,
            "redact_query_string": True,
            "logs": {"enabled": True, "invocation_logs": False},
        },
    }


def name(spec: Spec) -> str:
    """The Worker's name: of the zone or the first host, so that the specs of one account do not overwrite each other's."""
    known = _zone_name(spec) or next((host for host in spec.hosts if host != "*"), "")
    return "-".join(["streams", *re.findall("[a-z0-9]+", known.lower())])[:_LONGEST_NAME].rstrip("-")


def patterns(spec: Spec) -> tuple[str, ...]:
    """The patterns of URLs for which Cloudflare starts the Worker: as few requests as a wildcard at the end allows, and none twice."""
    found: set[str] = set()
    for hosts, routes in spec.servers:
        for route in routes:
            if relayed(route):
                found |= {f"{host}{_path_pattern(route)}" for host in _hosts(hosts, spec)}
    kept: list[str] = []
    for pattern in sorted(found):
        # Sorted, a pattern stands right behind the one that takes it in.
        if not kept or not pattern.startswith(kept[-1].removesuffix("*")):
            kept.append(pattern)
    return tuple(kept)


def _hosts(hosts: Iterable[str], spec: Spec) -> Iterator[str]:
    """Hosts as patterns name them: any host is any of the zone."""
    zone = _zone_name(spec)
    for host in hosts:
        if host != "*":
            yield host
        elif zone:
            yield from (zone, f"*.{zone}")


def _path_pattern(route: Route) -> str:
    # A pattern is compared with the URL, query and all, so that one without a wildcard misses every request with a query.
    path = "/" if route.kind == "regex" else route.path.rstrip("/") if route.kind == "prefix" else route.path
    return f"{quote(path.partition('*')[0] or '/', safe=_BARE)}*"


def _zone_name(spec: Spec) -> str:
    """The zone's name, if the spec has it and not the zone's id."""
    zone = (spec.targets.cloudflare.zone if spec.targets.cloudflare else None) or ""
    return zone.lower() if "." in zone else ""


def _route(pattern: str, spec: Spec) -> Mapping[str, str] | str:
    zone, name_of_zone = spec.targets.cloudflare.zone if spec.targets.cloudflare else None, _zone_name(spec)
    host = pattern.partition("/")[0]
    if zone and not name_of_zone:
        return {"pattern": pattern, "zone_id": zone}
    # Without a zone wrangler looks for one by the host.
    return (
        {"pattern": pattern, "zone_name": name_of_zone} if f".{host}".endswith(f".{name_of_zone}") and zone else pattern
    )


def _json(value: Any) -> str:
    """JSON in ASCII, which is JavaScript as well."""
    return json.dumps(value, indent=2)
