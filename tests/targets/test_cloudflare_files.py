"""The files for Cloudflare, for every fixture and plan, judged by other people's parsers and published schemas."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.targets.cloudflare_files import CASES_AND_PLANS, PLANS, as_api, made, resources, rulesets
from tests.targets.cloudflare_schema import FILE
from tests.targets.terraform_lab import TERRAFORM, provider, validate


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


# ---- published schemas ----

KNOWN = json.loads(FILE.read_text())


def _strange(value: Any, kind: Any, where: str) -> Iterator[str]:
    """What of a value of Terraform its type does not know, or wants and does not find."""
    if isinstance(kind, dict):
        yield from (f"{where}.{name} is not known" for name in value if name not in kind)
        yield from (
            f"{where}.{name} is missing" for name, each in kind.items() if each["required"] and name not in value
        )
        for name in value:
            if name in kind:
                yield from _strange(value[name], kind[name]["type"], f"{where}.{name}")
    elif isinstance(kind, list):
        parts = value.items() if kind[0] == "map" else enumerate(value)
        for name, each in parts:
            yield from _strange(each, kind[1], f"{where}[{name}]")
    elif kind != "dynamic" and not isinstance(value, {"string": str, "bool": bool, "number": int}[kind]):
        yield f"{where} is {value!r}, and no {kind}"


@pytest.mark.parametrize(("case", "plan"), CASES_AND_PLANS)
def test_the_provider_has_every_attribute(case: str, plan: str) -> None:
    """Names, types and what must be there, at every depth: Terraform drops a field of an object that it does not know without a word."""
    text = made(case, plan)["cloudflare/main.tf"]
    for kind in ("cloudflare_ruleset", "cloudflare_zone_setting"):
        for name, body in resources(text, kind).items():
            assert list(_strange(body, KNOWN[kind], name)) == []


def test_the_judge_sees_what_is_not_known() -> None:
    """Each of its complaints."""
    rule = {
        "expression": "true",
        "action_parameters": {"rocket_loder": True, "cache": "no"},
        "ratelimit": {"period": 10},
    }
    found = list(
        _strange({"kind": "zone", "name": "n", "phase": "p", "rules": [rule]}, KNOWN["cloudflare_ruleset"], "r")
    )

    assert found == [
        "r.rules[0].action is missing",
        "r.rules[0].action_parameters.rocket_loder is not known",
        "r.rules[0].action_parameters.cache is 'no', and no bool",
        "r.rules[0].ratelimit.characteristics is missing",
    ]


@pytest.mark.parametrize(("case", "plan"), CASES_AND_PLANS)
def test_the_api_takes_every_rule(case: str, plan: str) -> None:
    """The typed models of its SDK know the fields, their types and their words; no two rules of a phase have one name."""
    for phase, body in rulesets(made(case, plan)).items():
        assert phase in KNOWN["phases"]
        assert set(body) == {"description", "name", "rules"}
        for rule in body["rules"]:
            jsonschema.validate(rule, KNOWN[f"rule.{rule['action']}"])


@pytest.mark.skipif(TERRAFORM is None, reason="no terraform on this machine")
def test_terraform_validates_the_files(tmp_path: Path) -> None:
    """Against the published schema of the provider, variables and all."""
    with provider() as environment:
        for case, plan in CASES_AND_PLANS[:: len(PLANS) + 1]:
            folder = tmp_path / f"{case}-{plan}"
            folder.mkdir()
            for path, text in made(case, plan).items():
                if path.endswith(".tf"):
                    (folder / Path(path).name).write_text(text)

            assert validate(folder, environment) == []
        (folder / "main.tf").write_text((folder / "main.tf").read_text().replace("setting_id", "setting"))

        assert validate(folder, environment) != []
