"""A spec in, hardened configs out: the verb behind ``proxycfg generate``. Pure: it decides what is written, ``outdir`` writes it."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from proxycfg import __version__, remarks
from proxycfg.behavior import Behavior
from proxycfg.collector import held_off
from proxycfg.finding import Finding
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
    """What a run of ``generate`` made: path below the output folder → text, findings, and the aim of every (target, route)."""

    files: Mapping[str, str]
    main: Mapping[str, str]
    findings: tuple[Finding, ...]
    aims: Mapping[tuple[str, str], Behavior]


def default_targets(spec: Spec) -> tuple[str, ...]:
    """The targets that the spec names in ``targets`` or ``chain``, or those that everybody can run."""
    named = {*spec.targets.model_fields_set, *spec.chain}
    return tuple(name for name in TARGETS if name in named) or BY_DEFAULT


@held_off()
def generate(spec: Spec, targets: Sequence[str], spec_path: str = "") -> Generated:
    """Write the spec for each of the targets.

    The same spec, place of the spec, targets and tool version give the same bytes.

    :param targets: at least one. What is the same on all of them is told once, of the first.
    :param spec_path: where the spec lies as seen from the output folder, for the heading of each file; by default beside that folder.
    :raises KeyError: if a target is not in the table.
    """
    files: dict[str, str] = {}
    main: dict[str, str] = {}
    findings: list[Finding] = [*unheeded(spec, targets[0]), *_about_the_chain(spec)]
    aims: dict[tuple[str, str], Behavior] = {}
    for name in targets:
        written = target(name)
        output = written.write(spec)
        for index, (path, text) in enumerate(output.files.items()):
            whole = stamp(text, spec, name, f"{written.title} {written.version(spec)}", spec_path, path)
            files[f"{name}/{path}"] = whole
            if index == 0:
                main[name] = f"{name}/{path}"
        findings += output.findings
        aims.update({(name, route): aim for route, aim in output.aims.items()})
    return Generated(files, main, tuple(sorted(findings, key=lambda finding: finding.order)), aims)


def _about_the_chain(spec: Spec) -> list[Finding]:
    """Hops are written side by side so far: whoever names several must connect them, and is told.

    Cloudflare goes to whatever a host's DNS record, or its tunnel, leads to: that is the next hop as well as an origin.
    """
    first = 1 if spec.chain[:1] == ("cloudflare",) else 0
    own = spec.chain[first:]
    if len(own) < 2:  # noqa: PLR2004 - one hop is no chain
        return []
    hops = " → ".join(own)
    return [
        remarks.CHAIN_NOT_CONNECTED.on(
            own[1],
            spec.span_of("chain", first + 1),
            f"the hops {hops} are written side by side: each listens on port {spec.listen.port} and passes to the origins, "
            "not to the next hop",
            "write a spec for each hop: the outer one's upstream is the inner one, and the inner one names the outer one's "
            "network in trusted_proxies",
        )
    ]


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
