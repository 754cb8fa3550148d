"""What ``generate`` has to say about a spec: every kind of finding once, with its page, whichever targets make it.

A page's first line says what is wrong; the rest says what that does to the stream, and what to write instead.
``python -m tests.pages`` makes ``docs/rules/`` out of these.
"""

from __future__ import annotations

from inspect import cleandoc
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Finding, Kind, Severity
from proxycfg.record import record, replace

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.spec import Route


@record(frozen=True, slots=True, kw_only=True)
class Remark(Kind):
    """Something to say about a spec."""

    told_by = "generate"

    def on(self, target: str, span: Span, message: str, why: str) -> Finding:
        """The finding itself; ``why`` ends in what to write instead."""
        return Finding(
            rule=self.name,
            category=self.category,
            severity=self.severity,
            message=message,
            why=why,
            span=span,
            target=target,
        )

    def about(self, route: Route, target: str, span: Span, message: str, why: str) -> Finding:
        """The same, about one route."""
        return replace(
            self.on(target, span, message, why),
            protocol=route.protocol.name,
            route_host=None if "*" in route.hosts else route.hosts[0],
            route_path=route.path,
        )


_REMARKS: dict[str, Remark] = {}


def remarks() -> dict[str, Remark]:
    """Every kind, sorted by name."""
    return dict(sorted(_REMARKS.items()))


def _remark(name: str, category: Category, severity: Severity, targets: tuple[str, ...], page: str) -> Remark:
    made = Remark(name=name, category=category, severity=severity, targets=targets, read_page=lambda: cleandoc(page))
    assert _REMARKS.setdefault(name, made) is made
    return made


_E, _W, _I = Severity.ERROR, Severity.WARNING, Severity.INFO
_NGINX, _ENVOY, _BOTH, _CLOUDFLARE = ("nginx",), ("envoy",), ("nginx", "envoy"), ("cloudflare",)
_ALL, _NOT_ENVOY, _NOT_NGINX = ("nginx", "envoy", "cloudflare"), ("nginx", "cloudflare"), ("envoy", "cloudflare")

# ---- said but without effect, on every target ----

