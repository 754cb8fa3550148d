"""The house rules, read off the imports: who may know whom, what touches the world, what start-up may cost."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "proxycfg"

SHAPES = {
    "source", "errors", "units", "yamldoc", "behavior", "finding", "protocol", "need", "specmodel", "spec", "target", "template",
    "streams", "note", "rule", "report", "stage", "timeline", "faults", "values", "chain", "stack", "stackmodel",
}  # fmt: skip
"""What things are. Instances (protocols, targets, reports) know shapes; shapes know no instance."""
INSTANCES = ("protocols", "targets", "reports", "rules")
KNOWS_THE_TABLES = {
    "specfile",
    "schema",
    "generate",
    "explain",
    "roots",
    "knowledge",
    "measured",
    "cli",
    "kubernetes",
    "check",
    "lab",
}
"""The modules that put the tables of instances to use."""
TOUCHES_THE_WORLD = {
    "cli",
    "roots",
    "settings",
    "outdir",
    "confdir",
    "template",
    "lab",
    "probes",
    "check",
    "__main__",
    "signals",
}
"""Disk, network, clock and processes: the thin shell. `origin` and `demo` are programs of their own."""
WORLDLY = {"os", "socket", "subprocess", "tempfile", "time", "asyncio", "threading", "shutil", "urllib.request", "http"}


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _modules() -> dict[str, Path]:
    own = (path for path in PACKAGE.rglob("*.py") if not {"origin", "demo"} & set(path.relative_to(PACKAGE).parts))
    return {_name(path): path for path in own}


def _imports(path: Path, *, lazy: bool) -> Iterator[str]:
    """The modules that a file imports at run time; with ``lazy`` also those that its functions import."""
    tree = ast.parse(path.read_text())
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not lazy:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in _modules() else node.module for name in names)
        todo.extend(ast.iter_child_nodes(node))


def _top(module: str) -> str:
    """The first name below the package: ``targets`` of ``proxycfg.targets.nginx.write``."""
    return module.removeprefix("proxycfg.").split(".")[0]


def test_modules_import_each_other_in_one_direction() -> None:
    """No import cycle, so every module can be read, and imported, on its own."""
    graph = {name: {i for i in _imports(path, lazy=False) if i in _modules()} for name, path in _modules().items()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " → ".join([*above[above.index(name) :], name])
        if name not in done:
            for below in graph[name] - {name}:
                visit(below, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("name", sorted(_modules()))
def test_shapes_know_no_instance(name: str) -> None:
    """A shape, or an instance of another kind, never imports a protocol, a target or a report."""
    if _top(name) in KNOWS_THE_TABLES:
        return
    known = {_top(i) for i in _imports(_modules()[name], lazy=True) if i.startswith("proxycfg.")}

    # An idiom speaks of one target's tree.
    allowed = {"targets": {"protocols", "targets"}, "rules": {"rules", "targets"}}.get(_top(name), {_top(name)})
    assert not known & set(INSTANCES) - allowed


@pytest.mark.parametrize("name", sorted(_modules()))
def test_targets_do_not_know_each_other(name: str) -> None:
    """Each target stands alone, so that one can be read, or removed, without the others."""
    parts = name.split(".")
    if parts[1:2] != ["targets"] or len(parts) < 3:
        return
    others = {i.split(".")[2] for i in _imports(_modules()[name], lazy=True) if i.startswith("proxycfg.targets.")}

    assert others <= {parts[2]}


@pytest.mark.parametrize("name", sorted(_modules()))
def test_only_the_shell_touches_the_world(name: str) -> None:
    """Everything else is a function of its arguments."""
    if _top(name) in TOUCHES_THE_WORLD:
        return

    assert not {i for i in _imports(_modules()[name], lazy=True) if i in WORLDLY or i.split(".")[0] in WORLDLY}


def test_every_shape_exists() -> None:
    """The list above speaks of modules that are there."""
    assert {f"proxycfg.{shape}" for shape in SHAPES} <= set(_modules())


@pytest.mark.parametrize("argument", ["--version", "--help"])
def test_the_commonest_answers_import_nothing(argument: str) -> None:
    """`--version` and `--help` load no module from outside the standard library, nor a heavy one from inside it."""
    code = (
        "import sys; before = set(sys.modules); sys.argv = ['proxycfg', sys.argv[1]]; "
        "from proxycfg.__main__ import main; main(); "
        "print(*sorted({m.split('.')[0] for m in set(sys.modules) - before}), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())

    assert loaded <= {"__future__", "enum", "types", "operator", "functools", "collections", "_operator", "_functools",
                      "_collections", "keyword", "itertools", "reprlib", "_collections_abc", "proxycfg"}  # fmt: skip


@pytest.mark.parametrize("command", [["explain", "--protocol", "sse"], ["lint"]])
def test_reading_a_config_starts_without_what_specs_and_help_need(tmp_path: Path, command: list[str]) -> None:
    """A linter runs at every save: no model of a spec, no YAML, no template and no Typer is loaded to read an nginx config and judge it."""
    config = tmp_path / "nginx.conf"
    config.write_text("events {}\nhttp { server { location / { proxy_pass http://127.0.0.1:1; } } }\n")
    code = (
        "import sys; from proxycfg.cli import run; assert run(sys.argv[1:]) == 0; "
        "print(*sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    run = [sys.executable, "-c", code, *command, str(config)]
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path)

    dear = {"pydantic", "yaml", "jinja2", "markupsafe", "rich", "typer", "click", "dataclasses", "inspect"}
    assert dear & set(done.stderr.split()) == set()
