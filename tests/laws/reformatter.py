"""A configuration in another dress: the same to nginx, and hardly a byte the same."""

from __future__ import annotations

import random
import re

from proxycfg.targets.nginx.syntax import Directive, parse

_ORDERED = frozenset(
    {
        "set",
        "rewrite",
        "return",
        "if",
        "break",
        "location",
        "server",
        "include",
        "map",
        "geo",
        "hash",
        "ip_hash",
        "default",
        "allow",
        "deny",
    }
)
"""What nginx takes in the order of the file."""
_DATA = frozenset({"map", "geo", "types", "split_clients"})


class Reformatter:
    """Writes a configuration anew in ways that nginx does not see."""

    def __init__(self, seed: int) -> None:
        """The same seed makes the same text."""
        self.random = random.Random(seed)
        self.files: dict[str, str] = {}

    def run(self, text: str) -> dict[str, str]:
        """The files of the new text, the main one first."""
        main = self.block(parse("nginx.conf", text).directives, shuffled=True)
        return {"nginx.conf": main + self.maybe("\n# the end"), **self.files}

    def maybe(self, text: str) -> str:
        """The text, or nothing."""
        return text if self.random.random() < 0.5 else ""

    def space(self) -> str:
        """What may stand between words."""
        return self.random.choice([" ", " ", "\t", "  ", "\n", "\r\n", "\n  # a comment; with } signs {\n  "])

    def word(self, value: str, *, quoted: bool) -> str:
        """A word in another spelling of the same meaning."""
        if not quoted and re.fullmatch(r"[\w./:=,@*-]+", value):
            return self.random.choice([value, value, f'"{value}"', f"'{value}'"])
        sign = self.random.choice("\"'")
        escaped = (
            value.replace("\\", "\\\\")
            .replace(sign, f"\\{sign}")
            .replace("\n", "\\n")
            .replace("\t", "\\t")
            .replace("\r", "\\r")
        )
        return f"{sign}{escaped}{sign}"

    def directive(self, directive: Directive) -> str:
        """One directive, and what is in it."""
        words = [directive.name if re.fullmatch(r"[\w-]+", directive.name) else self.word(directive.name, quoted=True)]
        if directive.name == "if":
            # Its brackets are part of the words.
            words.append(directive.source.removeprefix("if").strip())
        else:
            words += [self.word(arg, quoted=False) for arg in directive.args]
        head = words[0] + "".join(self.space() + word for word in words[1:])
        if directive.block is None:
            return f"{head}{self.maybe(' ')};"
        inside = self.block(directive.block, shuffled=directive.name not in _DATA)
        return f"{head}{self.maybe(' ')}{{{inside}}}"

    def block(self, directives: list[Directive], *, shuffled: bool) -> str:
        """The directives of one level, perhaps in another order, perhaps in a file of their own."""
        ordered = list(directives)
        if shuffled:
            ordered = self.reordered(ordered)
            names = [directive.name for directive in ordered]
            # What comes once on its level may stand anywhere; items of a list keep their order among themselves.
            loose = [d for d in ordered if names.count(d.name) == 1 and d.name not in _ORDERED]
            fixed = [d for d in ordered if not (names.count(d.name) == 1 and d.name not in _ORDERED)]
            self.random.shuffle(loose)
            ordered = fixed
            for directive in loose:
                ordered.insert(self.random.randint(0, len(ordered)), directive)
        pieces = [self.maybe(self.space()) + self.directive(directive) for directive in ordered]
        if len(pieces) > 1 and self.random.random() < 0.3:
            cut = self.random.randint(0, len(pieces) - 1)
            name = f"part-{len(self.files)}.conf"
            self.files[name] = "".join(pieces[cut:])
            pieces[cut:] = [f" include {name};"]
        return "".join(pieces) + self.space()

    def reordered(self, directives: list[Directive]) -> list[Directive]:
        """Locations and servers in another order: regular expressions keep theirs, and so do the servers of one socket."""
        locations = [d for d in directives if d.name == "location"]
        servers = [d for d in directives if d.name == "server" and d.block is not None]
        sockets = {id(d): [each.args[0] for each in d.block or () if each.name == "listen"] for d in servers}
        moved = {
            "location": self.mixed([(_is_regex(d), d) for d in locations]),
            # One that includes its listeners, or has several, could meet any other.
            "server": self.mixed([(sockets[id(d)][0], d) for d in servers])
            if all(len(each) == 1 for each in sockets.values())
            else servers,
        }
        taken = {name: iter(found) for name, found in moved.items()}
        return [next(taken[d.name]) if d in locations or d in servers else d for d in directives]

    def mixed(self, keyed: list[tuple[object, Directive]]) -> list[Directive]:
        """In any order, but for those of the same key, which keep theirs; without a key none does."""
        slots = [key for key, _ in keyed]
        self.random.shuffle(slots)
        groups: dict[object, list[Directive]] = {}
        for key, directive in keyed:
            groups.setdefault(key, []).append(directive)
        self.random.shuffle(groups.get(None, []))
        queues = {key: iter(group) for key, group in groups.items()}
        return [next(queues[key]) for key in slots]


def _is_regex(location: Directive) -> str | None:
    return "regex" if location.args[0].startswith("~") else None
