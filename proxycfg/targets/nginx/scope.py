"""What is in force where: nginx's levels (main, http, server, location, if) and how directives come down through them.

nginx merges from the outside in, module by module. A plain directive of an inner level replaces the outer one; of a list (``proxy_set_header``,
``add_header``, ``error_page`` …) one item of an inner level replaces the whole outer list; ``proxy_pass`` and its kind do not come down at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.syntax import Directive

if TYPE_CHECKING:
    from proxycfg.targets.nginx.shapes import Shape

HANDLERS = (
    "proxy_pass", "grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "memcached_pass", "tunnel_pass",
)  # fmt: skip
"""The directives that hand a request to an origin; a location has at most one in force."""

STAY = frozenset(
    (*HANDLERS, "return", "rewrite", "set", "if", "break", "try_files", "limit_except", "location", "internal_redirect", "empty_gif",
     "stub_status", "flv", "mp4", "server", "listen", "server_name", "include")
)  # fmt: skip
"""Directives of one level that the levels below do not have."""

_HANDLERS = frozenset(HANDLERS)


class Found(NamedTuple):
    """A directive in force: itself, and how many levels above it was written (0: here)."""

    directive: Directive
    up: int


class Level:
    """One block and what is written directly in it; ``above`` is the block around it.

    ``shape`` is what it has in common with others (:mod:`~proxycfg.targets.nginx.shapes`), once somebody has asked.
    """

    __slots__ = ("_handler", "_in_force", "_looked", "_own", "above", "children", "directive", "kind", "shape")

    def __init__(self, kind: str, directive: Directive | None, children: list[Directive], above: Level | None) -> None:
        """``kind`` is ``main``, ``http``, ``server``, ``location``, ``if`` or ``limit_except``."""
        self.kind = kind
        self.directive = directive
        self.above = above
        self.children = children
        self.shape: Shape | None = None
        self._looked = False
        self._handler: Directive | None = None
        self._own: dict[str, list[Directive]] | None = None
        self._in_force: dict[str, list[Directive]] | None = None

    @property
    def own(self) -> dict[str, list[Directive]]:
        """Name → the directives of that name in this block, in the order of the file, includes in place."""
        if self._own is None:
            own: dict[str, list[Directive]] = {}
            for child in self.children:
                if child.name in own:
                    own[child.name].append(child)
                else:
                    own[child.name] = [child]
            self._own = own
        return self._own

    def lines(self, name: str) -> list[Directive]:
        """The directives of that name in this block, for who asks of many levels one thing each: ``own`` is kept."""
        return [child for child in self.children if child.name == name]

    @property
    def in_force(self) -> dict[str, list[Directive]]:
        """Every directive that counts here, by name: for each the list of the nearest level that has any of it.

        The plain merge of all levels above, made once a level; reading many locations is a matter of lookups then. What belongs to one
        level only (``STAY``) is not in it, nor what stands in ``main``, which no location inherits.
        """
        if self._in_force is None:
            above = self.above.in_force if self.above is not None and self.above.kind != "main" else {}
            self._in_force = above | {name: found for name, found in self.own.items() if name not in STAY}
        return self._in_force

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

    def last_handler(self) -> Directive | None:
        """The directive written here that hands requests to an origin; of several the last counts, as each sets the same pointer in nginx."""
        if not self._looked:
            self._looked = True
            self._handler = next((child for child in reversed(self.children) if child.name in _HANDLERS), None)
        return self._handler

    def handler(self) -> Found | None:
        """The directive that hands requests to an origin, written here; in ``if`` and ``limit_except`` also the location's."""
        for up, level in enumerate(self.levels()):
            found = level.last_handler()
            if found is not None:
                return Found(found, up)
            if level.kind not in {"if", "limit_except"}:
                break
        return None


def level_of(config: Config, kind: str, directive: Directive, above: Level | None) -> Level:
    """The level that a block opens."""
    return Level(kind, directive, config.block(directive), above)
