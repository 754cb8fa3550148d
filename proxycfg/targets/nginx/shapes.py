"""Levels that say the same: of the thousands of locations of a large configuration most are written alike, so they are read once.

A :class:`Shape` stands for every level with the same relevant content, above it and in it. Reading works on the shape's ``level``, in which
nothing stands that is left out of the comparison, so that no answer can hang on what two levels of one shape may differ in. What an answer
takes from elsewhere (a server's clients, an upstream, a variable that a ``set`` of that very location makes) is the business of whoever shares it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any

from proxycfg.behavior import Behavior, Between
from proxycfg.targets.nginx.config import Config
from proxycfg.targets.nginx.scope import HANDLERS, Level
from proxycfg.targets.nginx.syntax import Directive

PASSED_OVER = frozenset(
    ("location", "server", "upstream", "include", "listen", "server_name", "root", "alias", "index", "try_files", "set", "error_log", "expires",
     "allow", "deny", "auth_basic", "auth_basic_user_file", "limit_req", "ssl_certificate", "ssl_certificate_key", "ssl_trusted_certificate",
     "ssl_dhparam", "proxy_redirect", "proxy_ssl_name", "proxy_ssl_certificate", "proxy_ssl_certificate_key", "proxy_ssl_trusted_certificate",
     "proxy_cookie_path", "proxy_cookie_domain")
)  # fmt: skip
"""nginx's own directives that differ from site to site and decide no property. ``listen`` counts through the server's clients, ``set`` through
the variables that it makes."""


def _nothing(_: tuple[str, ...]) -> tuple[str, ...]:
    return ()


def _but_the_file(args: tuple[str, ...]) -> tuple[str, ...]:
    """Of ``access_log``: every site has its own file, and what is written there counts."""
    return args if args == ("off",) else ("", *args[1:])


_PARTS: Mapping[str, Callable[[tuple[str, ...]], tuple[str, ...]]] = {
    # Whom they name is compared apart, by what is known of that upstream.
    **dict.fromkeys(HANDLERS, _nothing),
    "access_log": _but_the_file,
    # That it is there counts.
    "return": _nothing,
}
"""What of a directive's arguments counts, where not all of them do."""


class Hanging:
    """A property that hangs on more than the settings: on which of what else, as far as has been seen."""

    __slots__ = ("asked", "name", "read")

    def __init__(self, name: str, read: Callable[[Any], Any], asked: int) -> None:
        """``read`` works it out; ``asked`` is the sum of what it asked for, see :mod:`~proxycfg.targets.nginx.place`."""
        self.name = name
        self.read = read
        self.asked = asked


class Shape:
    """All levels that say the same; ``level`` is a stand-in for them, with the relevant directives of the first one met."""

    __slots__ = ("ends", "level")

    def __init__(self, level: Level) -> None:
        """Nobody has asked for anything yet."""
        self.level = level
        self.ends: list[Level] | None = None
        """The levels whose settings a proxied request can end with; None until somebody has looked."""


class Shapes:
    """The shapes of one http block."""

    def __init__(self, config: Config) -> None:
        """None yet."""
        self.config = config
        self._known: dict[tuple[object, ...], Shape] = {}
        self._numbers: dict[tuple[object, ...], int] = {}
        # What reading finds; one table for all shapes, as most of thousands have a single entry.
        self.properties: dict[tuple[Shape, str, str | None], tuple[dict[str, Between[Any]], list[Hanging]]] = {}
        """By shape, version and protocol: the properties that hang on the settings alone, and the others."""
        self.values: dict[Hashable, Between[Any]] = {}
        """The others' values, by all that they hang on."""
        self.behaviors: dict[Hashable, tuple[Behavior, bool]] = {}
        """By shape, version, protocol and all that the others hang on: the behavior, and whether all of it is understood."""

    def number(self, parts: Iterable[object]) -> int:
        """The same number for parts of something else than a level that are equal but for the places of their directives."""
        known = tuple(Directive if isinstance(part, Directive) else part for part in parts)
        return self._numbers.setdefault(known, len(self._numbers))

    def of(self, level: Level) -> Shape:
        """The shape of a level."""
        if level.shape is not None:
            return level.shape
        if level.above is None or level.above.above is None:
            # There is one main and one http level: nothing to compare them with.
            level.shape = Shape(level)
            return level.shape
        above = self.of(level.above)
        kept = [child for child in level.children if child.name not in PASSED_OVER]
        key: list[object] = [above, level.kind]
        for child in kept:
            name = child.name
            key.append(name)
            if child.block is not None:
                self._add_block(key, child)
            elif name in _PARTS:
                key.append(_PARTS[name](child.args))
            else:
                key.append(child.args)
        known = tuple(key)
        shape = self._known.get(known)
        if shape is None:
            shape = self._known[known] = Shape(Level(level.kind, level.directive, kept, above.level))
        level.shape = shape
        return shape

    def _add_block(self, key: list[object], block: Directive) -> None:
        key.append(block.args)
        for child in self.config.block(block):
            key += (child.name, child.args)
            if child.block is not None:
                self._add_block(key, child)
        key.append(None)
