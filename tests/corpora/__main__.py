"""``python -m tests.corpora FOLDER``: check every config below a folder; exit with 1 where something is wrong.

With an ``INDEX.tsv`` in the folder (columns ``repo``, ``commit``, ``path``, ``local``) the files are those that it lists, and counted by
project; a ``#`` in a path stands before the number of a config inside a document or a test. Without one, every file whose name ends in
``.conf`` is read.
"""

# ruff: noqa: T201  # a command: to print is what it is for
from __future__ import annotations

import argparse
import csv
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.corpora.check import Found, check


def main(arguments: list[str] | None = None) -> int:
    """Check them all; the return value is the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpora", description="Configs of other people, checked.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--table", action="store_true", help="a line for each project")
    parser.add_argument("--unknown", type=int, default=40, metavar="N", help="show so many unknown directives")
    options = parser.parse_args(arguments)
    by_project: dict[str, Found] = defaultdict(Found)
    apart: dict[str, set[str]] = defaultdict(set)
    for project, path, root in _files(options.folder):
        found = check(path, root)
        by_project[project].add(found)
        for name in found.unknown:
            apart[name].add(project)
    total = Found()
    for found in by_project.values():
        total.add(found)
    if options.table:
        print("| project | configs | without a syntax problem | routes |\n| --- | ---: | ---: | ---: |")
        for project, found in sorted(by_project.items(), key=lambda pair: (-pair[1].files, pair[0])):
            print(f"| {project} | {found.files} | {found.clean} | {found.routes} |")
    print(
        f"{total.files} configs of {len(by_project)} projects, {total.clean} without a syntax problem, {total.routes} routes"
    )
    print(f"the same as crossplane: {total.compared}")
    for why, count in total.explained.most_common():
        print(f"crossplane's defect, {why}: {count}")
    print(f"directives that the table lacks: {len(total.unknown)}")
    for name, count in Counter(total.unknown).most_common(options.unknown):
        print(f"  {name}  {count} times, {len(apart[name])} projects such as {min(apart[name])}")
    print("\n".join(["wrong:", *total.wrong]) if total.wrong else "nothing wrong")
    return bool(total.wrong)


def _files(folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """The project, the file, and the folder that its includes may lie in."""
    index = folder / "INDEX.tsv"
    if not index.exists():
        for path in sorted(folder.rglob("*.conf")):
            yield folder.name, path, folder
        return
    with index.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            yield row["repo"], Path(row["local"]), folder / row["repo"]


if __name__ == "__main__":
    sys.exit(main())
