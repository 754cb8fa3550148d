"""Where a request ends: listener, filter chain, virtual host, the first route that matches; as Envoy goes (``config_impl.cc``, ``matchers.cc``).

Only the config is known: a condition on what the request does not say is taken as false, and told among what was assumed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import unquote

from proxycfg import pcre
from proxycfg.explain import Passed
from proxycfg.record import field, record
from proxycfg.request import Request
from proxycfg.targets.envoy.matchers import header_matches, matches_text
from proxycfg.targets.envoy.routes import Door, Host, Route, Table, World
from proxycfg.targets.envoy.tree import Message

_WHOLE = 100.0
"""Per cent."""


@record(slots=True)
class Journey:
    """The way of one request: the door, the route where it ends, what Envoy answers if no origin does, and each step.

    :param or_else: where it ends by chance instead, if a route takes a part of the requests.
    :param missed: routes whose path matches, and whose other conditions do not, with those conditions.
    """

    door: Door | None = None
    host: Host | None = None
    route: Route | None = None
    answer: str = ""
    or_else: list[Route] = field(default_factory=list)
    steps: list[Passed] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    missed: list[tuple[Route, str]] = field(default_factory=list)

    @property
    def proxied(self) -> bool:
        """Whether an origin gets the request."""
        return not self.answer and self.route is not None and self.route.proxied


def follow(world: World, request: Request, *, door: Door | None = None) -> Journey:
    """Follow a request to where it ends.

    :param door: where it comes in, if not by its scheme, host and port.
    """
    journey = Journey()
    tables = [(each, table) for each, table in world.doors if door is None or each is door]
    if not world.doors:
        tables = []
        for table in world.tables:
            _through(journey, table, request)
            if journey.route is not None:
                break
        if not world.tables:
            journey.answer = "there is no listener with HTTP routes"
        return journey
    chosen = _arrive(tables, request, journey)
    if chosen is None:
        journey.answer = journey.answer or "no filter chain takes the connection"
        return journey
    journey.door, found = chosen
    where = journey.door.chain or journey.door.listener
    journey.steps.append(Passed(f"listener {journey.door.name}{_chain_name(journey.door)}", where.span))
    if journey.door.closes_at_once is not None:
        journey.assumed.append(
            f"{journey.door.closes_at_once.text} closes connections as soon as they are there: the request is taken to be quicker"
        )
    if found is None:
        journey.answer = "the routes of this listener are not at hand"
        return journey
    _through(journey, found, request)
    return journey


def _chain_name(door: Door) -> str:
    name = door.chain.text("name") if door.chain is not None else None
    return f", filter chain {name}" if name else ""


# ---- the door ----


def _arrive(
    doors: Sequence[tuple[Door, Table | None]], request: Request, journey: Journey
) -> tuple[Door, Table | None] | None:
    secure = request.scheme == "https"
    # A client of HTTP/3 has come over TCP before, where the answer is the same.
    over_tcp = [pair for pair in doors if not pair[0].quic] or list(doors)
    at_port = [pair for pair in over_tcp if pair[0].port == request.port]
    fitting = [pair for pair in at_port if pair[0].secure == secure]
    if not fitting and len(doors) > 1:
        others = [pair for pair in over_tcp if pair[0].secure == secure] or at_port or over_tcp
        if not at_port:
            # Containers and balancers map ports.
            first = others[0][0].listener
            fitting = [pair for pair in others if pair[0].listener is first]
            journey.assumed.append(
                f"no listener has port {request.port}: taken to be mapped to {fitting[0][0].address or 'the first'}"
            )
        else:
            fitting = at_port
            journey.assumed.append(
                f"port {request.port} speaks {'no TLS' if secure else 'TLS'} here: the scheme is taken to be ended by a proxy before"
            )
    return _chain(fitting or over_tcp, request, journey)


def _chain(
    doors: Sequence[tuple[Door, Table | None]], request: Request, journey: Journey
) -> tuple[Door, Table | None] | None:
    """The filter chain with the most special match: port, server name, transport, application protocol; sources are not known."""
    ranked = [(rank, pair) for pair in doors if (rank := _rank(pair[0], request)) is not None]
    if not ranked:
        return next((pair for pair in doors if pair[0].default), None)
    best = max(rank for rank, _ in ranked)
    chosen = next(pair for rank, pair in ranked if rank == best)
    if any(pair[0].chain is not None and _of_sources(pair[0]) and pair is not chosen for _, pair in ranked):
        journey.assumed.append("the client's address is none of those that have a filter chain of their own")
    return chosen


def _rank(door: Door, request: Request) -> tuple[int, ...] | None:
    match = door.chain.message("filter_chain_match") if door.chain is not None else None
    if door.default:
        return None
    if match is None:
        return (0, 0, 0, 0, 1)
    port = match.number("destination_port")
    if port not in {None, door.port}:
        return None
    name = 0
    names = [each.value.raw.lower() for each in match.texts("server_names")]
    if names:
        host = request.host.lower()
        found = [
            len(each) * 2 + (each == host)
            for each in names
            if each == host or (each.startswith("*.") and host.endswith(each[1:]))
        ]
        if not found or not door.secure:
            return None
        name = max(found)
    transport = match.text("transport_protocol") or ""
    if transport and transport != ("tls" if door.secure else "raw_buffer") and not (door.quic and transport == "quic"):
        return None
    protocols = {each.value.raw for each in match.texts("application_protocols")}
    if protocols and not protocols & {"h2", "http/1.1", "h2c", "http/1.0", "h3"}:
        return None
    return (int(port is not None), name, int(bool(transport)), int(bool(protocols)), int(not _of_sources(door)))


def _of_sources(door: Door) -> bool:
    """Whether a filter chain is for some clients, by their addresses."""
    match = door.chain.message("filter_chain_match") if door.chain is not None else None
    names = ("source_prefix_ranges", "direct_source_prefix_ranges", "source_ports", "source_type")
    return match is not None and any(match.has(name) for name in names)


# ---- the virtual host ----


def _through(journey: Journey, table: Table, request: Request) -> None:
    path, query = path_of(journey.door, request, table)
    if path[:1].isdigit():
        # Before anybody asks for whom it is.
        journey.answer = path
        return
    host = _asked_host(journey, table, request)
    found = host_of(table, host)
    if found is None:
        journey.answer = f"404 (no virtual host is for {host})"
        journey.steps.append(Passed(journey.answer, table.message.span))
        return
    journey.host, domain = found
    journey.steps.append(
        Passed(f"virtual host {journey.host.message.text('name') or ''}: {domain}".strip(), journey.host.message.span)
    )
    require = (journey.host.message.text("require_tls") or "NONE").upper()
    required = _REQUIRED.get(require)
    if required and request.scheme != "https":
        if required == "EXTERNAL_ONLY":
            journey.assumed.append("require_tls: EXTERNAL_ONLY: the client is taken to come from outside")
        journey.answer = f"301 (require_tls: {required})"
        said = journey.host.message.field("require_tls")
        journey.steps.append(Passed(journey.answer, said.span if said else None))
        return
    if journey.host.message.has("matcher"):
        said = journey.host.message.field("matcher")
        journey.answer = "a matcher chooses the route, which is not followed"
        journey.steps.append(Passed(journey.answer, said.span if said else None))
        return
    _choose(journey, journey.host, request, path, query)


_REQUIRED = {"ALL": "ALL", "2": "ALL", "EXTERNAL_ONLY": "EXTERNAL_ONLY", "1": "EXTERNAL_ONLY"}


def _asked_host(journey: Journey, table: Table, request: Request) -> str:
    """The host as virtual hosts are asked for it: in lower case, with its port unless somebody drops it."""
    own = request.headers.get(table.message.text("vhost_header") or "", None)
    if own is not None:
        return own.lower()
    host = request.host.lower()
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    hcm = journey.door.hcm if journey.door is not None else None
    if hcm is not None and hcm.flag("strip_trailing_host_dot"):
        host = host.removesuffix(".")
    if request.port == {"http": 80, "https": 443}[request.scheme] or table.message.flag("ignore_port_in_host_matching"):
        return host
    if hcm is not None and (
        hcm.flag("strip_any_host_port")
        or (hcm.flag("strip_matching_host_port") and journey.door and journey.door.port == request.port)
    ):
        return host
    return f"{host}:{request.port}"


def host_of(table: Table, host: str) -> tuple[Host, str] | None:
    """The virtual host for a host, and the domain by which: an exact one, the longest ``*tail``, the longest ``head*``, or ``*``."""
    found: tuple[tuple[int, int], Host, str] | None = None
    for each in table.hosts:
        for domain in each.domains:
            rank = _domain_rank(domain, host)
            if rank is not None and (found is None or rank > found[0]):
                found = rank, each, domain
    return (found[1], found[2]) if found else None


def _domain_rank(domain: str, host: str) -> tuple[int, int] | None:
    if domain == "*":
        return (0, 0)
    if domain.startswith("*"):
        return (2, len(domain)) if host.endswith(domain[1:]) and len(host) >= len(domain) else None
    if domain.endswith("*"):
        return (1, len(domain)) if host.startswith(domain[:-1]) and len(host) >= len(domain) else None
    return (3, 0) if domain == host else None


def domain_covers(domain: str, name: str) -> bool:
    """Whether a domain is for a host of a spec, or a pattern of hosts."""
    return name in ("*", domain) or _domain_rank(domain, f"x{name[1:]}" if name.startswith("*") else name) is not None


# ---- the route ----


def path_of(door: Door | None, request: Request, table: Table | None = None) -> tuple[str, str]:
    """The path as routes see it, and the query; the answer in place of a path that Envoy refuses starts with a digit."""
    target, _, query = request.target.partition("?")
    if "#" in request.target:
        return "400 (a # in the path)", ""
    hcm = door.hcm if door is not None else None
    if hcm is not None:
        escaped = (hcm.text("path_with_escaped_slashes_action") or "").upper()
        if re.search(r"%2[fF]|%5[cC]", target):
            if escaped in {"REJECT_REQUEST", "2"}:
                return "400 (path_with_escaped_slashes_action: REJECT_REQUEST)", ""
            if escaped in {"UNESCAPE_AND_REDIRECT", "3"}:
                return "307 (path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT)", ""
            if escaped in {"UNESCAPE_AND_FORWARD", "4"}:
                target = re.sub(r"%2[fF]", "/", re.sub(r"%5[cC]", "\\\\", target))
        if hcm.flag("normalize_path"):
            target = _normalised(target)
        if hcm.flag("merge_slashes"):
            target = re.sub("/{2,}", "/", target)
    if table is not None and table.message.flag("ignore_path_parameters_in_path_matching"):
        # Of every segment, as 1.40 does it; before, all that followed the first went.
        target = re.sub(";[^/]*", "", target)
    return target, query


_PLAIN = re.compile(r"%(?:[46][1-9a-fA-F]|[57][0-9aA]|3[0-9]|2[dDeE]|5[fF]|7[eE])")


def _normalised(path: str) -> str:
    """Without dot segments, unreserved characters decoded, backslashes turned round."""
    path = _PLAIN.sub(lambda match: unquote(match[0]), path.replace("\\", "/"))
    out: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        # A dot segment with parameters is one, too: to the servers behind it is.
        plain = part.partition(";")[0]
        if plain == "..":
            if out:
                out.pop()
        elif plain != ".":
            out.append(part)
    if parts and parts[-1].partition(";")[0] in {".", ".."}:
        out.append("")
    return "/" + "/".join(out)


def _choose(journey: Journey, host: Host, request: Request, path: str, query: str) -> None:
    for route in host.routes:
        if not matches_path(route, path, request, journey.assumed):
            continue
        failed = next(_failed(route, request, path, query), "")
        if failed:
            journey.missed.append((route, failed))
            continue
        share = _share(route)
        if share == 0:
            journey.missed.append((route, "runtime_fraction is 0 %"))
            continue
        if journey.route is None:
            journey.route = route
        else:
            journey.or_else.append(route)
        if share >= _WHOLE:
            break
        journey.assumed.append(
            f"{route.title} takes {share:g} % of the requests: what is said holds for it and for where the others end"
        )
    _arrived(journey)


def _arrived(journey: Journey) -> None:
    route = journey.route
    if route is None:
        journey.answer = "404 (no route matches)"
        return
    journey.steps.append(Passed(f"route {route.title}", route.message.span))
    if route.proxied:
        journey.or_else = [each for each in journey.or_else if each.proxied]
        return
    said = route.message.field(route.action_name) if route.action_name else None
    journey.answer = _answer(route)
    journey.steps.append(Passed(journey.answer, said.span if said else route.message.span))


_CODES = {
    "MOVED_PERMANENTLY": "301",
    "FOUND": "302",
    "SEE_OTHER": "303",
    "TEMPORARY_REDIRECT": "307",
    "PERMANENT_REDIRECT": "308",
}


def _answer(route: Route) -> str:
    if route.action_name == "direct_response":
        return f"{route.message.text('direct_response', 'status') or '200'} (direct_response)"
    if route.action_name == "redirect":
        code = route.message.text("redirect", "response_code") or "MOVED_PERMANENTLY"
        return f"{_CODES.get(code.upper(), '301')} (redirect)"
    return route.action_name or "the route does nothing"


def matches_path(route: Route, path: str, request: Request, assumed: list[str]) -> bool:
    """Whether the route's path specifier takes a path."""
    wanted, kind = route.path, route.kind
    if kind == "connect":
        return request.method == "CONNECT"
    if kind == "pattern":
        assumed.append(f"{route.title}: path_match_policy is not followed, taken not to match")
        return False
    if kind == "regex":
        return _full_match(wanted, path, route, assumed)
    if route.match.flag("case_sensitive") is False:
        wanted, path = wanted.lower(), path.lower()
    if kind == "exact":
        return path == wanted
    if kind == "segments":
        return path == wanted or path.startswith(f"{wanted}/")
    return kind == "prefix" and path.startswith(wanted)


