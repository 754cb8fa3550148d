"""The files for Cloudflare, for every fixture and plan, judged by other people's parsers and published schemas."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.targets.cloudflare_files import CASES_AND_PLANS, as_api, made, resources, rulesets

TERRAFORM = shutil.which("terraform")


@pytest.mark.parametrize(("case", "plan"), CASES_AND_PLANS)
def test_terraform_and_the_api_get_the_same_rules(case: str, plan: str) -> None:
    """Phase by phase, rule by rule; and there is one ruleset a phase, since two overwrite each other."""
    files = made(case, plan)
    ours = resources(files["cloudflare/main.tf"], "cloudflare_ruleset")
    theirs = rulesets(files)

    assert list(ours) == list(theirs)
    for phase, body in theirs.items():
        assert ours[phase]["phase"] == phase
        assert [as_api(rule) for rule in ours[phase]["rules"]] == body["rules"]


@pytest.mark.parametrize(("case", "plan"), CASES_AND_PLANS)
def test_a_rule_has_a_name_of_its_own(case: str, plan: str) -> None:
    """Without a `ref`, editing one rule would make another of each."""
    refs = [rule["ref"] for body in rulesets(made(case, plan)).values() for rule in body["rules"]]

    assert len(refs) == len(set(refs))


@pytest.mark.skipif(TERRAFORM is None, reason="no terraform on this machine")
def test_the_files_are_formatted_as_terraform_has_them(tmp_path: Path) -> None:
    """`terraform fmt -check` finds nothing to change, and so reads every one."""
    for case, plan in CASES_AND_PLANS:
        for path, text in made(case, plan).items():
            if path.endswith(".tf"):
                place = tmp_path / case / plan / Path(path).name
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text)
    command = [str(TERRAFORM), "fmt", "-check", "-diff", "-recursive", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, ""), done.stderr
