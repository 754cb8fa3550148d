"""A measurement that contradicts what was read, as files to send along with a bug report: what was run, seen, and expected. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from proxycfg import __version__
from proxycfg.measured import Measured
from proxycfg.reports import measured_json, measured_markdown
from proxycfg.timeline import to_lines


def case_of(routes: Sequence[Measured], texts: Mapping[str, str], engine: str) -> dict[str, str]:
    """Path → text of every file of a case; nothing where no measurement contradicts its reading.

    :param texts: the files of the config, by the names under which they were read.
    :param engine: what ran it, with its version, such as ``nginx 1.30.6``.
    """
    wrong = [route for route in routes if route.disagreements]
    if not wrong:
        return {}
    names = _names(texts)
    made = {f"config/{names[name]}": text for name, text in texts.items()}
    for number, route in enumerate(wrong, 1):
        made[f"route-{number}.jsonl"] = to_lines(route.timeline)
    body = {"version": 1, "tool": {"name": "proxycfg", "version": __version__}, **measured_json.render(wrong)}
    made["measured.json"] = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    made["README.md"] = _report(wrong, names, engine)
    return made


def _names(texts: Mapping[str, str]) -> dict[str, str]:
    """Where each file goes, below one folder: never above it, and never over another."""
    made: dict[str, str] = {}
    for name in texts:
        parts = [part for part in PurePosixPath(name.replace("\\", "/")).parts if part not in {"/", "..", "."}]
        path = "/".join(parts) or "config"
        taken = sum(other == path or other.startswith(f"{path}/") for other in made.values())
        made[name] = f"{path}.{taken}" if taken else path
    return made


def _report(wrong: Sequence[Measured], names: Mapping[str, str], engine: str) -> str:
    """What a maintainer wants to know first."""
    properties = list(dict.fromkeys(each.name for route in wrong for each in route.disagreements))
    lines = [
        f"# proxycfg reads {', '.join(f'`{name}`' for name in properties)} otherwise than {engine} does",
        "",
        f"proxycfg {__version__}, {engine}. The proxy is right: what follows was measured on it.",
        "",
        "| file here | as it was read |",
        "| --- | --- |",
        *(f"| `config/{path}` | `{name}` |" for name, path in names.items()),
        "",
        "`route-N.jsonl` is what was seen of each route, `measured.json` the whole result. Look through `config/` for what should not be public.",
        "",
        measured_markdown.render("What was measured", wrong),
    ]
    return "\n".join(lines)
