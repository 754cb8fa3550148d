"""The configs of ``fixtures/specs/*/``: what `generate` makes of each ``routes.yaml`` beside it. ``python -m tests.snapshots`` rewrites them."""

from __future__ import annotations

from pathlib import Path

from proxycfg import specfile
from proxycfg.generate import default_targets, generate
from proxycfg.source import Source
from proxycfg.targets import BY_DEFAULT

SPECS = Path(__file__).parent.parent / "fixtures" / "specs"
CASES = sorted(path.parent.name for path in SPECS.glob("*/routes.yaml"))


def made(case: str) -> dict[str, str]:
    """File name → text of everything that the case makes, and its findings; what is for Cloudflare is made where the case names it."""
    spec = specfile.load(Source("routes.yaml", (SPECS / case / "routes.yaml").read_text()))
    named = ("cloudflare",) if "cloudflare" in default_targets(spec) else ()
    result = generate(spec, (*BY_DEFAULT, *named))
    files = {
        path if path.startswith("cloudflare/") else path.split("/", 1)[1]: text for path, text in result.files.items()
    }
    findings = "".join(f"{finding}\n" for finding in result.findings)
    return {**files, "findings.txt": findings}


def kept(case: str) -> dict[str, Path]:
    """File name → place of every file beside the case's spec."""
    folder = SPECS / case
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return {name: path for name, path in found.items() if name != "routes.yaml"}


def main() -> None:
    """Write every file anew, and delete those that no case makes any more."""
    for case in CASES:
        files = made(case)
        for name, path in kept(case).items():
            if name not in files:
                path.unlink()
        for name, text in files.items():
            (SPECS / case / name).parent.mkdir(parents=True, exist_ok=True)
            (SPECS / case / name).write_text(text)


if __name__ == "__main__":
    main()
