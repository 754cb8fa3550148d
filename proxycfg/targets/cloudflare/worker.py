"""The Worker that stands in front of a spec's streams: a project for wrangler, in which only tables come from the spec.

The code is the same for every spec (``templates/cloudflare/worker``). Values of a spec are data to it: JSON in ``routes.js`` and in
``wrangler.jsonc``, written by :func:`json.dumps`, so that no value can add code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from proxycfg.template import folder

if TYPE_CHECKING:
    from proxycfg.spec import Route, Spec

HEARTBEAT = 15.0
"""Seconds of silence after which an event stream gets a comment: an eighth of the 100 s to 125 s that Cloudflare is said to allow, and
below the 30 s to 60 s of many proxies and mobile networks on the way to the client."""

COMPATIBILITY_DATE = "2026-11-17"
"""The behavior of the runtime that the Worker is tested with. Later ones are Cloudflare's promise to keep."""

_CODE = ("formats.js", "framing.js", "index.js", "match.js", "relay.js")
_RELAYS = {"sse": "events", "ndjson": "lines"}
_BARE = "/!$&'()+,;=:@-._~"
"""What a route's pattern holds as it is; a ``*`` of a path would be a wildcard."""


def files(spec: Spec, heartbeat: float = HEARTBEAT) -> Mapping[str, str]:
    """The files of the project: path inside its folder → text, the configuration first.

    The same spec gives the same bytes.

    :param heartbeat: seconds, above 0.
    """
    code = {f"src/{name}": (folder() / "cloudflare" / "worker" / "src" / name).read_text("utf-8") for name in _CODE}
    return {"wrangler.jsonc": _json(_wrangler(spec)), "src/routes.js": _table(spec, heartbeat), **code}


def relayed(route: Route) -> bool:
    """Whether the Worker does anything for a route, beyond leaving it alone."""
    return route.protocol.name in _RELAYS and (route.kind != "regex" or in_javascript(route.path) is not None)


def in_javascript(pattern: str) -> str | None:
    """A regular expression of a spec for JavaScript, or None where it has no equal there.

    Specs hold what PCRE and RE2 share. Of that, JavaScript spells named groups otherwise, and has neither flags inside of an
    expression nor POSIX classes nor the assertions of one letter that it does not know.
    """
    bare = re.sub(
        r"\\.", lambda found: "" if found[0][1] in "dDwWsSbBnrtfv" or not found[0][1].isalnum() else "\\", pattern
    )
    if "\\" in bare or "[:" in bare or re.search(r"\(\?(?!:|P<)", bare):
        return None
    return re.sub(r"(\\.)|\(\?P<", lambda found: found[1] or "(?<", pattern)


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
    relay = _RELAYS.get(route.protocol.name) if relayed(route) else None
    return {"title": route.title, "kind": route.kind, "path": path, "relay": relay, "heartbeat": heartbeat}


def _wrangler(spec: Spec) -> Mapping[str, Any]:
    named = spec.targets.cloudflare
    zone = named.zone if named else None
    account = {"account_id": named.account} if named and named.account else {}
    return {
        "$schema": "node_modules/wrangler/config-schema.json",
        "name": name(spec),
        **account,
        "main": "src/index.js",
        "compatibility_date": COMPATIBILITY_DATE,
        # Without it a request that waits for its origin does not notice that the client has gone.
        "compatibility_flags": ["enable_request_signal"],
        # A name of its own would be a way around the zone's firewall and Access.
        "workers_dev": False,
        "preview_urls": False,
        "routes": [{"pattern": pattern, **_zone(pattern, zone)} for pattern in patterns(spec)],
        "observability": {"enabled": True, "logs": {"enabled": True, "invocation_logs": False}},
    }


def name(spec: Spec) -> str:
    """The Worker's name: of the zone or the first host, so that two specs of one account do not overwrite each other's."""
    named = spec.targets.cloudflare
    known = (named.zone if named else None) or next((host for host in spec.hosts if host != "*"), "")
    return "-".join(["streams", *re.findall("[a-z0-9]+", known.lower())])[:63].rstrip("-")


def patterns(spec: Spec) -> tuple[str, ...]:
    """The patterns of URLs for which Cloudflare starts the Worker: as few requests as a wildcard at the end allows."""
    found: dict[str, None] = {}
    for hosts, routes in spec.servers:
        for route in routes:
            if relayed(route):
                found.update(dict.fromkeys(f"{host}{_path_pattern(route)}" for host in hosts))
    return tuple(found)


def _path_pattern(route: Route) -> str:
    # A pattern is compared with the URL, query and all, so that one without a wildcard misses every request with a query.
    if route.kind == "regex":
        return "/*"
    path = route.path.rstrip("/") if route.kind == "prefix" else route.path
    return f"{quote(path.partition('*')[0] or '/', safe=_BARE)}*"


def _zone(pattern: str, zone: str | None) -> Mapping[str, str]:
    if zone and "." not in zone:
        return {"zone_id": zone}
    return {"zone_name": zone or pattern.partition("/")[0].removeprefix("*.")}


def _json(value: Any) -> str:
    """JSON in ASCII, which is JavaScript as well."""
    return json.dumps(value, indent=2)
