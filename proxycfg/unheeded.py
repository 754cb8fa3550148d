"""What a spec says to no effect, whatever the target: told once, so that nothing is dropped in silence."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from proxycfg import remarks
from proxycfg.spec import coverers

if TYPE_CHECKING:
    from proxycfg.finding import Finding
    from proxycfg.spec import Route, Spec, Upstream
    from proxycfg.specmodel import Server

_HTTPS = 443


def unheeded(spec: Spec, target: str) -> Iterator[Finding]:
    """The findings about a spec as such, which are the same on every target.

    :param target: whose they are said to be.
    """
    # Cloudflare has ports, and a certificate, of its own.
    listens = target != "cloudflare"
    if listens and spec.listen.port == _HTTPS and not spec.secure:
        yield remarks.PORT_443_WITHOUT_TLS.on(
            target, spec.span_of("listen", "port"),
            "port 443 is where clients speak TLS, and the listener has no certificate: every https:// client fails",
            "add listen.tls, or use another port if something in front takes TLS off",
        )  # fmt: skip
    if listens and {"0.0.0.0/0", "::/0"} & set(spec.trusted_proxies):
        yield remarks.ANYBODY_TRUSTED.on(
            target, spec.span_of("trusted_proxies"),
            "every address is trusted, so each client decides in X-Forwarded-For whom limits count and logs show",
            "write the networks of the proxies in front, such as 10.0.0.0/8",
        )  # fmt: skip
    used = {upstream.name for upstream in spec.used_upstreams}
    for upstream in spec.upstreams.values():
        yield from _of_upstream(upstream, spec, target, used=upstream.name in used)
    for route in spec.routes:
        yield from _of_route(route, target)
    yield from _never_reached(spec, target)


def _of_upstream(upstream: Upstream, spec: Spec, target: str, *, used: bool) -> Iterator[Finding]:
    name, (first, *others) = upstream.name, upstream.servers
    if not used:
        yield remarks.UPSTREAM_UNUSED.on(
            target,
            upstream.span,
            f"no route uses upstream `{name}`: it is left out",
            "remove it, or name it in a route",
        )
    if upstream.tls.model_fields_set and not upstream.secure:
        other = {"grpc": "grpcs"}.get(upstream.scheme, "https")
        yield remarks.UPSTREAM_TLS_UNUSED.on(
            target, spec.span_of("upstreams", name, "tls"),
            f"upstream `{name}` is reached in cleartext ({upstream.scheme}:), so its tls settings have no effect",
            f"write {other}:// if its servers speak TLS, or remove tls",
        )  # fmt: skip
    if upstream.tls.ca and not upstream.tls.verify:
        yield remarks.CA_UNUSED.on(
            target, spec.span_of("upstreams", name, "tls", "ca"),
            f"the certificates of upstream `{name}` are not checked (verify: false), so its ca has no effect",
            "remove verify: false, or ca",
        )  # fmt: skip
    seen: set[Server] = set()
    for index, server in enumerate(upstream.servers):
        if server in seen:
            yield remarks.SERVER_LISTED_TWICE.on(
                target, spec.span_of("upstreams", name, "servers", index),
                f"upstream `{name}` lists {server.address} more than once: it may get more than its share of the streams, and a retry may "
                "go to the server that has just failed",
                "write the address of another server, or remove it",
            )  # fmt: skip
        seen.add(server)
    if upstream.affinity and not others and not upstream.named:
        yield remarks.AFFINITY_ON_ONE_SERVER.on(
            target, spec.span_of("upstreams", name, "affinity"),
            f"upstream `{name}` has one server, {first.address}, so every client lands there, with affinity or without",
            "list all servers, or remove affinity",
        )  # fmt: skip


def _of_route(route: Route, target: str) -> Iterator[Finding]:
    upstream = route.upstream
    if route.attempts > 1 and len(upstream.servers) == 1:
        rest = "; Envoy tries its other addresses, if it has any" if upstream.named else ""
        yield remarks.RETRY_ON_ONE_SERVER.about(
            route, target, route.span_of("retry"),
            f"upstream `{upstream.name}` lists one server, so nginx has no other one to try for {route.title}{rest}",
            "list the servers one by one, or remove retry",
        )  # fmt: skip
    if route.protocol.name == "websocket" and route.auth and route.auth.by == "cookie" and not route.cors:
        yield remarks.SOCKET_ORIGIN_UNCHECKED.about(
            route, target, route.span_of("auth"),
            f"{route.title} takes a cookie as login and any web site's handshake: a page elsewhere can open the socket as its visitor",
            'write `cors: {origins: ["https://app.example.com"]}` with the sites that may, or ["*"] if the application checks Origin',
        )  # fmt: skip
    if "\\" in route.path and route.kind != "regex":
        yield remarks.BACKSLASH_NEVER_MATCHES.about(
            route, target, route.match_span,
            f"the configs refuse requests with a backslash in the path, so nothing reaches {route.title}",
            "use another character",
        )  # fmt: skip


# ---- regular expressions that take another route's requests ----

_META = re.compile(r"[\\^$.|?*+()\[\]{}]")
_REPEATED = re.compile(r"[*+]|\{[0-9]*,[0-9]*\}")
_MOST_REPEATS, _LONGEST = 3, 200
_MOST_TRIES = 200_000
"""What is tried, for this is a hint and no proof: each repeat multiplies the time that Python may need by the length of the path."""


def _never_reached(spec: Spec, target: str) -> Iterator[Finding]:
    """Routes whose very path, and what is below it, an earlier regular expression takes."""
    regexes = [route for route in spec.routes if route.kind == "regex"]
    paths = sorted(
        ((route.path, route.index, route) for route in spec.routes if route.kind == "prefix"), key=lambda row: row[:2]
    )
    exact = {(route.path, host): route for route in spec.routes if route.kind == "exact" for host in route.hosts}
    found: dict[int, tuple[Route, Route]] = {}
    tries = 0
    for regex in regexes:
        literal = "" if "|" in regex.path else _META.split(regex.path, maxsplit=1)[0]
        if literal == regex.path and all((literal, host) in exact for host in regex.hosts):
            found.setdefault(regex.index, (regex, exact[literal, regex.hosts[0]]))
        pattern = _safely(regex.path)
        if pattern is None:
            continue
        # A character before a repeat may be absent.
        start = bisect_left(paths, (literal[:-1],))
        for path, index, route in islice(paths, start, None):
            if tries == _MOST_TRIES or not path.startswith(literal[:-1]):
                break
            tries += 1
            if index not in found and _covers(regex, route) and _takes(pattern, path.rstrip("/")):
                found[index] = route, regex
    for route, winner in (found[index] for index in sorted(found)):
        yield remarks.ROUTE_NEVER_REACHED.about(
            route, target, route.match_span,
            f"requests for {route.title} go to the route {winner.title} on line {winner.span.line}: "
            + ("an exact path wins over a regex" if winner.kind == "exact" else "a regex wins over every prefix, however long"),
            "make the regex narrower, or write this route as a regex in front of it" if winner.kind == "regex" else "remove one of them",
        )  # fmt: skip


def _takes(pattern: re.Pattern[str], path: str) -> bool:
    """Whether a path and what is below it all go to the regex, as far as samples tell."""
    return all(
        pattern.fullmatch(path + below) for below in (("", "/", "/a", "/a/b.c") if path else ("/", "/a", "/a/b.c"))
    )


def _covers(regex: Route, route: Route) -> bool:
    """Whether the regex is there for every host of the route."""
    if regex.hosts == route.hosts:
        return True
    return all(any(wider in regex.hosts for wider in coverers(host)) for host in route.hosts)


def _safely(text: str) -> re.Pattern[str] | None:
    """The expression, unless Python might try it for too long or read it otherwise than the proxies."""
    if re.search(r"\)[*+{]", text) or len(_REPEATED.findall(text)) > _MOST_REPEATS or "[[" in text:
        return None
    return re.compile(text, re.DOTALL)