UPSTREAM_TLS_UNUSED = _remark("upstream-tls-unused", Category.HARDENING, _W, _ALL, """
    An upstream has `tls` settings, but its URL is a cleartext one.

    What is sent to `http://`, `grpc://` and `unix:` servers is not encrypted, and nobody's certificate is checked, whatever `tls` says.
    Write `https://` or `grpcs://` if the servers speak TLS; otherwise remove `tls`, so that nobody believes in it.
""")  # fmt: skip
CA_UNUSED = _remark("ca-unused", Category.HARDENING, _W, _ALL, """
    An upstream names the CA to trust, and has `verify: false`.

    No certificate is checked then, so whoever stands between the proxy and the origin can read and change the streams, and the CA is of no use.
    Remove `verify: false`, or `ca`.
""")  # fmt: skip
ANYBODY_TRUSTED = _remark("anybody-trusted", Category.FORWARDED_HEADERS, _W, _BOTH, """
    `trusted_proxies` covers every address.

    Each client may then say in `X-Forwarded-For` who it is: limits count an address that it makes up, and logs show it. Name the networks
    of the proxies in front. Where nothing but them can reach this one, their networks are still known.
""")  # fmt: skip
UPSTREAM_UNUSED = _remark("upstream-unused", Category.OPERATIONS, _I, _ALL, """
    No route uses the upstream, so no config mentions it.

    Often a route has the name of another one by mistake. If it is meant for later, nothing is lost: it is left out because a proxy
    would look its name up at start, and nginx does not start without an answer.
""")  # fmt: skip
AFFINITY_ON_ONE_SERVER = _remark("affinity-on-one-server", Category.SESSION_AFFINITY, _I, _ALL, """
    Affinity chooses among servers, and the upstream has one.

    Every client lands there anyway. List all servers in `servers`, or remove `affinity`. A name that stands for several
    addresses counts as several servers, so it is not told.
""")  # fmt: skip
SERVER_LISTED_TWICE = _remark("server-listed-twice", Category.OPERATIONS, _W, _ALL, """
    An upstream lists one server more than once.

    Often a port or a name was copied and not changed. The proxies count each line as a server: the real one may take more than its share of
    the streams and of `max_connections`, and a retry may go to the server that has just failed. Write the address of the other server,
    or remove the line. A port that is left out is the scheme's: `http://api` and `http://api:80` are one server.
""")  # fmt: skip
RETRY_ON_ONE_SERVER = _remark("retry-on-one-server", Category.RETRIES, _I, _ALL, """
    `retry` tries another server, and the upstream lists one.

    nginx then tries nothing again. Envoy tries the other addresses of a name that has several, or the one server once more.
    List the servers one by one in `servers`, or remove `retry`.
""")  # fmt: skip
ROUTE_NEVER_REACHED = _remark("route-never-reached", Category.LOCATION_SHADOWED, _W, _ALL, """
    A regex route takes the requests of another route.

    Routes are tried in one order on every target: exact paths, then regular expressions in the order of the file, then prefixes from
    the longest to the shortest. A regex therefore wins over every prefix, however long: with `regex: /api/.*` a route `path: /api/events`
    gets nothing, and its stream runs with the timers and buffers of the regex route. Make the regex narrower, or write the route that
    should win as a `regex` in front of it.
""")  # fmt: skip
PORT_443_WITHOUT_TLS = _remark("port-443-without-tls", Category.OPERATIONS, _W, _BOTH, """
    The listener is on port 443 without a certificate, so it speaks cleartext where every client speaks TLS.

    Browsers and SDKs that are given an `https://` URL fail in the handshake. Add `listen.tls` with `certificate` and `key`. If something in
    front takes TLS off, another port, such as 8080, says so.
""")  # fmt: skip
SOCKET_ORIGIN_UNCHECKED = _remark("socket-origin-unchecked", Category.ORIGIN_CHECK, _W, _ALL, """
    A WebSocket that logs in by cookie accepts handshakes from any web site.

    Browsers send cookies along with a handshake that a page of another site begins, and neither CORS nor the same-origin policy covers
    WebSocket: that page then reads and writes as its visitor (cross-site WebSocket hijacking). State who may:
    `cors: {origins: ["https://app.example.com"]}`; the proxies then refuse every other `Origin` with 403. `origins: ["*"]` says that
    the application checks for itself.
""")  # fmt: skip
OUTER_HOP_NOT_TRUSTED = _remark("outer-hop-not-trusted", Category.FORWARDED_HEADERS, _W, _BOTH, """
    A hop does not know the address of the hop before it, and believes nobody's forwarded headers.

    It takes the outer hop's address for that of every client: affinity by address sends all of them to one server, and its log shows one client.
    Write where the outer hop is, `chain: [{nginx: {}, at: "http://10.0.0.4:8080"}, envoy]`, or its network into `trusted_proxies`.
""")  # fmt: skip

# ---- a protocol that does not fit ----

GRPC_FROM_BROWSERS = _remark("grpc-from-browsers", Category.PROTOCOL_MISMATCH, _W, _ALL, """
    A route of native gRPC says which web pages may call it, and no page can.

    Scripts get at neither HTTP/2 frames nor trailers, so each call fails in the browser, whatever CORS allows. Write `protocol: grpc-web`, which
    Envoy translates, or `connect`, which a Connect server speaks to browsers and services alike.
""")  # fmt: skip
HEADER_OUT_OF_REACH = _remark("header-out-of-reach", Category.PROTOCOL_MISMATCH, _W, _ALL, """
    Clients log in by a header that a browser does not let a page set.

    `new WebSocket(url)` and `new EventSource(url)` take no headers, so pages of the origins in `cors` are never logged in. An event stream can
    be read with `fetch`, which takes them; a socket needs a cookie, or a ticket for one use in the query (`auth: {by: query}` keeps it out of logs).
""")  # fmt: skip
NO_STREAM_FROM_THE_CLIENT = _remark("no-stream-from-the-client", Category.PROTOCOL_MISMATCH, _W, _ALL, """
    A route of gRPC-Web streams uploads, and the protocol has none.

    gRPC-Web has unary calls and streams from the server. A call in which the client goes on sending ends with its first message, or is refused by
    the library. In browsers a WebSocket can do it; between services, native gRPC.
""")  # fmt: skip
HEARTBEAT_WITHOUT_A_STREAM = _remark("heartbeat-without-a-stream", Category.PROTOCOL_MISMATCH, _I, _ALL, """
    A route whose answers are complete has a heartbeat.

    Between two polls there is no connection to keep alive, and within a long poll nothing can be sent before the answer. The heartbeat only sets the
    timer, to three times itself and a minute at least: state `idle_timeout`, as long as the origin holds a request.
""")  # fmt: skip
SOCKET_FOR_ONE_WAY = _remark("socket-for-one-way", Category.PROTOCOL_MISMATCH, _I, _ALL, """
    A WebSocket has the path of something that clients only listen to.

    A client that never speaks pays for the socket all the same: each hop must pass the upgrade, over HTTP/1.1; there are no status codes and no
    caches; after a cut nothing comes back by itself. Server-sent events are an ordinary answer that goes on. `proxycfg advise` asks
    what decides.
""")  # fmt: skip
NO_WAY_BACK = _remark("no-way-back", Category.PROTOCOL_MISMATCH, _I, _ALL, """
    Clients of an event stream have no way to say anything.

    Events go to the client alone. To cancel, a client can close the stream, which the origin learns, but an EventSource opens it again after
    every cut, and an approval or a new question needs a request. Add a route for it, with POST; a socket would cost more.
""")  # fmt: skip
POLLED_BELOW_CACHE = _remark("polled-below-cache", Category.PROTOCOL_MISMATCH, _I, _ALL, """
    A client may poll more often than the shared answer changes.

    For as long as `cache` says, everybody without a credential gets the same answer: polls in between bring nothing but load and battery. Let clients
    ask at that interval, or shorten `cache`. Many people behind one address are a reason for such limits.
""")  # fmt: skip

