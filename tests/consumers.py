"""What reads our reports, and what runs us in CI, tried for real. ``make consumers`` installs it all and writes ``docs/consumers.md``.

Below ``.interop``, as it comes from package indexes; not a part of ``make all`` therefore. Each trial raises where the consumer is not content.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable
from pathlib import Path

import jsonschema

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".interop" / "consumers"
PAGE = ROOT / "docs" / "consumers.md"
PYTHON_TOOLS = ("sarif-tools==3.0.5", "junitparser==5.0.3", "junit2html==31.1.4", "pre-commit==4.7.0")
SARIF_MULTITOOL = "5.7.0"
BROKEN = """\
events {}
http {
    server {
        listen 80;
        location /events {
            # proxycfg: protocol=sse heartbeat=15s
            proxy_pass http://127.0.0.1:8000;
        }
    }
}
"""
FINDINGS, CLEAN = 1, 0


def run(*command: str | Path, cwd: Path = ROOT, code: int = 0, **more: str) -> str:
    """What a command prints; it must end with that code."""
    environment = {**os.environ, **more}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != code:
        raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def tool(name: str) -> Path:
    """A command of the environment that holds the consumers, and us."""
    return HOME / "bin" / name


def install() -> None:
    """Once; we ourselves anew each time."""
    if not tool("sarif").exists():
        venv.create(HOME, with_pip=True, clear=True)
        run(tool("pip"), "install", "--quiet", *PYTHON_TOOLS)
    if not (HOME / "node_modules").exists():
        run("npm", "install", "--silent", "--prefix", HOME, f"@microsoft/sarif-multitool@{SARIF_MULTITOOL}")
    run(tool("pip"), "install", "--quiet", "--force-reinstall", "--no-deps", ROOT)
    run(tool("pip"), "install", "--quiet", ROOT)


# ---- the reports, of all the configs that prove our rules ----


def report(folder: Path, kind: str) -> Path:
    """All findings in ``fixtures/rules``."""
    path = folder / f"report.{kind}"
    run(tool("proxycfg"), "lint", "fixtures/rules", "--format", kind, "--output", path, code=FINDINGS)
    return path


def sarif_schema(folder: Path) -> str:
    """The schema of OASIS, which the validator ships."""
    schema = HOME / "node_modules/@microsoft/sarif-multitool-linux/sarif-2.1.0.json"
    body = json.loads(report(folder, "sarif").read_text())
    jsonschema.validate(body, json.loads(schema.read_text()))
    return f"valid, {len(body['runs'][0]['results'])} results"


def sarif_multitool(folder: Path) -> str:
    """Microsoft's validator, whose rules say what GitHub wants."""
    path = report(folder, "sarif")
    said = {}
    for rules in ("Sarif", "Ghas"):
        text = run(HOME / "node_modules/.bin/sarif-multitool", "validate", path, "--rule-kind", rules)
        said[rules] = sorted({line.split(": ")[1] for line in text.splitlines() if line.startswith(str(path))})
    # It has no home page to link to.
    assert said == {"Sarif": ["warning SARIF2005"], "Ghas": []}, said
    return "nothing from the rules of GitHub's code scanning; of SARIF's own, that there is no `informationUri`, as there is no home page"


def sarif_tools(folder: Path) -> str:
    """Reads it into tables."""
    path = report(folder, "sarif")
    run(tool("sarif"), "csv", path, "--output", folder / "table.csv")
    rows = len((folder / "table.csv").read_text().splitlines()) - 1
    assert rows == len(json.loads(path.read_text())["runs"][0]["results"])
    return f"a table of {rows} rows"


def junitparser(folder: Path) -> str:
    """Counts as we do."""
    code = "import sys, junitparser as j; x = j.JUnitXml.fromfile(sys.argv[1]); print(x.tests, x.failures, sum(len(list(s)) for s in x))"
    tests, failures, cases = map(int, run(tool("python"), "-c", code, report(folder, "junit")).split())
    found = len(json.loads(report(folder, "json").read_text())["findings"])
    assert (tests, failures) == (cases, found)
    return f"{tests} cases, {failures} of them failed, as many as there are findings"


def junit2html(folder: Path) -> str:
    """Renders it."""
    page = folder / "page.html"
    run(tool("junit2html"), report(folder, "junit"), page)
    assert "sse-response-buffered" in page.read_text()
    return "a page with every finding"


# ---- what runs us ----


