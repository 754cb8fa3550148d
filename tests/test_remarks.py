"""The kinds of findings about a spec: each is made somewhere, explained on a page, and named after what is wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxycfg import remarks
from proxycfg.generate import generate
from proxycfg.remarks import Remark
from proxycfg.reports.json_v1 import finding_to_json
from proxycfg.rules import rules
from proxycfg.targets import TARGETS
from tests.snapshots import CASES, SPECS
from tests.specs import load

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("remark", remarks.remarks().values(), ids=lambda remark: remark.name)
def test_a_page_says_what_is_wrong_and_more(remark: Remark) -> None:
    """One sentence, then what it does and what to write instead."""
    summary, blank, *rest = remark.page.split("\n")

    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", remark.name)
    assert summary.endswith(".")
    assert blank == ""
    assert len(" ".join(rest)) > 15


def test_no_rule_of_lint_has_the_same_name() -> None:
    """Each has the one page of its name."""
    assert not set(remarks.remarks()) & set(rules())


def test_every_kind_is_made_somewhere() -> None:
    """A page that no finding leads to would only take up room."""
    names = [name for name, value in vars(remarks).items() if isinstance(value, Remark)]
    code = "".join(path.read_text() for path in (ROOT / "proxycfg").rglob("*.py"))

    assert [name for name in names if f"remarks.{name}" not in code] == []
    assert len(names) == len(remarks.remarks())


@pytest.mark.parametrize("case", CASES)
def test_a_finding_leads_to_its_page(case: str) -> None:
    """What `docs` says is a file of this repository; the target is one that the page's kind is told of."""
    made = generate(load((SPECS / case / "routes.yaml").read_text()), TARGETS)

    for finding in made.findings:
        assert (ROOT / str(finding_to_json(finding)["docs"])).is_file()
        assert finding.target in remarks.remarks()[finding.rule].targets


@pytest.mark.parametrize("targets", [("nginx",), ("envoy",), ("envoy", "nginx"), ("cloudflare",)])
def test_a_finding_about_the_spec_itself_is_told_once_of_the_first_target(targets: tuple[str, ...]) -> None:
    """Each finding's target is a kind of hop, and one that was asked for."""
    text = "listen: {port: 443}\nupstreams: {a: http://a:1, b: http://b:1}\nroutes: [{path: /, protocol: sse, upstream: a}]"
    found = [finding_to_json(finding) for finding in generate(load(text), targets).findings]

    assert {each["target"] for each in found} <= set(targets)
    # Cloudflare has a certificate of its own.
    for rule in ("upstream-unused", *([] if targets == ("cloudflare",) else ["port-443-without-tls"])):
        assert [targets[0]] == [each["target"] for each in found if each["rule"] == rule]
