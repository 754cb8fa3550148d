"""What the rules about WebSocket handshakes share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from proxycfg.rule import Case

if TYPE_CHECKING:
    from proxycfg.targets.nginx.read import Proxied
    from proxycfg.targets.nginx.syntax import Directive


def is_about_version(case: Case) -> bool:
    """Whether what breaks the handshake is the HTTP version towards the origin, which a rule of its own speaks of."""
    upgrade = case.shortfalls.get("upgrade")
    version = case.shortfalls.get("upstream_http_version")
    return (
        upgrade is not None
        and version is not None
        and upgrade.only_older == version.only_older
        and upgrade.evidence.text == version.evidence.text
    )


def is_about_headers(case: Case) -> bool:
    """Whether headers could help: not with a module that has no WebSocket, nor where clients cannot speak HTTP/1.1."""
    handler = case.subject.location.handler
    if handler is not None and handler.name not in {"proxy_pass", "uwsgi_pass", "scgi_pass"}:
        return False
    listening = case.shortfalls.get("client_http_versions")
    return listening is None or listening.evidence.text != case.shortfalls["upgrade"].evidence.text


def is_defined_elsewhere(proxied: Proxied) -> bool:
    """Whether a header of the handshake has a variable that nothing at hand defines: a map beside the file, most likely, which is right for it."""
    level = proxied.location.level
    makers = (line for kind in ("map", "geo", "split_clients") for line in proxied.http.level.own.get(kind, ()))
    known = {line.args[-1].lstrip("$") for line in makers if line.args}
    known |= {line.args[0].lstrip("$") for outer in level.levels() for line in outer.own.get("set", ()) if line.args}
    named = (
        name
        for line in level.in_force.get("proxy_set_header", ())
        if len(line.args) > 1 and line.args[0].lower() in {"connection", "upgrade"}
        for name in re.findall(r"\$\{?(\w+)", line.args[1])
    )
    return any(name not in known and not name.startswith("http_") for name in named)


def dropped_headers(proxied: Proxied, *names: str) -> list[Directive]:
    """The ``proxy_set_header`` lines for these headers that a list further in makes void for the location."""
    level = proxied.location.level
    own = level.all("proxy_set_header")[0]
    if not own:
        return []
    here = {line.args[0].lower() for line in own if line.args}
    outer = next((each for each in level.levels() if each.own.get("proxy_set_header") == own), level).above
    dropped: list[Directive] = []
    while outer is not None:
        dropped += [
            line
            for line in outer.own.get("proxy_set_header", [])
            if line.args and line.args[0].lower() in names and line.args[0].lower() not in here
        ]
        outer = outer.above
    return dropped
