"""The example on disk: the starter's chat route on ports of this machine, what is generated from it, and a stock config."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from proxycfg import outdir, specfile
from proxycfg.demo.story import PATH, Story
from proxycfg.generate import generate
from proxycfg.source import Source
from proxycfg.starter import starter
from proxycfg.template import Quoted, environment

if TYPE_CHECKING:
    from proxycfg.certificate import Files


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where everybody listens, on 127.0.0.1."""

    origin: int
    stock: int
    generated: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The files of one run."""

    folder: Path
    spec: Path
    generated: Path
    stock: Path
    certificate: Path | None


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file."""

    file: Path
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.number}"


def write(folder: Path, story: Story, version: str, ports: Ports) -> Example:
    """Write spec, generated config and stock config below ``folder``, for that version of the engine."""
    tls: Files | None = None
    if story.secure:
        from proxycfg import certificate  # noqa: PLC0415 - a cleartext story needs no cryptography

        tls = certificate.make(folder / "tls")
    values = {
        "engine": story.engine,
        "version": version,
        "tls": {"certificate": str(tls.certificate), "key": str(tls.key)} if tls else None,
        "origin": f"http://127.0.0.1:{ports.origin}",
        "host": "127.0.0.1",
        "origin_port": ports.origin,
        "route": Quoted(chat_route()),
    }
    templates = environment("demo", {"quoted": _quoted, "word": _word})
    spec = Source("routes.yaml", templates.get_template("routes.yaml.j2").render(values, port=ports.generated))
    stock = templates.get_template(f"{story.stock_file}.j2").render(values, port=ports.stock)
    made = generate(specfile.load(spec), [story.engine])
    outdir.write(folder, {spec.name: spec.text, f"stock/{story.stock_file}": stock})
    outdir.write(folder / "generated", made.files)
    _let_read(folder)
    return Example(
        folder=folder,
        spec=folder / spec.name,
        generated=folder / "generated" / made.main[story.engine],
        stock=folder / "stock" / story.stock_file,
        certificate=tls.certificate if tls else None,
    )


def chat_route() -> str:
    """The chat route of ``proxycfg init``, comments and all."""
    for block in starter().partition("\nroutes:\n")[2].split("\n\n"):
        if f"path: {PATH}\n" in block:
            return block
    raise AssertionError(f"the starter spec has no route {PATH}")


def find_line(file: Path, pattern: str, after: str = "") -> Line | None:
    """The first line that the pattern matches, behind the first one that contains ``after``."""
    lines = file.read_text().splitlines()
    start = next((number for number, text in enumerate(lines) if after in text), 0)
    for number, text in enumerate(lines[start:], start + 1):
        if re.search(pattern, text):
            return Line(file, number, text.strip())
    return None


def _quoted(text: str) -> Quoted:
    """A quoted word: JSON's way is YAML's, and nginx's for text without control characters and dollars, as paths of ours are."""
    return Quoted(json.dumps(text, ensure_ascii=False))


def _word(text: str) -> Quoted:
    """The same without quotes where nobody would write them by hand."""
    return Quoted(text) if re.fullmatch(r"[\w./-][\w./:-]*", text, re.ASCII) else _quoted(text)


def _let_read(folder: Path) -> None:
    """Let the engine read everything, whoever it runs as; the key is good for a day, and for this address alone."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
