"""What is in force where: nginx's levels (main, http, server, location, if) and how directives come down through them.

nginx merges from the outside in, module by module. A plain directive of an inner level replaces the outer one; of a list (``proxy_set_header``,
``add_header``, ``error_page`` …) one item of an inner level replaces the whole outer list; ``proxy_pass`` and its kind do not come down at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.syntax import Directive

HANDLERS = (
    "proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass", "tunnel_pass",
)  # fmt: skip
"""The directives that hand a request to an origin; a location has at most one in force."""

STAY = frozenset(
    (*HANDLERS, "return", "rewrite", "set", "if", "break", "try_files", "limit_except", "location", "internal_redirect", "alias", "empty_gif",
     "stub_status", "flv", "mp4", "autoindex_exact_size", "server", "listen", "server_name", "include")
)  # fmt: skip
"""Directives of one level that the levels below do not have."""


class Found(NamedTuple):
    """A directive in force: itself, and how many levels above it was written (0: here)."""

    directive: Directive
    up: int


class Level:
    """One block and what is written directly in it; ``above`` is the block around it.

    ``own`` maps a name to the directives of that name in this block, in the order of the file, includes in place.
    """

    __slots__ = ("above", "directive", "kind", "own")

    def __init__(self, kind: str, directive: Directive | None, children: list[Directive], above: Level | None) -> None:
        """``kind`` is ``main``, ``http``, ``server``, ``location``, ``if`` or ``limit_except``."""
        self.kind = kind
        self.directive = directive
        self.above = above
        self.own: dict[str, list[Directive]] = {}
        for child in children:
            self.own.setdefault(child.name, []).append(child)

    def levels(self) -> Iterator[Level]:
        """This one and those around it, from the inside out."""
        level: Level | None = self
        while level is not None:
            yield level
            level = level.above

    def first(self, name: str) -> Found | None:
        """The plain directive in force. A second one on the same level is an error in nginx; the first counts here."""
        for up, level in enumerate(self.levels()):
            if found := level.own.get(name):
                return Found(found[0], up)
        return None

    def all(self, name: str) -> tuple[list[Directive], int]:
        """The list in force, and how many levels above it was written: that of the nearest level that has any item at all."""
        for up, level in enumerate(self.levels()):
            if found := level.own.get(name):
                return found, up
        return [], 0

    def handler(self) -> Found | None:
        """The directive that hands requests to an origin, written here; in ``if`` and ``limit_except`` also the location's."""
        for up, level in enumerate(self.levels()):
            for name in HANDLERS:
                if found := level.own.get(name):
                    return Found(found[0], up)
            if level.kind not in {"if", "limit_except"}:
                break
        return None


def level_of(config: Config, kind: str, directive: Directive, above: Level | None) -> Level:
    """The level that a block opens."""
    return Level(kind, directive, config.block(directive), above)