def scratch(folder: Path) -> Path:
    """A project with one broken config, under git."""
    project = folder / "project"
    (project / "deploy").mkdir(parents=True)
    (project / "deploy" / "nginx.conf").write_text(BROKEN)
    run("git", "init", "--quiet", ".", cwd=project)
    run("git", "add", "--all", cwd=project)
    return project


def pre_commit(folder: Path) -> str:
    """Both hooks, out of this folder."""
    project = scratch(folder)
    config = project / "deploy" / "nginx.conf"

    def hook(name: str, code: int) -> str:
        return run(tool("pre-commit"), "try-repo", ROOT, name, "--all-files", cwd=project, code=code)

    assert "sse-response-buffered" in hook("proxycfg-lint", FINDINGS)
    # It has changed a file, which pre-commit calls a failure.
    assert "files were modified by this hook" in hook("proxycfg-fix", FINDINGS)
    assert "proxy_buffering off;" in config.read_text()
    assert "Passed" in hook("proxycfg-lint", CLEAN)
    return "`proxycfg-lint` fails a broken config, `proxycfg-fix` repairs it, then the first passes"


def action(folder: Path) -> str:
    """The script of ``action.yml``'s step."""
    project = scratch(folder)
    path = f"{tool('x').parent}:{os.environ['PATH']}"
    given = {
        "PATH": path,
        "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        "INPUT_PATHS": "deploy",
        "INPUT_SARIF": "o.sarif",
    }
    text = run(ROOT / ".ci/lint-action", cwd=project, code=FINDINGS, **given)
    assert "::warning file=deploy/nginx.conf,line=5," in text
    assert "sse-response-buffered" in (folder / "summary.md").read_text()
    assert (project / "o.sarif").exists()
    run(ROOT / ".ci/lint-action", cwd=project, **{**given, "INPUT_ARGS": "--fail-on=never"})
    return "annotations, the job summary and the SARIF file; exit 1, and 0 with `--fail-on=never`"


def image(folder: Path) -> str:
    """The tool's image; ``PYTHON_IMAGE`` is what it is built upon where python:3.13-slim cannot be pulled."""
    project = scratch(folder)
    base = os.environ.get("PYTHON_IMAGE", "python:3.13-slim")
    built = "proxycfg-test/tool"
    run("docker", "build", "--network=host", f"--tag={built}", f"--build-arg=PYTHON={base}", ROOT)
    try:
        lint = ("docker", "run", "--rm", f"--volume={project}:/work:ro", built, "lint", ".")
        assert "sse-response-buffered" in run(*lint, code=FINDINGS)
        assert "Read-only file system; nothing was changed" in run(*lint, "--fix", code=2)
        (project / "deploy" / "nginx.conf").write_text(BROKEN.replace("location", "proxy_buffering off;\n location"))
        run(*lint)
    finally:
        run("docker", "rmi", "--force", built)
    return "findings and exit 1 in a folder that is mounted read-only, and 0 when it is mended; it does not run as root"


TRIALS: tuple[tuple[str, Callable[[Path], str]], ...] = (
    ("the SARIF 2.1.0 schema of OASIS", sarif_schema),
    (f"sarif-multitool {SARIF_MULTITOOL}", sarif_multitool),
    ("sarif-tools 3.0.5", sarif_tools),
    ("junitparser 5.0.3", junitparser),
    ("junit2html 31.1.4", junit2html),
    ("pre-commit 4.7.0", pre_commit),
    ("the step of `action.yml`", action),
    ("`docker build` and `docker run`", image),
)


def main() -> int:
    """Try them all, and write the page; an absent Docker or npm is said."""
    lines = [
        "# Who reads our reports, and runs us",
        "",
        "<!-- Written by `make consumers`; do not edit. -->",
        "",
        "The reports are those of all configs in `fixtures/rules`. GitLab's code quality has no reader that can be installed: `tests/test_lint_reports.py` holds",
        "it against what GitLab's documentation asks for.",
        "",
        "| consumer | what it made of it |",
        "| --- | --- |",
    ]
    install()
    failed = False
    for name, trial in TRIALS:
        if trial is image and shutil.which("docker") is None:
            lines.append(f"| {name} | not tried: there is no Docker |")
            continue
        with tempfile.TemporaryDirectory() as folder:
            try:
                lines.append(f"| {name} | {trial(Path(folder))} |")
            except AssertionError as problem:
                failed = True
                sys.stderr.write(f"{name}: {problem}\n")
    PAGE.write_text("\n".join(lines) + "\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
