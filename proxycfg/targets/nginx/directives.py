"""Every directive that nginx has or had, and those of other makers' modules that people meet: where it may stand, its arguments, since when.

The facts are in ``directives.tsv``, one directive a line, made by ``tests/nginx_docs.py`` from nginx's documentation (github.com/nginx/nginx.org)
and from the tables of commands in nginx's source at every release (github.com/nginx/nginx), which wins where they disagree. The directives of
other makers come from the source of their modules; the script lists the repositories, among them OpenResty's, njs, brotli, zstd, ModSecurity,
naxsi, VTS, passenger, RTMP, nchan and Tengine.

One name may be several directives: ``server`` is one in ``http``, one in ``upstream`` and one in ``stream``. Those that share a meaning share an
entry.

The table stays text until somebody asks for a name, which is then found by halving. Measured (CPython 3.11, 2436 lines, medians of 40 new
processes): 1.5 ms to import this module, 0.5 ms to load the table, 0.5 µs to find a name and 5 µs to read its entry. As JSON the table loads in
1.9 ms (3.1 with ``import json``), as a Python dict in 1.1 to 1.4 ms from byte code and in 10 to 38 ms without.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from pathlib import Path
from typing import Literal, cast

from proxycfg.record import record

Merge = Literal["plain", "array", "bitmask", "none"]
"""How an inner level takes over what an outer one says. ``plain``: unless it has its own value; ``array``: unless it has any item of its own;
``bitmask``: the same, for a set of words; ``none``: not at all, which includes directives of one level."""

Version = tuple[int, ...]

CONTEXTS = (
    "main", "events", "http", "server", "if-in-server", "location", "if-in-location", "limit_except", "upstream", "stream", "stream-server",
    "stream-upstream", "mail", "mail-server",
)  # fmt: skip
"""The contexts of nginx's open source."""

FREE_FORM = frozenset(
    {"map", "num_map", "geo", "split_clients", "types", "charset_map", "match", "geoip2", "otel_exporter"}
)
"""Blocks whose lines are data, or words of that block alone, and no directives (``include`` apart)."""

ALSO_ARGUMENTS = frozenset({
    "alias", "break", "buffer", "expires", "gzip", "http", "http2", "if", "imap", "match", "mp4", "proxy", "proxy_protocol", "random", "server",
    "ssl", "state", "status", "stream", "sync", "timeout", "upstream", "uri", "zone",
})  # fmt: skip
"""Names that nginx's documentation also has as arguments, such as ``listen 443 ssl http2`` and ``proxy_next_upstream error timeout``."""

_HTTP = frozenset({"http", "server", "location", "if-in-server", "if-in-location", "limit_except", "upstream"})


@record(frozen=True, slots=True)
class Known:
    """A directive, in the contexts where it means the same."""

    name: str
    modules: tuple[str, ...]
    """As nginx's documentation calls them. ``third-party:NAME`` stands first where nginx's own source does not have the directive (njs, OTel
    and ACME, too, which nginx makes and ships apart), and behind where a module has one of the same name."""
    contexts: frozenset[str]
    """``main``, ``events``, ``http``, ``server``, ``if-in-server``, ``location``, ``if-in-location``, ``limit_except``, ``upstream``, ``stream``,
    ``stream-server``, ``stream-upstream``, ``mail``, ``mail-server``; for some modules ``mgmt``, ``oidc_provider``, ``acme_issuer``, ``rtmp``,
    ``rtmp-server``, ``application``, ``recorder``, ``wasm``."""
    takes_block: bool
    arity: tuple[int, int | None]
    """The fewest and the most arguments, at the newest version; None: no limit."""
    since: Version | None
    """The first mainline release of open source that has it, or for what is sold, the one it is based on; None where a module has versions of
    its own, and where it is not known."""
    removed: Version | None
    """The first release without it."""
    inert: Version | None
    """The first release that takes it with a warning, and does nothing."""
    commercial: bool
    """Whether only NGINX Plus has it."""
    merge: Merge | None
    """None where it is not known: modules by others, and most of what is sold."""
    default: str | None
    """As the documentation of the newest version has it, ``;`` between several."""

    @property
    def third_party(self) -> str:
        """The module that has to be added to nginx for it; empty for nginx's own."""
        first = self.modules[0]
        return first.removeprefix("third-party:") if first.startswith("third-party:") else ""

    def exists_in(self, version: Version) -> bool:
        """Whether that release of nginx has it, with all modules; true where it is not known."""
        return (self.since is None or self.since <= version) and (self.removed is None or version < self.removed)


def known(name: str, context: str | None = None) -> Known | None:
    """The directive of that name, in that context; without one, nginx's own before others, and ``main`` and ``http`` before the rest."""
    for entry in entries(name):
        if context is None or context in entry.contexts:
            return entry
    return None


@cache
def entries(name: str) -> tuple[Known, ...]:
    """All directives of that name, one for each group of contexts."""
    lines = _lines()
    start = f"{name}\t"
    at = bisect_left(lines, start)
    found: list[Known] = []
    while at < len(lines) and lines[at].startswith(start):
        found.append(_read(lines[at]))
        at += 1
    return tuple(found)


def is_directive(name: str) -> bool:
    """Whether the name is any directive's, of nginx or of a module."""
    lines = _lines()
    start = f"{name}\t"
    at = bisect_left(lines, start)
    return at < len(lines) and lines[at].startswith(start)


def opens_line(word: str) -> bool:
    """Whether a word at the start of a line is a directive rather than an argument of the one before, which then lacks its ``;``.

    Only nginx's own in ``http`` and what is in it, and OpenResty's Lua; no name that is an argument, too.
    """
    if word in ALSO_ARGUMENTS:
        return False
    return any(entry.contexts & _HTTP and entry.third_party in {"", "lua"} for entry in entries(word))


def all_names() -> frozenset[str]:
    """Every name."""
    return frozenset(line.partition("\t")[0] for line in _lines())


@cache
def _lines() -> list[str]:
    # Part of the program, as byte code would be; not a file that anybody names.
    lines = Path(__file__).with_name("directives.tsv").read_text(encoding="utf-8").split("\n")
    return lines[2:-1]


def _read(line: str) -> Known:
    name, modules, contexts, arguments, merge, since, until, default = line.split("\t")
    least, _, most = arguments.rstrip("{+").partition("-")
    fate, _, when = until.partition(" ")
    tags = modules.split(",")
    return Known(
        name=name,
        modules=tuple(tag for tag in tags if tag != "commercial"),
        contexts=frozenset(CONTEXTS if contexts == "any" else contexts.split(",")),
        takes_block=arguments.endswith("{"),
        arity=(int(least), None if "+" in arguments else int(most or least)),
        since=_version(since),
        removed=_version(when) if fate == "removed" else None,
        inert=_version(when) if fate == "inert" else None,
        commercial="commercial" in tags,
        merge=cast("Merge | None", merge or None),
        default=default or None,
    )


def _version(text: str) -> Version | None:
    return tuple(int(part) for part in text.split(".")) if text else None