def _full_match(pattern: str, text: str, route: Route, assumed: list[str]) -> bool:
    try:
        return pcre.find(f"^(?:{pattern})\\z", text, ignore_case=False) is not None
    except pcre.Undecided as error:
        assumed.append(f"{route.title}: {error}; taken not to match")
        return False


def _share(route: Route) -> float:
    """Per cent of the requests that a route takes."""
    said = route.match.message("runtime_fraction", "default_value")
    if said is None:
        return _WHOLE
    of = {"HUNDRED": 100, "TEN_THOUSAND": 10_000, "MILLION": 1_000_000, "1": 10_000, "2": 1_000_000}
    return min(
        _WHOLE, 100.0 * (said.number("numerator") or 0) / of.get((said.text("denominator") or "HUNDRED").upper(), 100)
    )


def _failed(route: Route, request: Request, path: str, query: str) -> Iterator[str]:
    """The conditions beside the path that a request does not meet, in words."""
    match = route.match
    if match.has("grpc") and not re.match(r"application/grpc(?:$|[+;])", request.headers.get("content-type", "")):
        yield "grpc: the content type is none of gRPC's"
    for matcher in match.messages("headers"):
        name = (matcher.text("name") or "").lower()
        if not header_matches(matcher, _header(request, name, path)):
            yield f"the header {name} does not match"
    arguments = _arguments(query)
    for matcher in match.messages("query_parameters"):
        name = matcher.text("name") or ""
        if not _value_matches(matcher, arguments.get(name)):
            yield f"the argument {name} does not match"
    cookies = dict(_cookies(request.headers.get("cookie", "")))
    for matcher in match.messages("cookies"):
        name = matcher.text("name") or ""
        if _value_matches(matcher, cookies.get(name)) == bool(matcher.flag("invert_match")):
            yield f"the cookie {name} does not match"
    for name in ("tls_context", "dynamic_metadata", "filter_state"):
        if match.has(name):
            yield f"{name}: not known of the request"


def _header(request: Request, name: str, path: str) -> str | None:
    query = request.target.partition("?")[2]
    pseudo = {
        ":method": request.method,
        ":path": path + (f"?{query}" if query else ""),
        ":authority": request.host,
        "host": request.host,
        ":scheme": request.scheme,
        "x-forwarded-proto": request.scheme,
    }
    return request.headers.get(name, pseudo.get(name))


def _value_matches(matcher: Message, value: str | None) -> bool:
    present = matcher.flag("present_match")
    if present is not None:
        return (value is not None) == present
    if value is None:
        return False
    inner = matcher.message("string_match")
    return inner is None or matches_text(inner, value)


def _arguments(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in query.split("&"):
        name, _, value = part.partition("=")
        found.setdefault(name, value)
    return found


def _cookies(header: str) -> Iterable[tuple[str, str]]:
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        yield name, value.strip('"')
