"""A spec in, hardened configs out: the verb behind ``proxycfg generate``. Pure: it decides what is written, ``outdir`` writes it."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from proxycfg import __version__
from proxycfg.behavior import Behavior
from proxycfg.collector import held_off
from proxycfg.finding import Finding
from proxycfg.hops import spec_of, unconnected
from proxycfg.mismatch import mismatches
from proxycfg.record import record
from proxycfg.spec import Spec
from proxycfg.targets import BY_DEFAULT, TARGETS, target
from proxycfg.unheeded import unheeded

_CHECKSUM = re.compile(r"^(?:#|//) checksum: ([0-9a-f]{64})\n|; checksum: ([0-9a-f]{64})(?=\",\n)", re.MULTILINE)
HEADING_BYTES = 64 * 1024
"""A heading is no longer than that: it holds the spec's path twice, once quoted, and Linux allows 4 KiB."""
_MADE = "Made by proxycfg "
_COMMENTS = {".js": "//", ".jsonc": "//", ".json": ""}
"""How a comment begins in a file whose name ends so, where not with a number sign; JSON has none, and its heading is its `description`."""


@record(frozen=True, slots=True)
class Generated:
    """What a run of ``generate`` made: path below the output folder → text, findings, and the aim of every (folder, route).

    A target has a folder of its name; where it is several hops of a chain, the others are numbered from 2 on. ``parts`` is what each folder
    has to do of the spec.
    """

    files: Mapping[str, str]
    main: Mapping[str, str]
    findings: tuple[Finding, ...]
    aims: Mapping[tuple[str, str], Behavior]
    parts: Mapping[str, Spec]


def default_targets(spec: Spec) -> tuple[str, ...]:
    """The targets that the spec names in ``targets`` or ``chain``, or those that everybody can run."""
    named = {*spec.targets.model_fields_set, *spec.chain}
    return tuple(name for name in TARGETS if name in named) or BY_DEFAULT


@held_off()
def generate(spec: Spec, targets: Sequence[str], spec_path: str = "") -> Generated:
    """Write the spec for each of the targets: once for each hop of its chain, or for the target alone.

    The same spec, place of the spec, targets and tool version give the same bytes.

    :param targets: at least one. What is the same on all of them is told once, of the first.
    :param spec_path: where the spec lies as seen from the output folder, for the heading of each file; by default beside that folder.
    :raises KeyError: if a target is not in the table.
    """
    files: dict[str, str] = {}
    main: dict[str, str] = {}
    findings: list[Finding] = [
        *unheeded(spec, targets[0]),
        *mismatches(spec, targets[0]),
        *unconnected(spec, targets),
    ]
    aims: dict[tuple[str, str], Behavior] = {}
    parts: dict[str, Spec] = {}
    for folder, name, part in _parts(spec, targets):
        parts[folder] = part
        written = target(name)
        output = written.write(part)
        for index, (path, text) in enumerate(output.files.items()):
            whole = stamp(text, spec, name, f"{written.title} {written.version(spec)}", spec_path, path)
            files[f"{folder}/{path}"] = whole
            if index == 0:
                main[folder] = f"{folder}/{path}"
        findings += output.findings
        aims.update({(folder, route): aim for route, aim in output.aims.items()})
    return Generated(files, main, tuple(sorted(findings, key=lambda finding: finding.order)), aims, parts)


def _parts(spec: Spec, targets: Sequence[str]) -> Iterator[tuple[str, str, Spec]]:
    """What is written: the folder, the target, and what of the spec is its part."""
    for name in targets:
        hops = [hop for hop in spec.hops if hop.target == name]
        for hop in hops:
            yield hop.name, name, spec_of(spec, hop)
        if not hops:
            yield name, name, spec


def stamp(text: str, spec: Spec, name: str, engine: str, spec_path: str = "", path: str = "") -> str:
    """The text below a heading that says what made it, from what, how to make it again, and what it was when made.

    The command is for the output folder itself, so that it can be pasted, and hangs on where the spec lies and on nothing else:
    not on the name of the output folder, nor on where people stood when they made it.

    :param path: of the file; what it ends in decides how a heading is written there.
    """
    seen = spec_path or (spec.source if spec.source == "<stdin>" else f"../{spec.source}")
    source = "".join(c if c.isprintable() else "?" for c in seen)
    argument = "-" if source == "<stdin>" else shlex.quote(f"./{source}" if source.startswith("-") else source)
    made = f"{_MADE}{__version__} from {source} for {engine}. Change the spec, not this file, then run, in the folder above {name}/:"
    command = f"proxycfg generate {argument} --target {name} --out ."
    mark = _COMMENTS.get(PurePath(path).suffix, "#")
    if not mark:
        heading = json.dumps(f"{made} {command} (spec: sha256 {spec.digest}", ensure_ascii=False)[:-1]
        opening, rest = '{\n  "description": ', text.removeprefix("{\n")
        body = f'{opening}{heading})",\n{rest}'
        return f'{opening}{heading}); checksum: {sha256(body)}",\n{rest}'
    heading = f"{mark} {made}\n{mark}   {command}\n{mark} spec: sha256 {spec.digest}\n"
    body = heading + "\n" + text
    return body.replace("\n\n", f"\n{mark} checksum: {sha256(body)}\n\n", 1)


def made_here(text: str) -> bool:
    """Whether a file was generated, whatever happened to it since."""
    beginnings = (f"# {_MADE}", f"// {_MADE}", f'{{\n  "description": "{_MADE}')
    return text.startswith(beginnings) and _CHECKSUM.search(text[:HEADING_BYTES]) is not None


def edited_by_hand(text: str) -> bool:
    """Whether a file that exists differs from what was generated there: it has no checksum, or one that does not fit."""
    found = _CHECKSUM.search(text[:HEADING_BYTES])
    return found is None or (found[1] or found[2]) != sha256(text[: found.start()] + text[found.end() :])


def sha256(text: str) -> str:
    """The checksum of a file with this text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()
