"""The configs of ``fixtures/specs/*/``: what `generate` makes of each ``routes.yaml`` beside it. ``python -m tests.snapshots`` rewrites them."""

from __future__ import annotations

from pathlib import Path

from proxycfg import specfile
from proxycfg.generate import generate
from proxycfg.source import Source
from proxycfg.targets import TARGETS

SPECS = Path(__file__).parent.parent / "fixtures" / "specs"
CASES = sorted(path.parent.name for path in SPECS.glob("*/routes.yaml"))


def made(case: str) -> dict[str, str]:
    """File name → text of everything that the case makes, and its findings."""
    text = (SPECS / case / "routes.yaml").read_text()
    result = generate(specfile.load(Source("routes.yaml", text)), TARGETS)
    files = {path.split("/", 1)[1]: content for path, content in result.files.items()}
    findings = "".join(f"{finding}\n" for finding in result.findings)
    return {**files, "findings.txt": findings}


def main() -> None:
    """Write every file anew, and delete those that no case makes any more."""
    for case in CASES:
        files = made(case)
        for path in (SPECS / case).iterdir():
            if path.name not in {*files, "routes.yaml"}:
                path.unlink()
        for name, text in files.items():
            (SPECS / case / name).write_text(text)


if __name__ == "__main__":
    main()
