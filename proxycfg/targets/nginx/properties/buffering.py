"""What is held back, looked through or kept on its way: buffers, filters, compressors, stores, error pages, logs."""

from __future__ import annotations

import re
from collections.abc import Iterator

from proxycfg.behavior import EITHER, NO, TRANSPORTS, YES, Between, Transports
from proxycfg.reading import Evidence
from proxycfg.targets.nginx.place import BUFFERED_MODULES, Found, Place, remembered, size
from proxycfg.targets.nginx.syntax import Directive


def response_buffering(place: Place) -> Found:
    """``proxy_buffering`` and its kind; gRPC is never buffered."""
    return place.buffered


def stalls_on(place: Place) -> Found:
    """Where small events wait: in a buffer for an origin that does not chunk, in a compressor, in the TLS layer of an HTTP/1.1 client.

    Unbuffered, each read is flushed through everything; only filters that look for text, or for whole documents, still hold some back.
    """
    served = place.clients.transports
    buffered, why = place.buffered
    surely: Transports = frozenset()
    perhaps: Transports = frozenset()
    if buffered.high:
        surely, perhaps, why = _held_when_buffered(place, why)
        if not buffered.low:
            surely = frozenset()
        if not perhaps & served.high:
            why = place.http_version[1]
    low, high, filtered_by = _held_by_filters(place)
    if filtered_by is not None:
        surely, perhaps, why = surely | low, perhaps | high, place.why(filtered_by)
    return Between(surely & served.low, perhaps & served.high), why


def _held_when_buffered(place: Place, why: Evidence) -> tuple[Transports, Transports, Evidence]:
    compressed, compressed_by = compression(place)
    if compressed.low or place.module != "proxy":
        return TRANSPORTS, TRANSPORTS, compressed_by if compressed.low else why
    version, version_by = place.http_version
    tls = frozenset({"http/1.1+tls"})
    surely, perhaps = (TRANSPORTS if version.high == "1.0" else tls), (TRANSPORTS if version.low == "1.0" else tls)
    if version.low == "1.0" and why.kind == "default":
        why = version_by
    if compressed.high:
        perhaps, why = TRANSPORTS, compressed_by
    limited_by = throttled(place, _SLOW)
    if limited_by is not None and perhaps != TRANSPORTS:
        perhaps, why = TRANSPORTS, place.why(limited_by)
    corked_by = _corked(place)
    if corked_by is not None and perhaps != TRANSPORTS:
        perhaps, why = TRANSPORTS, place.why(corked_by)
    return surely, perhaps, why


def _corked(place: Place) -> Directive | None:
    """The ``tcp_nopush`` under which events that are stored first go out 200 ms late: from a file, by ``sendfile``, behind the kernel's cork.

    Measured on 1.22 and 1.26 with ``proxy_store``; a response that is put into a cache takes the same way (``ngx_event_pipe.c``: ``cacheable``).
    """
    store = place.line("proxy_store") if place.module == "proxy" else None
    stored = store is not None and store.args[:1] != ("off",)
    if (stored or caching(place)[0].high) and place.flag("sendfile")[0].high and place.flag("tcp_nopush")[0].high:
        return place.line("tcp_nopush")
    return None


_SLOW = 4096
"""Bytes a second: below it, events of some ten bytes each may wait for their turn."""


def throttled(place: Place, rate: int, *names: str) -> Directive | None:
    """The limit that may keep answers below a rate."""
    for name in names or ("limit_rate", f"{place.module}_limit_rate"):
        line = place.line(name)
        if line is not None and line.args and 0 < (size(line.args[0]) or (line.args[0].startswith("$") and 1)) < rate:
            return line
    return None


def _held_by_filters(place: Place) -> tuple[Transports, Transports, Directive | None]:
    """What holds a stream back although it is not buffered, surely and perhaps."""
    perhaps: Directive | None = None
    for line, certain, types in _filters(place):
        typed = place.typed(types) if types else YES
        if typed.low and certain:
            return TRANSPORTS, TRANSPORTS, line
        if typed.high:
            perhaps = perhaps or line
    return frozenset(), TRANSPORTS if perhaps else frozenset(), perhaps


