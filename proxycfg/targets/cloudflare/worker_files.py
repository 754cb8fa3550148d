"""What is known of a Worker: its settings, and what its source does with an answer, as far as its words show it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from proxycfg.targets.cloudflare import hcl

if TYPE_CHECKING:
    from proxycfg.source import Source, Span
    from proxycfg.targets.cloudflare.value import Value

_MAIN = re.compile(r"""(?m)^[ \t]*["']?main["']?[ \t]*[=:][ \t]*["']([^"'\n]+)["']""")
_FETCHED = re.compile(r"\b(?:const|let|var)\s+(\w{1,60})\s*=\s*await\s+(?:[\w.]{1,60}\.)?fetch\s*\(")
_READ = re.compile(
    r"\b(?:const|let|var)\s+(\w{1,60})\s*=\s*await\s+(\w{1,60})\.(text|json|arrayBuffer|blob|formData)\(\)"
)
_PUMPED = re.compile(r"waitUntil\(\s*[^;]{0,300}?\.pipeTo\(")
_STREAMS = "text/event-stream"


class Worker(NamedTuple):
    """A Worker's settings, and its source where that lies beside them."""

    settings: Value
    source: Source | None

    @property
    def streams(self) -> bool:
        """Whether its source speaks of event streams."""
        return self.source is not None and _STREAMS in self.source.text


def main_of(text: str) -> str:
    """The path of the source that settings name, relative to them; empty if they name none."""
    found = _MAIN.search(text)
    return found[1] if found else ""


def collected(source: Source) -> Iterator[tuple[str, Span]]:
    """Where the whole of an answer is read, to be put into another one.

    A source that passes such an answer's body on elsewhere knows which answers stream, and reads others.
    """
    fetched = {found[1] for found in _FETCHED.finditer(source.text)}
    fetched = {name for name in fetched if not re.search(rf"\b{name}\.body\b|\breturn\s+{name}\s*;", source.text)}
    starts = hcl.starts_of(source.text)
    for found in _READ.finditer(source.text):
        name, answer, how = found.groups()
        if answer in fetched and re.search(rf"new\s+Response\(\s*(?:JSON\.stringify\(\s*)?{name}\b", source.text):
            yield f"await {answer}.{how}()", hcl.span_of(source.name, starts, found.start(), found.end())


def pumped(source: Source) -> Iterator[Span]:
    """Where a stream is pumped in ``waitUntil``, in a source that does not ask whether the client has left."""
    if "request.signal" in source.text:
        return
    starts = hcl.starts_of(source.text)
    for found in _PUMPED.finditer(source.text):
        yield hcl.span_of(source.name, starts, found.start(), found.start() + len("waitUntil"))
