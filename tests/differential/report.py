"""The page of a proxy, such as ``docs/differential.md``: what a run has shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from proxycfg.behavior import properties
from tests.differential.proxy import Proxy
from tests.differential.run import Tally


def render(proxy: Proxy[Any], tallies: Sequence[Tally], seed: int) -> str:
    """The page."""
    total = sum(tally.configs for tally in tallies)
    lines = [
        f"# What {proxy.title} does, and what proxycfg says of it",
        "",
        "<!-- Written by `make differential`; do not edit. -->",
        "",
        f"Random configs on real {proxy.title}, measured and compared with what proxycfg reads out of them: {total} in all. How each property is measured is in",
        "[decision 0009](decisions/0009-differential.md).",
        "",
        f"`make differential {f'ENGINE={proxy.name} ' if proxy.name != 'nginx' else ''}N={max(tally.configs for tally in tallies)} SEED={seed}`, {datetime.now(UTC):%Y-%m-%d}, {_machine()}.",
        "",
        f"| version | configs | refused by {proxy.title} | routes | comparisons | disagreements | left open | minutes |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for tally in tallies:
        hedged = sum(tally.hedged.values()) / max(1, tally.routes * len(properties()))
        lines.append(
            f"| {tally.version} | {tally.configs} | {tally.rejected.total()} | {tally.routes} | {tally.measured.total()} | "
            f"{len(tally.wrong) + len(tally.crashes) + len(tally.failures)} | {hedged:.2%} | {tally.seconds / 60:.1f} |"
        )
    lines += [
        "",
        "*Left open* is the share of all values, of every property of every route, that are a range. Refused configs are not counted as configs.",
        "Each cell below has the comparisons, how many of them disagreed if any did, and the share of routes on which the property was left open.",
        "",
        f"| property | {' | '.join(tally.version for tally in tallies)} | measured |",
        f"| --- |{' --- |' * len(tallies)} --- |",
        f"| *location* | {' | '.join(_cell(tally, 'location') for tally in tallies)} | where a request ends, and who answers it |",
    ]
    lines += [
        f"| `{name}` | {' | '.join(_cell(tally, name) for tally in tallies)} | {proxy.remarks.get(name, '')} |"
        for name in proxy.lab.kit.measured_by
    ]
    lines += ["", *_wrong(tallies)]
    return "\n".join(lines).rstrip() + "\n"


def _cell(tally: Tally, name: str) -> str:
    wrong = sum(check.what == name for _, check in tally.wrong)
    text = str(tally.measured[name])
    if wrong:
        text += f", **{wrong} wrong**"
    share = tally.hedged[name] / max(1, tally.routes)
    return text + (f", {share:.1%} open" if share else "")


def _wrong(tallies: Sequence[Tally]) -> list[str]:
    found = [(tally.version, seed, check) for tally in tallies for seed, check in tally.wrong]
    if not found:
        return []
    lines = [
        "## Disagreements",
        "",
        "| version | seed | what | place | predicted | measured |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {version} | {seed} | {check.what} | {check.place} | `{check.predicted}` | `{check.measured}` |".replace(
            "\n", " "
        )
        for version, seed, check in found
    ]
    return [*lines, ""]


def _machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