# ---- a route's needs ----

GRPC_WITHOUT_HTTP2 = _remark("grpc-without-http2", Category.GRPC_TRANSPORT, _E, _BOTH, """
    A gRPC route on a listener that does not speak HTTP/2.

    No gRPC client can connect. Add `"2"` to `listen.http`. Before 1.25.1 a cleartext port of nginx speaks either HTTP/1.1 or HTTP/2:
    add `listen.tls`, use a newer nginx, or give the gRPC routes a spec, and so a port, of their own.
""")  # fmt: skip
WEBSOCKET_WITHOUT_HTTP1 = _remark("websocket-without-http1", Category.UPGRADE_HEADERS, _E, _BOTH, """
    A WebSocket route on a listener that does not speak HTTP/1.1.

    The handshake is an HTTP/1.1 upgrade, so no socket ever opens. Add `"1.1"` to `listen.http`.
""")  # fmt: skip
GRPC_WEB_NOT_TRANSLATED = _remark("grpc-web-not-translated", Category.PROTOCOL_MISMATCH, _E, _NOT_ENVOY, """
    gRPC-Web towards a plain gRPC server, through a proxy that does not translate.

    nginx and Cloudflare pass the browser's gRPC-Web frames on, and the server does not understand them: every call fails. Use Envoy for the
    route, or a server that speaks gRPC-Web itself, with an `http://` URL.
""")  # fmt: skip
CONNECT_NOT_TRANSLATED = _remark("connect-not-translated", Category.PROTOCOL_MISMATCH, _E, _NOT_ENVOY, """
    Connect towards a plain gRPC server, through a proxy that does not translate.

    nginx and Cloudflare pass Connect on as it is, and a plain gRPC server does not understand it: every call fails. Use Envoy for the
    route, or a server that speaks Connect itself, with an `http://` URL.
""")  # fmt: skip
CONNECT_BRIDGE_UNFINISHED = _remark("connect-bridge-unfinished", Category.HARDENING, _I, _ENVOY, """
    Envoy's filter from Connect to gRPC is work in progress.

    Its maintainers keep it outside their security policy. A server that speaks Connect itself needs no filter: write its URL
    as `http://`, or with `http: 2`.
""")  # fmt: skip
MAX_DURATION_NOT_ENFORCED = _remark("max-duration-not-enforced", Category.TOTAL_TIMEOUT, _W, _NOT_ENVOY, """
    nginx and Cloudflare have no limit on the length of an exchange.

    Their timers count silence, so a stream that talks lives on after `max_duration`. End it in the application, or put Envoy in
    front.
""")  # fmt: skip
IDLE_TIMEOUT_CUT = _remark("idle-timeout-cut", Category.IDLE_TIMEOUT, _W, _NGINX, """
    The silence that the route allows is longer than nginx's timers hold.

    nginx counts milliseconds to its next timer in 32 bits, which has room for 24 days. A heartbeat makes such a timer unnecessary.
""")  # fmt: skip
CACHE_NOT_KEPT = _remark("cache-not-kept", Category.CACHING, _W, _NGINX, """
    A poll route is not answered from a shared cache.

    Every poll of every client reaches the origin. nginx caches what it reads over HTTP/1.1, and from 1.29.4 on also over HTTP/2. Let
    the origin speak HTTP/1.1 on such routes, use a newer nginx, or make the origin's answer cheap.
""")  # fmt: skip
CACHE_ROUNDED = _remark("cache-rounded", Category.CACHING, _I, _NOT_ENVOY, """
    nginx and Cloudflare cache for whole seconds.

    The time is rounded up. Write whole seconds.
""")  # fmt: skip
SILENCE_BEYOND_PLAN = _remark("silence-beyond-plan", Category.IDLE_TIMEOUT, _W, _CLOUDFLARE, """
    The route may be silent for longer than the Cloudflare plan allows.

    The edge then ends the stream with a 524 or a cut: below Enterprise after 100 s to 125 s without a byte from the origin. Enterprise waits for the
    origin for as long as it is told, up to 6000 s, but Cloudflare's pages say of every plan that it closes a client's idle connection after
    400 s. Let the origin send something every 30 s, and state it as `heartbeat: 30s`.
""")  # fmt: skip

