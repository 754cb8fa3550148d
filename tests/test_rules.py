"""Every rule is proven by files: a config that fires, what is expected of it, the text after the fix, and one that must stay silent.

``fixtures/rules/<rule>/<target>/`` holds ``bad.conf`` (several: ``bad-*.conf``), ``expected.json`` beside it, ``fixed.conf``
(``fixed-*.conf``, only where the rule has a fix) and ``good.conf`` (``good-*.conf``); for Envoy they end in ``.yaml`` or ``.json``, for
Cloudflare in ``.tf``, ``.yml`` or ``.jsonc``. Of a rule about several hops ``chain/`` holds folders ``bad``, ``good`` and the like, each with
a ``stack.yaml`` and the configs of its hops, the bad ones with ``expected.json``. A first line ``# nginx 1.22``, or ``# envoy 1.36``, says
which version runs it. ``python -m tests.test_rules`` writes what is expected, and what is fixed, anew: look at the difference.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from pathlib import Path

import pytest

from proxycfg import company
from proxycfg.cli.stacks import load_stack
from proxycfg.fix import apply
from proxycfg.knowledge import NOTHING
from proxycfg.lint import Options, lint
from proxycfg.report import Report
from proxycfg.reports.lint_json import report_to_json
from proxycfg.rule import Scene
from proxycfg.rules import load, present, row_of, rules
from proxycfg.rules.index import INDEX
from proxycfg.source import Source
from proxycfg.targets.cloudflare import scene as cloudflare
from proxycfg.targets.cloudflare.config import load as load_cloudflare
from proxycfg.targets.envoy import bootstrap
from proxycfg.targets.envoy import scene as envoy
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.scene import scene_of

FIXTURES = Path(__file__).parent.parent / "fixtures" / "rules"
HEADINGS = ("What it sees", "Why it hurts", "Instead", "When it is fine", "Measured", "Sources")
ENDINGS = {".conf", ".yaml", ".tf", ".yml", ".jsonc"}
BAD = sorted(path for path in FIXTURES.glob("*/*/bad*") if path.suffix in ENDINGS)
GOOD = sorted(path for path in FIXTURES.glob("*/*/good*") if path.suffix in ENDINGS)
BAD_STACKS, GOOD_STACKS = (sorted(FIXTURES.glob(f"*/chain/{kind}*/stack.yaml")) for kind in ("bad", "good"))
NAMES = {
    "nginx": "nginx.conf",
    "envoy": "envoy.yaml",
    "cloudflare": "main.tf",
    ".yml": "config.yml",
    ".jsonc": "wrangler.jsonc",
}


def name_of(path: Path) -> str:
    """A test's name."""
    target = "" if path.parent.name == "nginx" else f"-{path.parent.name}"
    return f"{path.parent.parent.name}{target}/{path.stem}"


def called(path: Path) -> str:
    """What a config is called where it is used."""
    return NAMES.get(path.suffix) or NAMES[path.parent.name]


def seen(path: Path, text: str) -> Scene:
    """A config as the rules see it; the source of a Worker stands beside its settings."""
    target, name = path.parent.name, called(path)
    if target == "envoy":
        return envoy.scene_of(bootstrap.load([Source(name, text)]), None)
    if target == "cloudflare":
        script = path.with_suffix(".js")
        scripts = {name: Source("index.js", script.read_text())} if script.exists() else {}
        return cloudflare.scene_of(load_cloudflare([Source(name, text)], (), scripts))
    version = re.search(r"^# nginx (\S+)$", text, re.MULTILINE)
    return scene_of(load_texts({name: text}, is_directive=opens_line), version[1] if version else None)


def linted(path: Path, text: str) -> Report:
    """What its rule, those that the notes name, and what reviews them say of a config."""
    rule = path.parts[-3]
    named = {name.strip() for names in re.findall(r"ignore\[(.*?)\]", text) for name in names.split(",")} | {rule}
    chosen = [each for each in rules().values() if each.name in named or each.review is not None]
    return lint([seen(path, text)], Options(rules=chosen, known=tuple(rules())))


def linted_stack(path: Path) -> Report:
    """What its rule says of a stack."""
    # Places are told as seen from its folder, wherever the tests run.
    with contextlib.chdir(path.parent):
        scene = company.scene_of(*load_stack(path.name), NOTHING)
    return lint([scene], Options(rules=[rules()[path.parts[-4]]], known=tuple(rules())))