def _filters(place: Place) -> Iterator[tuple[Directive, bool, str]]:
    """The filters that are switched on: the directive, whether it surely holds what it takes, and the list of types that it takes."""
    for line in place.lines("sub_filter"):
        wanted = line.args[0] if line.args else ""
        # The end of an event is kept while it might be the beginning of what is looked for.
        if any(each in wanted for each in "\n\r$"):
            yield line, wanted.startswith("\n"), "sub_filter_types"
    for name, off, types in _WHOLE_BODY:
        whole = place.line(name)
        if whole is not None and whole.args and whole.args[0] not in off:
            yield whole, True, types
    for name in sorted(_PERHAPS_WHOLE_BODY.intersection(place.force)):
        line = place.force[name][0]
        if not line.args or line.args[0].lower() not in {"off", "unplug"}:
            yield line, False, ""


_WHOLE_BODY = (
    ("image_filter", {"off"}, ""),
    ("xslt_stylesheet", set[str](), "xslt_types"),
    ("add_before_body", {""}, "addition_types"),
)
"""Filters that hold back whole bodies: name, arguments that switch it off, the list of its types."""


_PERHAPS_WHOLE_BODY = frozenset(
    ("body_filter_by_lua", "body_filter_by_lua_block", "body_filter_by_lua_file", "js_body_filter", "modsecurity", "ModSecurityEnabled",
     "coraza", "pagespeed", "subs_filter", "replace_filter", "security_headers_body", "perl_body_filter")
)  # fmt: skip
"""Filters of third parties, and programs, that may."""


def request_buffering(place: Place) -> Found:
    """``proxy_request_buffering``; off, a body of unknown length, as a stream's is, still waits where the origin could not take its chunks."""
    early, early_by = reads_first(place)
    if early_by is not None:
        return early, place.why(early_by)
    if place.module not in BUFFERED_MODULES:
        return NO, place.hard_wired
    on, why = place.flag(f"{place.module}_request_buffering")
    if on.low:
        return on, why
    for line in (*place.lines("proxy_set_body"), *place.lines(f"{place.module}_pass_request_body")):
        if line.name.startswith(place.module) and (line.name == "proxy_set_body" or line.args == ("off",)):
            return YES, place.why(line)
    version, version_by = place.http_version
    if place.module in {"uwsgi", "scgi"} or version.high == "1.0":
        return YES, version_by
    if version.low == "1.0" and place.module == "proxy":
        return EITHER, version_by
    for line in _firewalls(place):
        return EITHER, place.why(line)
    return on, why


def _firewalls(place: Place) -> Iterator[Directive]:
    """Third parties' filters that read whole requests if they are told to."""
    for name in ("modsecurity", "ModSecurityEnabled", "coraza"):
        line = place.line(name)
        if line is not None and line.args != ("off",):
            yield line


def reads_first(place: Place) -> tuple[Between[bool], Directive | None]:
    """Whether the body is read before a location's handler asks for it: for a mirror, or because the server says so."""
    mirrored = place.line("mirror")
    if mirrored is not None and mirrored.args != ("off",):
        copied, _ = place.flag("mirror_request_body")
        if copied.high:
            return copied, mirrored
    return _reads_early(place)


def _reads_early(place: Place) -> tuple[Between[bool], Directive | None]:
    """Whether the body is read before a location is even chosen: any text but "" and "0" says so, by nginx's source even ``off``."""
    read_early, decided_by = NO, None
    for line in place.lines("client_body_early_read"):
        for word in line.args:
            values = place.values(word)
            one = (
                EITHER if values is None or word == "off" else Between(not values & {"", "0"}, bool(values - {"", "0"}))
            )
            if one.high:
                read_early, decided_by = read_early.both(one), line
    return read_early, decided_by


@remembered
def compression(place: Place) -> Found:
    """``gzip`` where its types take in the stream's; a compressor of third parties likewise."""
    on, why = place.flag("gzip")
    if on.high:
        typed = place.typed("gzip_types")
        types = place.line("gzip_types")
        why = place.why(types) if types else place.reader.silence("gzip_types")[1]
        if typed.high:
            kept_out = _no_browser(place)
            if kept_out.high:
                why = place.why(place.lines("gzip_disable")[0])
            compressed = Between(on.low and typed.low and not kept_out.high, not kept_out.low)
            if compressed.high:
                return compressed, why
    for name in ("brotli", "zstd"):
        line = place.line(name)
        if line is not None and line.args and line.args[0].lower() == "on":
            typed = place.typed(f"{name}_types")
            if typed.high:
                return typed, place.why(line)
    return NO, why


_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
)