# ---- limits ----

UPSTREAM_CONNECTIONS_BELOW_SCALE = _remark("upstream-connections-below-scale", Category.CONNECTION_LIMITS, _W, _BOTH, """
    `max_connections` times the number of servers is less than `scale.streams`.

    The proxy answers the streams beyond it at once, nginx with 502 and Envoy with 503. Raise `max_connections`, add servers, or lower
    `scale.streams`.
""")  # fmt: skip
ADDRESSES_COUNTED_AS_ONE_SERVER = _remark("addresses-counted-as-one-server", Category.CONNECTION_LIMITS, _I, _ENVOY, """
    A name that stands for several addresses shares one `max_connections` on Envoy.

    List the addresses one by one, or write the sum.
""")  # fmt: skip
AFFINITY_WAITS_FOR_ITS_SERVER = _remark("affinity-waits-for-its-server", Category.CONNECTION_LIMITS, _W, _ENVOY, """
    With affinity and `max_connections`, a client waits for its own server although others are free.

    Envoy holds the request without an answer until a connection is free or the client gives up. Raise `max_connections`, or give
    up affinity.
""")  # fmt: skip
STREAMS_PER_CLIENT_CUT = _remark("streams-per-client-cut", Category.CONNECTION_LIMITS, _I, _NGINX, """
    nginx counts up to 65,535 streams of one client.

    A higher `limits.per_client` becomes that. Write at most 65535, or leave it out.
""")  # fmt: skip
STREAMS_PER_CLIENT_NOT_LIMITED = _remark("streams-per-client-not-limited", Category.CONNECTION_LIMITS, _W, _NOT_NGINX, """
    Envoy and Cloudflare have no limit on the concurrent streams of one client.

    One address can hold every stream of the route. Count them in the application, put nginx in front, or limit how fast they start with
    `limits.rate`.
""")  # fmt: skip
RATE_ROUNDED = _remark("rate-rounded", Category.CONNECTION_LIMITS, _I, _NGINX, """
    nginx counts whole requests a minute.

    A rate between two of them is rounded up. Write a whole number a second or a minute.
""")  # fmt: skip
BODY_LIMITS_ROUNDED = _remark("body-limits-rounded", Category.BODY_SIZE, _I, _ENVOY, """
    Many different `upload.max_bytes` on Envoy are rounded up to powers of two.

    Envoy needs a filter for each limit, and every request passes all of them. Use few different values.
""")  # fmt: skip
BODY_NOT_LIMITED = _remark("body-not-limited", Category.BODY_SIZE, _W, _NOT_NGINX, """
    The proxy does not enforce the route's `upload.max_bytes`.

    Cloudflare lets as much through as the plan has. Envoy before 1.40 can only count a body by holding all of it; and its filter writes the
    query to the log, which must not hold a credential. Limit the body in the application, move the credential into a header, or use Envoy
    1.40.
""")  # fmt: skip
IDLE_CONNECTIONS_NOT_COUNTED = _remark("idle-connections-not-counted", Category.KEEPALIVE, _I, _ENVOY, """
    Envoy cannot count idle connections to an upstream.

    They close after a time, however many they are. Leave `keepalive` out; for HTTP/1.1 servers, 0 closes every one at once.
""")  # fmt: skip

# ---- headers and paths ----

