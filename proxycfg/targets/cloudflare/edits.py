"""Changes to the text of files of Cloudflare: one literal rewritten, or one rule put behind the last, and nothing else touched.

What is not written where it takes effect, such as a variable's value, a comprehension's rules, or what Terraform has printed, is not edited.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from proxycfg.source import Edit, Source, Span
from proxycfg.targets.cloudflare import hcl
from proxycfg.targets.cloudflare.value import Value, words

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.zone import Rule

_TERRAFORM = (".tf", ".tofu", ".hcl")
_BLANK_OR_COMMENT = re.compile(r"[ \t]*(?:#.*|//.*|/\*(?:(?!\*/).)*\*/[ \t]*)?\r?")


class File:
    """A text that may be edited."""

    def __init__(self, source: Source) -> None:
        """It is looked into when something is to be changed."""
        self.name, self.text = source

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where its lines begin."""
        return hcl.starts_of(self.text)

    @property
    def language(self) -> str:
        """``hcl``, ``json``, ``toml`` or ``yaml``."""
        if self.name.endswith(_TERRAFORM):
            return "hcl"
        ending = self.name.rpartition(".")[2].lower()
        known = {"toml": "toml", "yml": "yaml", "yaml": "yaml", "json": "json", "jsonc": "json"}
        return known.get(ending) or ("json" if self.text.lstrip("\ufeff \t\r\n").startswith(("{", "[")) else "hcl")

    def at(self, line: int, column: int) -> int:
        """The character at a place."""
        return self.starts[line - 1] + column - 1

    def stretch(self, span: Span) -> tuple[int, int]:
        """First and last character of a place, the latter just past it."""
        return self.at(span.line, span.column), self.at(span.end_line, span.end_column)

    def insert(self, at: int, text: str) -> Edit:
        """Put something between two characters."""
        return Edit(hcl.span_of(self.name, self.starts, at, at), text)

    @cached_property
    def items(self) -> frozenset[int]:
        """Where the items of lists begin, in HCL: what stands in a comprehension, or among arguments, is none."""
        found: set[int] = set()
        todo: list[Any] = [hcl.parse(Source(self.name, self.text)).body]
        while todo:
            node = todo.pop()
            if isinstance(node, hcl.Tuple):
                found.update(item.start for item in node.items)
            if isinstance(node, tuple):
                todo += node
        return frozenset(found)


class Files:
    """The texts of a config."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        """``sources`` are those that somebody writes by hand."""
        self._files = {name: File(source) for name, source in sources.items()}

    def rewritten(self, value: Value, new: str | bool) -> Edit | None:  # noqa: FBT001 - a value
        """Write another scalar in place of a literal; None where it is none."""
        file = self._files.get(value.span.file)
        old = words(value)
        if file is None or old is None:
            return None
        first, last = file.stretch(value.span)
        text = file.text[first:last]
        spelled = new if isinstance(new, str) else str(new).lower()
        if text[:1] in {'"', "'"} and text[1:-1] == old:
            return Edit(value.span, f"{text[0]}{spelled}{text[0]}")
        # A name that refers to something is not what it stands for.
        plain = text == old and (file.language == "yaml" or isinstance(new, bool))
        return Edit(value.span, spelled) if plain else None

    def replaced(self, value: Value, new: list[Any]) -> Edit | None:
        """Write another list in place of one of literals; None where it is none, or holds a comment."""
        from proxycfg.targets.cloudflare.layout import flat  # noqa: PLC0415 - see `_laid_out`

        file = self._files.get(value.span.file)
        if file is None:
            return None
        first, last = file.stretch(value.span)
        if not re.fullmatch(r"\[[^#/$%]*\]", file.text[first:last]):
            return None
        return Edit(value.span, json.dumps(new) if file.language == "json" else str(flat(new)))

    def renamed(self, span: Span, old: str, new: str) -> Edit | None:
        """Write another name of an entry."""
        file = self._files.get(span.file)
        if file is None:
            return None
        first, _ = file.stretch(span)
        quote = '"' if file.text.startswith('"', first) else ""
        if not file.text.startswith(f"{quote}{old}{quote}", first):
            return None
        return Edit(
            hcl.span_of(file.name, file.starts, first, first + len(f"{quote}{old}{quote}")), f"{quote}{new}{quote}"
        )

    def above(self, span: Span, line: str) -> Edit | None:
        """Put a line of its own above the one on which a place begins, with its indent."""
        file = self._files.get(span.file)
        if file is None:
            return None
        first = file.at(span.line, 1)
        margin = file.text[first : file.at(span.line, span.column)]
        return None if margin.strip() else file.insert(first, f"{margin}{line}{_ending(file.text)}")

    def behind(self, last: Rule, fields: Mapping[str, Any]) -> Edit | None:
        """Put a rule behind the last of its phase; None where that one stands in no list."""
        span = last.body.span
        file = self._files.get(span.file)
        if file is None:
            return None
        first, end = file.stretch(span)
        start, ending = file.at(span.line, 1), _ending(file.text)
        margin = file.text[start:first]
        alone = not margin.strip()
        rest = file.text[end : file.text.find("\n", end) if "\n" in file.text[end:] else len(file.text)]
        if file.language == "hcl" and re.match(r"rules\s*\{", file.text[first:]):
            if not alone or not _BLANK_OR_COMMENT.fullmatch(rest):
                return None
            return file.insert(end + len(rest.rstrip("\r")), f"{ending}{_laid_out(fields, 'block', margin, ending)}")
        in_list = first in file.items if file.language == "hcl" else _in_list(file.text[:first])
        if file.language not in {"hcl", "json"} or not in_list:
            return None
        if not alone:
            return file.insert(end, f", {_laid_out(fields, file.language, None, ending)}")
        new = f"{ending}{margin}{_laid_out(fields, file.language, margin, ending)}"
        comma = re.match(r"[ \t]*,", rest)
        if comma is None:
            return file.insert(end, f",{new}")
        if not _BLANK_OR_COMMENT.fullmatch(rest[comma.end() :]):
            return None
        return file.insert(end + len(rest.rstrip("\r")), f"{new},")


def _ending(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _in_list(before: str) -> bool:
    """Whether what stands behind a text of JSON is an item of a list: what else an object stands behind is a colon."""
    bare = re.sub(r"//[^\n]*$|/\*(?:(?!\*/).)*\*/\s*$", "", before.rstrip()).rstrip()
    return bare.endswith(("[", ","))


def _laid_out(fields: Mapping[str, Any], language: str, margin: str | None, ending: str) -> str:
    """A rule, all but the margin of its first line; on one line where there is no margin."""
    # Jinja is dear, and a rule is seldom added.
    from proxycfg.targets.cloudflare.layout import attributes, blocks, flat  # noqa: PLC0415

    if language == "json":
        text = json.dumps(fields, indent=None if margin is None else 2, ensure_ascii=False)
    elif margin is None:
        text = str(flat(fields))
    elif language == "block":
        text = "\n".join(["rules {", *blocks(fields, 2), "}"])
        return ending.join(f"{margin}{line}" for line in text.split("\n"))
    else:
        text = "\n".join(["{", *attributes(fields, 2), "}"])
    return f"{ending}{margin or ''}".join(text.split("\n"))
