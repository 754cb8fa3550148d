"""Disagreements, shrunk to the smallest config that still shows them, and kept: what nginx did is the law from then on."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from proxycfg.behavior import FOREVER
from tests.differential.generator import make
from tests.differential.lab import Check, Lab, agrees, opened, same
from tests.differential.predict import Ask, End, Prediction
from tests.differential.probes import AtLeast, Within
from tests.differential.tree import Config, Node, parsed

FOLDER = Path(__file__).parents[2] / "fixtures" / "differential"


@dataclass(frozen=True)
class Fixture:
    """A config, a request, a property (or ``location``), and what came of it on each version."""

    name: str
    text: str
    what: str
    ask: Ask
    protocols: dict[str, str]
    measured: dict[str, Any]

    def config(self) -> Config:
        """The tree."""
        return parsed({"nginx.conf": self.text}, self.protocols)


def load() -> list[Fixture]:
    """All that are kept."""
    return [_load(folder) for folder in sorted(FOLDER.glob("*")) if (folder / "expected.json").exists()]


def _load(folder: Path) -> Fixture:
    told = json.loads((folder / "expected.json").read_text())
    ask = Ask(**{**told["ask"], "headers": tuple(tuple(pair) for pair in told["ask"]["headers"])})
    measured = {version: _decoded(told["what"], value) for version, value in told["measured"].items()}
    return Fixture(folder.name, (folder / "nginx.conf").read_text(), told["what"], ask, told["protocols"], measured)


def holds(fixture: Fixture, version: str) -> tuple[bool, Any]:
    """Whether proxycfg predicts what was measured on a version, and what it predicts."""
    prediction = Prediction(fixture.config(), version)
    measured = fixture.measured[version]
    if fixture.what == "location":
        end = prediction.follow(fixture.ask)
        return same(end, measured), end
    route = prediction.route(fixture.ask)
    if not route:
        return False, prediction.follow(fixture.ask)
    predicted = getattr(prediction.behavior(route), fixture.what)
    return agrees(
        fixture.what, predicted, measured, measured if isinstance(measured, frozenset) else frozenset()
    ), predicted


# ---- shrinking ----


async def shrunk(version: str, seed: int, check: Check) -> str:
    """Shrink one disagreement and keep it; what it came to, in words."""
    async with _lab(version) as lab:
        config = make(seed, version)
        config.files()
        if not await _shows(lab, config, check):
            return f"nginx {version}, seed {seed}: {check.what} does not disagree when measured alone"
        _inline(config.top)
        while await pruned(config.top, partial(_shows, lab, config, check)):
            pass
        measured = await _measured(lab, config, check.what, check.ask)
    slug = re.sub(r"[^a-z0-9]+", "-", f"{check.what}-{version}-{seed}".lower())
    texts = config.files()
    protocols = {node.place: config.protocols[id(node)] for node in config.walk() if id(node) in config.protocols}
    _write(Fixture(slug, texts["nginx.conf"], check.what, check.ask, protocols, {version: measured}))
    return f"fixtures/differential/{slug}: {check.what}, predicted {check.predicted}, measured {measured}"


def _inline(nodes: list[Node]) -> None:
    """Put what is included in its place."""
    at = 0
    while at < len(nodes):
        node = nodes[at]
        if node.file:
            nodes[at : at + 1] = node.block or []
            continue
        _inline(node.block or [])
        at += 1


async def pruned(nodes: list[Node], shows: Callable[[], Awaitable[bool]]) -> bool:
    """Take away what is not needed to show it, from the outside in and the largest pieces first; whether anything was."""
    before = len(nodes)
    size = (len(nodes) + 1) // 2
    while size:
        for at in range(len(nodes) - size, -size, -size):
            low = max(0, at)
            taken = nodes[low : at + size]
            del nodes[low : at + size]
            if not await shows():
                nodes[low:low] = taken
        size //= 2
    changed = len(nodes) < before
    for node in nodes:
        if node.block:
            changed |= await pruned(node.block, shows)
    return changed


async def _shows(lab: Lab, config: Config, check: Check) -> bool:
    """Whether a config still shows the disagreement; nginx is only asked where the prediction is still the same."""
    try:
        if _predicted(Prediction(config, lab.version), check) != check.predicted:
            return False
    except (ValueError, LookupError):
        return False  # what is left is no config
    result = await lab.examine(config, 0, only=check.what, asks=(check.ask,))
    return any(found.what == check.what for found in result.disagreements)


def _predicted(prediction: Prediction, check: Check) -> Any:
    if check.what == "location":
        end = prediction.follow(check.ask)
        # Places move when lines go.
        return replace(end, place=check.predicted.place)
    route = prediction.route(check.ask)
    return getattr(prediction.behavior(route), check.what) if route else None


async def _measured(lab: Lab, config: Config, what: str, ask: Ask) -> Any:
    result = await lab.examine(config, 0, only=what, asks=(ask,))
    return next((check.measured for check in result.checks if check.what == what), None)


async def remeasure(version: str) -> None:
    """Measure every fixture on a version, and write down what came of it."""
    async with _lab(version) as lab:
        for fixture in load():
            measured = await _measured(lab, fixture.config(), fixture.what, fixture.ask)
            if measured is None:
                fixture.measured.pop(version, None)
            else:
                fixture.measured[version] = measured
            _write(fixture)


@asynccontextmanager
async def _lab(version: str) -> AsyncIterator[Lab]:
    with tempfile.TemporaryDirectory(prefix="proxycfg-diff-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # noqa: ASYNC240 - nothing runs yet
        async with opened(version, Path(folder)) as lab:
            yield lab


# ---- files ----


def _write(fixture: Fixture) -> None:
    folder = FOLDER / fixture.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nginx.conf").write_text(fixture.text)
    told = {
        "what": fixture.what,
        "ask": asdict(fixture.ask),
        "protocols": fixture.protocols,
        "measured": {version: _encoded(value) for version, value in sorted(fixture.measured.items())},
    }
    (folder / "expected.json").write_text(json.dumps(told, indent=2) + "\n")


def _encoded(value: Any) -> Any:
    if isinstance(value, End):
        return {"place": value.place, "proxied": value.proxied, "answer": value.answer}
    if isinstance(value, AtLeast):
        return {"at_least": value.least}
    if isinstance(value, Within):
        return {"within": [round(value.low, 1), round(value.high, 1)]}
    if isinstance(value, frozenset):
        return sorted(value)
    return None if value == FOREVER else value


def _decoded(what: str, value: Any) -> Any:
    if what == "location":
        return End(value["place"], value["proxied"], value["answer"], straight=True)
    if isinstance(value, dict):
        return AtLeast(value["at_least"]) if "at_least" in value else Within(*value["within"])
    if isinstance(value, list):
        return frozenset(value)
    return FOREVER if value is None else value