HEADER_OWNED_BY_THE_PROXY = _remark("header-owned-by-the-proxy", Category.CONNECTION_HEADER, _W, _ALL, """
    The spec sets or removes a header that the proxy keeps to itself.

    nginx writes its own `Server` and `Date`. Envoy reads and writes `x-envoy-…`. Cloudflare keeps `cf-…`, `Server`, and what tells an origin who
    the client is. A request cannot be without `Host`. The line has no effect: remove it, or for `Host` write the name to send, which
    Cloudflare does not let a rule do.
""")  # fmt: skip
BACKSLASH_NEVER_MATCHES = _remark("backslash-never-matches", Category.LOCATION_SHADOWED, _W, _ALL, """
    A route has a backslash in its path, which the configs refuse.

    Origins take `\\` for `/` or not, so requests with one are answered with 400 before a route is chosen. Use another
    character.
""")  # fmt: skip
REGEX_SEES_ENCODED_PATH = _remark("regex-sees-encoded-path", Category.LOCATION_SHADOWED, _I, _ENVOY, """
    Envoy matches a regex against the path as it travels, percent-encoded.

    nginx decodes the path first, so one regex matches different requests on the two. Write such characters encoded, or match
    around them.
""")  # fmt: skip
RETRY_MAY_START_A_STREAM_TWICE = _remark("retry-may-start-a-stream-twice", Category.RETRIES, _I, _NGINX, """
    With `retry`, nginx may start a stream on two servers.

    It tries another server also where the first one got a GET and hung up without an answer. A POST that was sent is never sent
    again. Leave `retry` off where a stream must not start twice.
""")  # fmt: skip

# ---- versions, layouts, names ----

NGINX_VERSION_TOO_OLD = _remark("nginx-version-too-old", Category.OPERATIONS, _E, _NGINX, """
    The nginx version lacks directives that the config needs.

    Use 1.18 or newer.
""")  # fmt: skip
NGINX_VERSION_UNKNOWN = _remark("nginx-version-unknown", Category.OPERATIONS, _I, _NGINX, """
    The nginx version is newer than the newest whose defaults are known.

    The config is written as for the newest known one. Run `nginx -t` with it before it goes live.
""")  # fmt: skip
ENVOY_VERSION_TOO_OLD = _remark("envoy-version-too-old", Category.OPERATIONS, _E, _ENVOY, """
    The Envoy version lacks fields that the config needs, and gets no security fixes any more.

    Use 1.36 or newer.
""")  # fmt: skip
ENVOY_VERSION_UNKNOWN = _remark("envoy-version-unknown", Category.OPERATIONS, _I, _ENVOY, """
    The Envoy version is newer than the newest that the config was tried on.

    Run `envoy --mode validate -c envoy.yaml` with it before it goes live.
""")  # fmt: skip
HTTP_VERSIONS_NOT_KEPT = _remark("http-versions-not-kept", Category.OPERATIONS, _W, _NOT_ENVOY, """
    The listener offers other HTTP versions than `listen.http` asks for.

    Cloudflare serves HTTP/1.1 and HTTP/2, whatever the spec says. nginx cannot switch HTTP/1.1 off on a TLS port, nor from 1.25.1 on on a
    cleartext one. Before 1.25.1 a cleartext port speaks HTTP/1.1 or HTTP/2, not both. HTTP/3 came with 1.25.0. The message says what
    clients get.
""")  # fmt: skip
HTTP3_PORT_NOT_SHARED = _remark("http3-port-not-shared", Category.OPERATIONS, _I, _NGINX, """
    The site file makes its port a QUIC port with `reuseport`, which only one site of an nginx may do.

    Remove `reuseport` from the file if another site has it for the same port.
""")  # fmt: skip
LONG_STREAMS_GROW_MEMORY = _remark("long-streams-grow-memory", Category.OPERATIONS, _I, _NGINX, """
    nginx before 1.26.1 keeps memory for every message of a stream over HTTP/2 to its origin.

    It is freed when the stream ends. Use nginx 1.26.1 or newer where such streams last for hours.
""")  # fmt: skip
SITE_LAYOUT_LEAVES_LIMITS = _remark("site-layout-leaves-limits", Category.OPERATIONS, _I, _NGINX, """
    A site file cannot set what the streams need in the main `nginx.conf`.

    The message lists the directives to put there: worker connections, file limits, and how long old workers live after a reload.
""")  # fmt: skip
ORIGIN_NAMES_RESOLVED_ONCE = _remark("origin-names-resolved-once", Category.OPERATIONS, _I, _NGINX, """
    nginx looks the names of origins up when it starts or reloads, and never again.

    A container or pod that comes back with another address gets no request until a reload, and nginx does not start while a name has no
    address. nginx 1.27.3 or newer follows them if it knows a DNS server, which no system setting tells it: write
    `targets: {nginx: {resolver: [127.0.0.11]}}` (Docker's; in Kubernetes the address of kube-dns). Else reload nginx when addresses change, or name
    something whose address stays (a service, a load balancer). Envoy looks names up again by itself.
""")  # fmt: skip
ORIGIN_NAME_UNKNOWN = _remark("origin-name-unknown", Category.HARDENING, _E, _BOTH, """
    There is no name to check in the origin's certificate.

    Every handshake fails. Write the name in the certificate as the upstream's `tls.sni`.
""")  # fmt: skip
ORIGIN_NAMES_DIFFER = _remark("origin-names-differ", Category.HARDENING, _W, _NGINX, """
    nginx asks every server of an upstream for the name of the first.

    All of them need it in their certificates. Write the name that all have as `tls.sni`, or give each server an upstream of its own.
""")  # fmt: skip
SOCKET_BESIDE_NAMES = _remark("socket-beside-names", Category.OPERATIONS, _W, _ENVOY, """
    An upstream has unix sockets beside names, and Envoy passes the sockets over.

    Write IP addresses for the other servers, or make the sockets an upstream of their own.
""")  # fmt: skip