def expectation(report: Report) -> list[dict[str, object]]:
    """The findings without what follows from the rule alone."""
    findings = report_to_json(report)["findings"]
    assert isinstance(findings, list)
    return [{key: value for key, value in finding.items() if key not in {"docs", "fix"}} for finding in findings]


def fixed(path: Path, text: str) -> str | None:
    """The text after all fixes, safe or not; None if one finding has none."""
    report, name = linted(path, text), called(path)
    fixes = [finding.fix for finding in report.findings]
    if not fixes or any(fix is None for fix in fixes):
        return None
    return apply({name: text}, [fix for fix in fixes if fix is not None]).texts[name]


@pytest.mark.parametrize("rule", sorted(rules()))
def test_a_rule_has_its_page_and_its_proof(rule: str) -> None:
    """A page under the usual headings; a config that fires and one that must not."""
    page = rules()[rule].page
    headings = re.findall(r"^\*\*([^*]+)\.\*\*", page, re.MULTILINE)

    assert list(HEADINGS) == headings
    assert re.fullmatch(r"[A-Z].*\.", rules()[rule].summary)
    for target in rules()[rule].targets or ("nginx",):
        bad = [path.parts[-3:-1] for path in BAD] + [path.parts[-4:-2] for path in BAD_STACKS]
        good = [path.parts[-3:-1] for path in GOOD] + [path.parts[-4:-2] for path in GOOD_STACKS]
        assert (rule, target) in bad, "a bad config that fires"
        assert (rule, target) in good, "a good one that must not"


def test_the_index_says_what_the_rules_say() -> None:
    """So that a rule is asked whenever it has something to look at: `make docs` writes it."""
    assert {name: row_of(load(name)) for name in present()} == INDEX


def test_no_proof_is_left_over() -> None:
    """Every folder belongs to a rule."""
    assert {path.name for path in FIXTURES.iterdir()} == set(rules())


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_a_bad_config_fires_as_expected(path: Path) -> None:
    """All findings, with place, severity and words."""
    report = linted(path, path.read_text())
    expected = json.loads(path.with_name(path.name.replace("bad", "expected")).with_suffix(".json").read_text())

    assert expected
    assert not report.errors
    assert expected == expectation(report)


@pytest.mark.parametrize("path", BAD, ids=name_of)
def test_a_fix_gives_the_expected_text_and_is_needed_once(path: Path) -> None:
    """After it the finding is gone, and a second run changes nothing."""
    result = fixed(path, path.read_text())
    expected = path.with_name(path.name.replace("bad", "fixed"))
    if result is None:
        assert not expected.exists(), "a fixed text of a rule that has no fix"
        return

    assert expected.read_text() == result
    assert [] == expectation(linted(path, result))


@pytest.mark.parametrize("path", GOOD, ids=name_of)
def test_a_good_config_stays_silent(path: Path) -> None:
    """Neither the rule nor those that review it have anything to say."""
    report = linted(path, path.read_text())

    assert not report.errors
    assert [] == expectation(report)


def stack_name(path: Path) -> str:
    """A test's name."""
    return f"{path.parts[-4]}/{path.parts[-2]}"


@pytest.mark.parametrize("path", BAD_STACKS, ids=stack_name)
def test_a_bad_stack_fires_as_expected(path: Path) -> None:
    """All findings, with place, severity and words."""
    report = linted_stack(path)
    expected = json.loads((path.parent / "expected.json").read_text())

    assert expected
    assert not report.errors
    assert expected == expectation(report)


@pytest.mark.parametrize("path", GOOD_STACKS, ids=stack_name)
def test_a_good_stack_stays_silent(path: Path) -> None:
    """The rule has nothing to say."""
    report = linted_stack(path)

    assert not report.errors
    assert [] == expectation(report)


def main() -> None:
    """Write every expectation anew."""
    for path in BAD_STACKS:
        findings = expectation(linted_stack(path))
        (path.parent / "expected.json").write_text(json.dumps(findings, indent=2, ensure_ascii=False) + "\n")
        sys.stdout.write(f"{stack_name(path)}: {len(findings)} findings\n")
    for path in BAD:
        text = path.read_text()
        findings = expectation(linted(path, text))
        expected = path.with_name(path.name.replace("bad", "expected")).with_suffix(".json")
        expected.write_text(json.dumps(findings, indent=2, ensure_ascii=False) + "\n")
        result = fixed(path, text)
        if result is not None:
            path.with_name(path.name.replace("bad", "fixed")).write_text(result)
        sys.stdout.write(f"{name_of(path)}: {len(findings)} findings\n")


if __name__ == "__main__":
    main()
