"""The files for Cloudflare, for every fixture and plan, judged by other people's parsers and published schemas."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from proxycfg.behavior import EITHER, NO, YES, Between, exactly
from proxycfg.generate import generate
from proxycfg.need import need_of, shortfalls
from proxycfg.source import Source, Span
from proxycfg.targets.cloudflare import quote
from proxycfg.targets.cloudflare.config import load
from proxycfg.targets.cloudflare.effect import met, possible
from proxycfg.targets.cloudflare.places import Request
from proxycfg.targets.cloudflare.value import Value
from proxycfg.targets.cloudflare.zone import Zone
from tests.targets.cloudflare_files import CASES_AND_PLANS, PLANS, as_api, made, resources, rulesets, spec_of, winner
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
RULES = {
    name.removeprefix("rule."): jsonschema.Draft202012Validator(schema)
    for name, schema in KNOWN.items()
    if name.startswith("rule.")
}


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
            assert [error.message for error in RULES[rule["action"]].iter_errors(rule)] == []


@pytest.mark.parametrize(("case", "plan"), CASES_AND_PLANS)
def test_a_setting_of_the_zone_has_a_value_that_it_can_have(case: str, plan: str) -> None:
    """By the SDK's models, which name every setting; and what only Enterprise has is written there alone."""
    settings = resources(made(case, plan)["cloudflare/main.tf"], "cloudflare_zone_setting").values()
    ids = [body["setting_id"] for body in settings]

    assert len(ids) == len(set(ids))
    assert plan == "enterprise" or not ENTERPRISE_ONLY & set(ids)
    for body in settings:
        jsonschema.validate(body["value"], KNOWN[f"setting.{body['setting_id']}"])


ENTERPRISE_ONLY = {
    "max_upload",
    "origin_error_page_pass_thru",
    "origin_h2_max_streams",
    "proxy_read_timeout",
    "response_buffering",
}


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


# ---- what is meant, and what is told ----

UNDOCUMENTED = {"retries", "retries_non_idempotent", "abort_propagates", "honors_x_accel_buffering", "send_timeout"}
"""What Cloudflare does here is written nowhere, so that the aim leaves it open and there is nothing to tell."""


@pytest.mark.parametrize(("case", "plan"), CASES_AND_PLANS)
def test_where_an_aim_falls_short_of_a_need_it_is_told(case: str, plan: str) -> None:
    """Of every route and property: a finding of its category, of the route or of all; what a hop behind makes good is not asked for."""
    spec = spec_of(case, plan)
    told = generate(spec, ["cloudflare"])
    behind = set() if len(spec.chain) < 2 else BY_THE_HOP_BEHIND
    for route in spec.routes:
        need = need_of(route)
        missed = set(shortfalls(need, told.aims["cloudflare", route.name])) - UNDOCUMENTED - behind
        categories = {
            finding.category
            for finding in told.findings
            if finding.route_path in (None, route.path) or finding.rule in TOLD_ONCE
        }
        regex = {finding.rule for finding in told.findings if finding.route_path == route.path} & {"regex-beyond-plan"}
        assert regex or {name for name in missed if need.wants[name].category not in categories} == set()


TOLD_ONCE = {"origin-asked-to-compress", "grpc-switched-by-hand"}
BY_THE_HOP_BEHIND = {
    "accept_encoding_forwarded",
    "session_affinity",
    "total_timeout",
    "upstream_http_version",
    "retries",
    "compression",
}


@pytest.mark.parametrize(("case", "plan"), CASES_AND_PLANS)
def test_an_aim_is_what_the_files_say(case: str, plan: str) -> None:
    """Read out of the rules again: buffering, compression, cache, timers and sockets of every route."""
    spec = spec_of(case, plan)
    made_ = generate(spec, ["cloudflare"])
    zone = _zone(made_.files)
    switches = {
        body["setting_id"]: body["value"]
        for body in resources(made_.files["cloudflare/main.tf"], "cloudflare_zone_setting").values()
    }
    for route in spec.routes:
        aim = made_.aims["cloudflare", route.name]
        if route.kind == "regex":
            continue
        host = route.hosts[0].replace("*.", "x.").replace("*", "any.example")
        # The path alone, for what is below may be another route's; and no credentials.
        request = Request(
            {
                "http.host": host,
                "http.request.uri.path": quote.paths(route.path.rstrip("/") or "/")[0],
                "http.request.headers.names": ("Accept",),
                "http.request.uri.args": {},
            }
        )
        if winner(spec, host, route.path.rstrip("/") or "/") is not route:
            continue
        body = _set(zone, request, "http_config_settings", "set_config", "response_body_buffering")
        cache = _set(zone, request, "http_request_cache_settings", "set_cache_settings", "cache")
        algorithms = _set(zone, request, "http_response_compression", "compress_response", "algorithms")
        plain = algorithms is not None and [each.text("name") for each in algorithms.items] == ["none"]
        sockets = route.protocol.name == "websocket"

        assert (aim.response_buffering == NO) is (sockets or (body is not None and body.data == "none"))
        assert (aim.compression == NO) is (sockets or plain)
        assert aim.caching == {True: YES, False: NO, None: EITHER}[cache and cache.data]
        assert aim.upgrade == (YES if switches.get("websockets") == "on" else EITHER)
        assert aim.upstream_idle_timeout == (
            exactly(float(switches["proxy_read_timeout"]))
            if "proxy_read_timeout" in switches
            else Between(100.0, 125.0)
        )
        assert aim.error_interception == (NO if switches.get("origin_error_page_pass_thru") == "on" else YES)


def _zone(files: Mapping[str, str]) -> Zone:
    """What the files for the API set up."""
    sources = [Source(path, text) for path, text in files.items() if path.startswith("cloudflare/rulesets/")]
    zones = load(sources).zones if sources else []
    return zones[0] if zones else Zone("", Span.whole("routes.yaml"))


def _set(zone: Zone, request: Request, phase: str, action: str, name: str) -> Value | None:
    """What the rules of a phase surely set for a request; None for nothing."""
    (only,) = possible(met(zone.rules.get(phase, ()), request), action, name)
    return only and only.value
