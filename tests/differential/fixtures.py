"""Disagreements, shrunk to the smallest config that still shows them, and kept: what the proxy did is the law from then on."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from proxycfg.behavior import FOREVER
from proxycfg.lab.bench import Ask
from proxycfg.lab.probe import AtLeast, Within
from tests.differential.asks import End, Prediction
from tests.differential.lab import Check, Lab, agrees
from tests.differential.proxy import Proxy


@dataclass(frozen=True)
class Fixture:
    """A config, a request, a property (or ``location``), and what came of it on each version."""

    name: str
    text: str
    what: str
    ask: Ask
    protocols: dict[str, str]
    measured: dict[str, Any]


def load(proxy: Proxy[Any]) -> list[Fixture]:
    """All that are kept of a proxy."""
    return [_load(proxy, folder) for folder in sorted(proxy.kept.glob("*")) if (folder / "expected.json").exists()]


def _load(proxy: Proxy[Any], folder: Path) -> Fixture:
    told = json.loads((folder / "expected.json").read_text())
    ask = Ask(**{**told["ask"], "headers": tuple(tuple(pair) for pair in told["ask"]["headers"])})
    measured = {version: _decoded(told["what"], value) for version, value in told["measured"].items()}
    return Fixture(folder.name, (folder / proxy.file).read_text(), told["what"], ask, told["protocols"], measured)


def holds(proxy: Proxy[Any], fixture: Fixture, version: str) -> tuple[bool, Any]:
    """Whether proxycfg predicts what was measured on a version, and what it predicts."""
    prediction = proxy.lab.predict(proxy.parsed(fixture.text, fixture.protocols), version)
    measured = fixture.measured[version]
    if fixture.what == "location":
        end = prediction.follow(fixture.ask)
        return proxy.lab.same(end, measured), end
    route = prediction.route(fixture.ask)
    if not route:
        return False, prediction.follow(fixture.ask)
    predicted = getattr(prediction.behavior(route), fixture.what)
    over = measured if isinstance(measured, frozenset) else frozenset()
    return agrees(fixture.what, predicted, measured, proxy.lab.slack, over), predicted


# ---- shrinking ----


async def shrunk(proxy: Proxy[Any], version: str, seed: int, check: Check) -> str:
    """Shrink one disagreement and keep it; what it came to, in words."""
    async with _lab(proxy, version) as lab:
        config = proxy.make(seed, version)
        if not await _shows(lab, config, check):
            return f"{proxy.name} {version}, seed {seed}: {check.what} does not disagree when measured alone"
        while await proxy.prune(config, partial(_shows, lab, config, check)):
            pass
        measured = await _measured(lab, config, check.what, check.ask)
    slug = re.sub(r"[^a-z0-9]+", "-", f"{check.what}-{version}-{seed}".lower())
    text, protocols = proxy.shown(config)
    _write(proxy, Fixture(slug, text, check.what, check.ask, protocols, {version: measured}))
    return f"{proxy.kept / slug}: {check.what}, predicted {check.predicted}, measured {measured}"


async def _shows(lab: Lab[Any, Any], config: Any, check: Check) -> bool:
    """Whether a config still shows the disagreement; the proxy is only asked where the prediction is still the same."""
    try:
        if _predicted(lab.predict(config, lab.version), check) != check.predicted:
            return False
        result = await lab.examine(config, 0, only=check.what, asks=(check.ask,))
    except (ValueError, LookupError):
        return False  # what is left is no config
    return any(found.what == check.what for found in result.disagreements)


def _predicted(prediction: Prediction, check: Check) -> Any:
    if check.what == "location":
        end = prediction.follow(check.ask)
        # Places move when lines go.
        return replace(end, place=check.predicted.place)
    route = prediction.route(check.ask)
    return getattr(prediction.behavior(route), check.what) if route else None


async def _measured(lab: Lab[Any, Any], config: Any, what: str, ask: Ask) -> Any:
    result = await lab.examine(config, 0, only=what, asks=(ask,))
    return next((check.measured for check in result.checks if check.what == what), None)


async def remeasure(proxy: Proxy[Any], version: str) -> None:
    """Measure every fixture on a version, and write down what came of it."""
    async with _lab(proxy, version) as lab:
        for fixture in load(proxy):
            measured = await _measured(lab, proxy.parsed(fixture.text, fixture.protocols), fixture.what, fixture.ask)
            if measured is None:
                fixture.measured.pop(version, None)
            else:
                fixture.measured[version] = measured
            _write(proxy, fixture)


@asynccontextmanager
async def _lab(proxy: Proxy[Any], version: str) -> AsyncIterator[Lab[Any, Any]]:
    with tempfile.TemporaryDirectory(prefix="proxycfg-diff-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)  # noqa: ASYNC240 - nothing runs yet
        async with proxy.lab.opened(version, Path(folder)) as lab:
            yield lab


# ---- files ----


def _write(proxy: Proxy[Any], fixture: Fixture) -> None:
    folder = proxy.kept / fixture.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / proxy.file).write_text(fixture.text)
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