# ---- Cloudflare ----

RULES_BEYOND_PLAN = _remark("rules-beyond-plan", Category.OPERATIONS, _E, _CLOUDFLARE, """
    The spec needs more rules of one kind than the Cloudflare plan has.

    Cloudflare refuses the whole ruleset then, so no stream gets what it needs. Routes that are treated alike share a rule: give them the same
    settings, put them below one path, or list fewer hosts. Each plan has more of them than the one before.
""")  # fmt: skip
EXPRESSION_TOO_LONG = _remark("expression-too-long", Category.OPERATIONS, _E, _CLOUDFLARE, """
    A route's requests cannot be told from those of others in the 4096 characters of a rule's expression.

    Cloudflare refuses the rule. It happens to a path that has very many routes of another kind below it, or very many hosts. Put what streams
    below a path, or a host, of its own.
""")  # fmt: skip
WORKER_LEAVES_ROUTE = _remark("worker-leaves-route", Category.HEARTBEAT, _W, _CLOUDFLARE, """
    A stream gets no Worker, though the spec asks for one.

    It streams, and nothing more: its silence is not filled with heartbeats, an origin's error page reaches its clients, and a broken connection
    to the origin may end in the middle of an event. Cloudflare starts a Worker by host and path, so one of them must be known; and a regular
    expression must mean the same in JavaScript as on other hops. Write `hosts` or the zone's name; write `path` in place of `regex`.
""")  # fmt: skip
WORKER_ON_GRPC = _remark("worker-on-grpc", Category.GRPC_TRANSPORT, _W, _CLOUDFLARE, """
    A path of streams takes in gRPC calls, so that the Worker stands in front of them as well.

    It leaves them alone, but Cloudflare hands a native gRPC call to a Worker as gRPC-Web, if it does at all, and calls may fail. Put the streams
    below a path of their own, or add a more specific route without a script for the calls by hand.
""")  # fmt: skip
REGEX_BEYOND_PLAN = _remark("regex-beyond-plan", Category.LOCATION_SHADOWED, _E, _CLOUDFLARE, """
    A route is a regular expression, which only the Business and Enterprise plans have in rules.

    No rule is written for it, so its streams get the zone's own settings: they may be buffered, compressed, changed or challenged. Write the
    route as `path` or `exact`.
""")  # fmt: skip
UPLOAD_BEYOND_PLAN = _remark("upload-beyond-plan", Category.BODY_SIZE, _E, _CLOUDFLARE, """
    A request may be larger than the Cloudflare plan lets through.

    Cloudflare answers 413: beyond 100 MB on Free and Pro, 200 MB on Business, 500 MB or, if asked for, 5 GB on Enterprise. Send it in pieces, over a
    WebSocket, whose messages are not counted, or to a host whose DNS record is not proxied.
""")  # fmt: skip
UPLOAD_STREAM_CUT = _remark("upload-stream-cut", Category.BODY_SIZE, _W, _CLOUDFLARE, """
    A call whose requests stream is one request to Cloudflare, and ends when the plan's limit on requests has passed.

    That is 100 MB on Free and Pro, 200 MB on Business, 500 MB or, if asked for, 5 GB on Enterprise: room for days of short messages, and for
    minutes of pictures. Let clients begin a new call from time to time, state `upload: {max_bytes: …}`, or use a WebSocket, whose messages are not
    counted.
""")  # fmt: skip
GRPC_SWITCHED_BY_HAND = _remark("grpc-switched-by-hand", Category.GRPC_TRANSPORT, _W, _CLOUDFLARE, """
    Cloudflare refuses gRPC until somebody switches it on in the dashboard.

    Under Network; no API and no Terraform resource has the switch, and until it is on every call is answered with 403 and a page of HTML.
    Switch it on, then try a call. From then on Cloudflare Access does not look at gRPC requests of the zone: a call passes it without
    a login, so the origin must ask for credentials itself.
""")  # fmt: skip
GRPC_ORIGIN_UNREACHABLE = _remark("grpc-origin-unreachable", Category.GRPC_TRANSPORT, _E, _CLOUDFLARE, """
    Cloudflare speaks gRPC to port 443 of an origin, over TLS, and to nothing else.

    The origin has to offer HTTP/2 in the handshake (ALPN), and the zone's SSL mode to be Full or stricter. Every call fails otherwise.
    Write the upstream as `grpcs://`, with port 443; nginx or Envoy in front of the server can take the TLS off.
""")  # fmt: skip
GRPC_THROUGH_TUNNEL = _remark("grpc-through-tunnel", Category.GRPC_TRANSPORT, _W, _CLOUDFLARE, """
    gRPC goes through a tunnel to a public host, which Cloudflare does not support.

    The config does what has worked for others: HTTP/2 to Cloudflare (`protocol: http2`, since QUIC drops trailers), and TLS with HTTP/2 to
    the origin. Calls may still end without a status. Reach the gRPC server without the tunnel, or use gRPC-Web or Connect.
""")  # fmt: skip
RATE_LIMITS_BEYOND_PLAN = _remark("rate-limits-beyond-plan", Category.CONNECTION_LIMITS, _W, _CLOUDFLARE, """
    The routes have more different rate limits than the Cloudflare plan has rules for: 1 on Free, 2 on Pro, 5 on Business.

    The limit that polls have where the spec says nothing is left out first. If that is not enough, the most generous limit is put on all of the
    routes together, so the stricter ones are not kept. Give the routes one rate and burst, leave limits to the hop behind, or choose a larger plan.
""")  # fmt: skip
RATE_BELOW_RECONNECTS = _remark("rate-below-reconnects", Category.CONNECTION_LIMITS, _W, _CLOUDFLARE, """
    Fewer streams of one address may begin than come back at once.

    Cloudflare restarts its servers when it likes, which ends every stream on them; the clients of an office, or of a mobile network, then come back
    together and from one address. Who is refused with 429 tries again later, or never: an EventSource gives up for good. Raise `limits.burst`.
""")  # fmt: skip
PREFIX_NOT_STRIPPED = _remark("prefix-not-stripped", Category.PROTOCOL_MISMATCH, _E, _CLOUDFLARE, """
    Cloudflare passes the path on as it is, and the spec strips a prefix.

    A rule that rewrites paths would run before all others, which then no longer know the route. The origin gets the whole path, and most likely
    answers 404. Let the origin take it, or put nginx or Envoy behind Cloudflare: `chain: [cloudflare, nginx]`.
""")  # fmt: skip
CORS_LEFT_TO_THE_ORIGIN = _remark("cors-left-to-the-origin", Category.ORIGIN_CHECK, _W, _CLOUDFLARE, """
    Cloudflare's rules cannot answer a CORS preflight.

    Browsers of the origins in `cors` get what the application says. Let it answer, or put nginx or Envoy behind Cloudflare:
    `chain: [cloudflare, nginx]`.
""")  # fmt: skip
QUERY_IN_EDGE_LOGS = _remark("query-in-edge-logs", Category.TOKEN_IN_LOGS, _W, _CLOUDFLARE, """
    A credential travels in the query, and Cloudflare's logs and analytics hold the query.

    No rule takes it out. Whoever may read the zone's logs can use it. Leave `ClientRequestURI` out of Logpush jobs, let such credentials live for
    minutes, or send them in a header or cookie.
""")  # fmt: skip
ORIGINS_NOT_TOLD_APART = _remark("origins-not-told-apart", Category.OPERATIONS, _E, _CLOUDFLARE, """
    Routes of one host lead to different origins, and Cloudflare sends all of them to one.

    The host's DNS record decides where requests go; on Enterprise a rule can choose another host, on the other plans only a port. Give each origin
    a host of its own, write `tunnel: true`, so that cloudflared chooses, or put nginx or Envoy behind Cloudflare: `chain: [cloudflare, nginx]`.
""")  # fmt: skip
ORIGIN_OUT_OF_REACH = _remark("origin-out-of-reach", Category.OPERATIONS, _E, _CLOUDFLARE, """
    The origin has no address on the internet, so Cloudflare cannot reach it.

    A socket, an address of a private network, or a name without a dot is known on your side only. Write `targets: {cloudflare: {tunnel: true}}`, and
    cloudflared carries requests to it; or put a proxy with a public address behind Cloudflare: `chain: [cloudflare, nginx]`.
""")  # fmt: skip
SERVERS_NOT_BALANCED = _remark("servers-not-balanced", Category.SESSION_AFFINITY, _W, _CLOUDFLARE, """
    An upstream has several servers, and nothing here chooses among them.

    Cloudflare takes any address of the host's DNS record, cloudflared the one that its config names: no affinity is kept, no failed server passed
    over, no second one tried. Let nginx or Envoy behind Cloudflare do it: `chain: [cloudflare, nginx]`. Cloudflare's Load Balancing is a
    product of its own, which is not written.
""")  # fmt: skip
ORIGIN_IN_CLEARTEXT = _remark("origin-in-cleartext", Category.HARDENING, _W, _CLOUDFLARE, """
    Between Cloudflare and the origin nothing is encrypted.

    Tokens and prompts cross the internet in the open, behind a padlock. It also needs the zone's SSL mode to be Flexible, which is not
    written. Write the upstream as `https://`, with a certificate of Cloudflare's Origin CA, give the listener of the hop behind `listen.tls`,
    or use `tunnel: true`.
""")  # fmt: skip
ORIGIN_CERTIFICATE_REFUSED = _remark("origin-certificate-refused", Category.HARDENING, _W, _CLOUDFLARE, """
    The origin's certificate is checked otherwise than the spec says.

    Cloudflare trusts public CAs and its own Origin CA, not the one in `tls.ca`, and asks for the host that the client asked for, not for
    `tls.sni`, which only Enterprise can change. A certificate that fails the check is answered with 526. Through a tunnel, cloudflared knows `ca` and
    `sni`, and checks in any case: `verify: false` would let anybody on the way read along, so it is not written. Use a certificate of Cloudflare's
    Origin CA for the hosts of the routes.
""")  # fmt: skip
ERROR_PAGES_REPLACED = _remark("error-pages-replaced", Category.ERROR_PAGE_INJECTION, _I, _CLOUDFLARE, """
    Below Enterprise Cloudflare puts its own page in place of an origin's 502 and 504.

    What the application says about the error is lost; a client that wants JSON has to say so in `Accept`. Answer 500 or 503 instead: these pass
    as they are.
""")  # fmt: skip
ORIGIN_ASKED_TO_COMPRESS = _remark("origin-asked-to-compress", Category.COMPRESSION, _I, _CLOUDFLARE, """
    Cloudflare asks every origin for br or gzip, whatever the client said, and no rule can change that.

    An origin that compresses its own stream holds messages back. Leave the stream's content type out of what the application compresses, let it send
    `Cache-Control: no-transform`, or put nginx or Envoy behind Cloudflare, which do not pass `Accept-Encoding` on for streams.
""")  # fmt: skip
BOT_FIGHT_MODE = _remark("bot-fight-mode", Category.PROTOCOL_MISMATCH, _W, _CLOUDFLARE, """
    Bot Fight Mode of the free plan challenges every client that is a program, and no rule makes an exception.

    SDKs, gRPC clients and servers get a page of HTML and a 403 in place of the stream. Keep it off for a zone with streams; from Pro on Super Bot
    Fight Mode is skipped for them by a rule. The switch is under Security, or `fight_mode` of `cloudflare_bot_management`; it is not written
    here, for it concerns the whole zone.
""")  # fmt: skip
EDGE_NOT_TRUSTED = _remark("edge-not-trusted", Category.FORWARDED_HEADERS, _W, _CLOUDFLARE, """
    A hop stands behind Cloudflare, and trusts no proxy.

    It takes Cloudflare's addresses for those of clients: limits for each client hit everybody at once, and logs show nobody. Write
    Cloudflare's networks, from https://www.cloudflare.com/ips/, into `trusted_proxies`; with a tunnel, the address of cloudflared.
""")  # fmt: skip
CONNECTIONS_NOT_LIMITED = _remark("connections-not-limited", Category.CONNECTION_LIMITS, _I, _CLOUDFLARE, """
    Cloudflare has no limit on connections to an origin.

    `max_connections` of the upstream has no effect, so the origin has to refuse what it cannot bear. nginx or Envoy behind Cloudflare keep it:
    `chain: [cloudflare, nginx]`.
""")  # fmt: skip
