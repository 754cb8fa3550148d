"""What writing for Cloudflare costs, and reading it: a little more for each route and file, and no more than that."""

from __future__ import annotations

from pathlib import Path

from proxycfg.generate import generate
from proxycfg.lint import Options, lint
from proxycfg.roots import Search
from proxycfg.rules import rules
from proxycfg.spec import Spec
from proxycfg.targets.cloudflare.scene import scene_of
from tests.bench.readterraform import write_tree
from tests.specs import load
from tests.work import calls


def _spec(routes: int) -> Spec:
    """Streams among others, each below another one, on Enterprise, which has all the rules."""
    lines = (
        f"- {{path: /r{n}{'/x' * (n % 3)}, upstream: a, protocol: {'sse' if n % 2 else 'http'}, heartbeat: 15s, methods: [GET]}}\n"
        for n in range(routes)
    )
    text = "targets: {cloudflare: {plan: enterprise, tunnel: true}}\nhosts: [a.example.com, b.example.com]\nupstreams: {a: https://a.example.com}\n"
    return load(f"{text}routes:\n{''.join(lines)}")


def test_twice_the_routes_are_twice_the_work() -> None:
    """Counted in calls."""
    small, large = (_spec(routes) for routes in (500, 1000))
    generate(small, ["cloudflare"])

    assert calls(lambda: generate(large, ["cloudflare"])) < 2.2 * calls(lambda: generate(small, ["cloudflare"]))


def test_twice_the_zones_of_a_tree_are_twice_the_work(tmp_path: Path) -> None:
    """Searching, parsing, calling modules, evaluating and judging: counted in calls, since a machine that runs tests is busy."""
    options = Options(rules=list(rules().values()), known=tuple(rules()))

    def linted(folder: Path) -> int:
        report = lint(map(scene_of, Search().find([str(folder)]).clouds), options)
        assert not report.errors
        return len(report.findings)

    small, large = (write_tree(tmp_path / str(files), files) for files in (84, 164))

    # Every third zone has a rate that is too low; what the module does to a stream stands in one place.
    assert (linted(small), linted(large)) == (7 + 1, 14 + 1)
    assert calls(lambda: linted(large)) < 2.2 * calls(lambda: linted(small))
