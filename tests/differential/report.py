"""``docs/differential.md``: what a run has shown."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime

from proxycfg.behavior import properties
from tests.differential.probes import MEASURED_BY
from tests.differential.run import Tally

_REMARKS = {
    "response_buffering": "over HTTP/2 towards the origin only where a client comes over TLS and HTTP/1.1: frames are passed on either way",
    "stalls_on": "not over HTTP/3, which the images' builds have but no client here speaks",
    "connect_timeout": "towards a listener whose queue is full; values above 75 s are only seen to be longer than that",
    "upstream_idle_timeout": "values above 75 s are only seen to be longer than that",
    "client_idle_timeout": "uploads, or the socket where a route is declared a WebSocket; values above 75 s are only seen to be longer than that",
    "send_timeout": "values above 75 s are only seen to be longer than that",
    "total_timeout": "nothing cuts a stream that talks, for 75 s",
    "request_body_limit": "by announced length, where a request comes straight to its location",
    "session_affinity": "groups of several servers; one route of each config",
    "max_streams": "up to 40 streams (scaled down by worker_connections, limit_conn and max_conns), each of another client; one route of a config with one worker, where a request comes straight to its location",
}


def render(tallies: Sequence[Tally], seed: int) -> str:
    """The page."""
    total = sum(tally.configs for tally in tallies)
    lines = [
        "# What nginx does, and what proxycfg says of it",
        "",
        "<!-- Written by `make differential`; do not edit. -->",
        "",
        f"Random configs on real nginx, measured and compared with what proxycfg reads out of them: {total} in all. How each property is measured is in",
        "[decision 0009](decisions/0009-differential.md).",
        "",
        f"`make differential N={max(tally.configs for tally in tallies)} SEED={seed}`, {datetime.now(UTC):%Y-%m-%d}, {_machine()}.",
        "",
        "| version | configs | refused by nginx | routes | comparisons | disagreements | left open | minutes |",
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
        f"| `{name}` | {' | '.join(_cell(tally, name) for tally in tallies)} | {_REMARKS.get(name, '')} |"
        for name in MEASURED_BY
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
