"""Other linters of nginx configs, on what we generate. ``make interop`` installs them and writes ``docs/interop.md``.

Each has an environment of its own, below ``.interop``: both are called ``gixy``. Not a part of ``make all``: they come from a package index.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from proxycfg.source import Source
from proxycfg.specfile import load
from proxycfg.targets.nginx import TARGET
from tests.laws.test_round_trip import LAYOUTS, with_target
from tests.snapshots import SPECS

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".interop"
PAGE = ROOT / "docs" / "interop.md"
VERSIONS = ("1.22", "1.26", "1.30")
FOLLOWED = "1.30 with a resolver"


@dataclass(frozen=True, slots=True)
class Tool:
    """A linter, as the package index has it, and its checks that may speak, each with the reason why nothing is changed for them."""

    name: str
    version: str
    skipped: Mapping[str, str]

    @property
    def program(self) -> Path:
        """Its command."""
        return HOME / self.name / "bin" / "gixy"

    def install(self) -> None:
        """Make its environment, once for each version of it."""
        home = HOME / self.name
        mark = home / self.version
        if not mark.exists():
            venv.create(home, with_pip=True, clear=True)
            pip = [home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, f"{self.name}=={self.version}"], check=True)
            mark.touch()

    def checks(self, config: Path) -> list[str]:
        """The names of the checks that have something to say, once for each place."""
        # It exits with 1 where it found anything.
        ran = subprocess.run([self.program, "-f", "json", config], capture_output=True, text=True, check=False)
        return [finding["plugin"] for finding in json.loads(ran.stdout)]


_ONCE = (
    "nginx looks the name of an origin up when it starts, as `generate` says (`origin-names-resolved-once`); it knows no DNS server by itself. With "
    "`targets: {nginx: {resolver: [127.0.0.11]}}` and nginx 1.27.3 it follows names, and the check is silent. A server that is guessed would be worse: "
    "nginx asks it and nobody else, not even its hosts file, so where it does not answer each request gets 502 (`tests/targets/test_nginx_running.py`). "
    "A variable in `proxy_pass`, which older versions look up each time, takes the group away, and with it balance, affinity and kept connections."
)

TOOLS = (
    Tool(
        "gixy-ng",
        "0.2.59",
        {
            "missing_resolver": _ONCE,
        },
    ),
    Tool(
        "Gixy-Next",
        "0.9.0",
        {
            "proxy_buffering_off": "Streams are what these configs are for.",
            "stale_dns_cache": _ONCE,
        },
    ),
)


def configs() -> Iterator[tuple[str, str, str]]:
    """Version, name and text of everything that is generated from the specs in ``fixtures``, in both layouts; and once more with a DNS server."""
    for path in sorted(SPECS.glob("*/routes.yaml")):
        for version in VERSIONS:
            for layout in LAYOUTS:
                yield version, f"{version}-{layout}-{path.parent.name}.conf", _written(path, version, layout)
        yield (
            FOLLOWED,
            f"{FOLLOWED}-{path.parent.name}.conf",
            _written(path, VERSIONS[-1], "full, resolver: [127.0.0.11]"),
        )


def _written(path: Path, version: str, layout: str) -> str:
    (text,) = TARGET.write(load(Source("routes.yaml", with_target(path.read_text(), version, layout)))).files.values()
    return text


def main() -> int:
    """Run them all, write the page, and fail where a check speaks that is not named above."""
    counts: dict[str, Counter[tuple[str, str]]] = {tool.name: Counter() for tool in TOOLS}
    surprises: list[str] = []
    number: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for tool in TOOLS:
            tool.install()
        for version, name, text in configs():
            number[version] += 1
            config = Path(folder) / name
            config.write_text(text)
            for tool in TOOLS:
                for check in tool.checks(config):
                    counts[tool.name][check, version] += 1
                    if check not in tool.skipped or (version == FOLLOWED and tool.skipped[check] == _ONCE):
                        surprises.append(f"{tool.name} on {name}: {check}")
    PAGE.write_text(_page(counts, number))
    sys.stdout.writelines(f"{line}\n" for line in surprises)
    return 1 if surprises else 0


def _page(counts: Mapping[str, Counter[tuple[str, str]]], number: Mapping[str, int]) -> str:
    lines = [
        "# Other linters on generated configs",
        "",
        "<!-- Written by `make interop`; do not edit. -->",
        "",
        f"Every config that the specs in `fixtures/specs` make, {number[VERSIONS[0]]} for each version of nginx, in both layouts, and {number[FOLLOWED]} with a DNS server",
        "to follow names by. What a check reports and we leave as it is stands here with its reason; anything else fails `make interop`. To run them on yours:",
        "",
        "```console",
        *(f"gixy --skips {','.join(tool.skipped)} nginx.conf    # {tool.name} {tool.version}" for tool in TOOLS),
        "```",
    ]
    for tool in TOOLS:
        lines += [
            "",
            f"## {tool.name} {tool.version}",
            "",
            f"| check | {' | '.join((*VERSIONS, FOLLOWED))} | because |",
            f"| --- | {' | '.join('---:' for _ in (*VERSIONS, FOLLOWED))} | --- |",
        ]
        for check, why in tool.skipped.items():
            found = " | ".join(str(counts[tool.name][check, version]) for version in (*VERSIONS, FOLLOWED))
            lines.append(f"| `{check}` | {found} | {why} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