def _no_browser(place: Place) -> Between[bool]:
    """Whether ``gzip_disable`` keeps today's browsers out."""
    patterns = [
        word for line in place.lines("gzip_disable") for word in line.args if word not in {"msie6", "degradation"}
    ]
    if not patterns:
        return NO
    out = [
        any(re.search(pattern, browser, re.IGNORECASE) for pattern in map(_or_all, patterns)) for browser in _BROWSERS
    ]
    return Between(all(out), any(out))


def _or_all(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error:
        return ""
    return pattern


@remembered
def caching(place: Place) -> Found:
    """``proxy_cache`` or ``proxy_store``; an unbuffered answer is never stored in a cache."""
    line = store_line(place)
    if line is None:
        off = place.line(f"{place.module}_cache") or place.line(f"{place.module}_store")
        if off is not None:
            return NO, place.why(off)
        return NO, place.reader.silence(f"{place.module}_cache")[
            1
        ] if place.module in BUFFERED_MODULES else place.hard_wired
    buffered, buffered_by = place.buffered
    if not buffered.high:
        return NO, buffered_by
    if line.name.endswith("_store"):
        return buffered, place.why(line)
    stored = zone_of(place, line)
    kept, kept_by = _kept(place)
    if not kept.high or not stored.high:
        return NO, place.why(kept_by or line)
    return Between(stored.low and buffered.low and kept.low, high=True), place.why(line)


def _kept(place: Place) -> tuple[Between[bool], Directive | None]:
    """Whether an answer may go into the cache: a constant ``no_cache`` forbids it, and something must say for how long to keep it."""
    for line in place.lines(f"{place.module}_no_cache"):
        if any("$" not in word and word not in {"", "0"} for word in line.args):
            return NO, line
    ignoring = place.lines(f"{place.module}_ignore_headers")
    ignored = {word.lower() for line in ignoring for word in line.args}
    if place.lines(f"{place.module}_cache_valid") or "cache-control" not in ignored:
        return YES, None
    # Few origins say it otherwise than by Cache-Control.
    return (NO if {"expires", "x-accel-expires"} <= ignored else EITHER), ignoring[0]


def store_line(place: Place) -> Directive | None:
    """The ``*_cache`` or ``*_store`` that is switched on; of both, the one of the inner level, which switches the other off."""
    if place.module not in BUFFERED_MODULES:
        return None
    for level in place.level.levels():
        for name in (f"{place.module}_cache", f"{place.module}_store"):
            found = level.own.get(name)
            if found and found[0].args and found[0] is place.line(name) and found[0].args[0] != "off":
                return found[0]
    return None


def zone_of(place: Place, line: Directive) -> Between[bool]:
    """Whether a ``*_cache`` names a zone: a variable may also say ``off``."""
    values = place.values(line.args[0])
    if values is None:
        return EITHER
    off = values & {"", "off"}
    return Between(low=not off, high=bool(values - off))


def honors_x_accel_buffering(place: Place) -> Found:
    """Unless ``proxy_ignore_headers`` names it; gRPC never looks at it."""
    if place.module not in BUFFERED_MODULES:
        return NO, place.hard_wired
    for line in place.lines(f"{place.module}_ignore_headers"):
        if any(word.lower() == "x-accel-buffering" for word in line.args):
            return NO, place.why(line)
    lines = place.lines(f"{place.module}_ignore_headers")
    return YES, place.why(lines[0]) if lines else place.default(f"{place.module}_ignore_headers: none")


def forwards_x_accel_buffering(place: Place) -> Found:
    """With ``proxy_pass_header``, which wins over ``proxy_hide_header``; or where one is added, which the next hop obeys as well."""
    for line in place.lines(f"{place.module}_pass_header"):
        if line.args and line.args[0].lower() == "x-accel-buffering":
            return YES, place.why(line)
    for line in place.added_headers:
        if line.args and line.args[0].lower() == "x-accel-buffering":
            values = place.values(line.args[1] if len(line.args) > 1 else "")
            if values is None or values - {""}:
                return (EITHER if values is None or "" in values else YES), place.why(line)
    return NO, place.default(f"{place.module}_pass_header: X-Accel-Buffering is hidden")


def query_logged(place: Place) -> Found:
    """Whether a log in force has a format that holds the query."""
    kept, decided_by = place.logged
    return kept, place.why(decided_by) if decided_by else place.default("access_log logs/access.log combined")
