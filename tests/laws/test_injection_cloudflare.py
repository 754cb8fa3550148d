"""The law: no value of a spec adds a rule, a field, a condition or code to what is written for Cloudflare, or arrives as another value.

Either the spec is refused, or every expression is made of our fields, functions and operators around literals that are values of the spec, whole;
Terraform reads the very rules that the API gets, and no interpolation; YAML and JSON have our keys around values of the spec. Judges are
python-hcl2, json, PyYAML, Terraform itself for a sample, and for expressions the reader of the Rules language.
"""

from __future__ import annotations

import copy
import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings

from proxycfg.errors import InvalidInput
from proxycfg.generate import generate
from proxycfg.headers import CREDENTIALS
from proxycfg.source import Source
from proxycfg.spec import Spec
from proxycfg.specfile import load
from proxycfg.targets.cloudflare import facts, quote, rules
from proxycfg.targets.cloudflare.rules_language import Among, Call, Compare, Field, Joined, Literal, Not, parse
from tests.laws import test_injection_nginx as nginx
from tests.targets.cloudflare_files import as_api, read_hcl, resources, rulesets
from tests.targets.terraform_lab import TERRAFORM

TUNNEL = {"cloudflare": {"plan": "enterprise", "zone": "example.com", "tunnel": True}}
EDGE = {"cloudflare": {"plan": "enterprise", "zone": "example.com"}}
FIELDS = {name: field for name, field in nginx.FIELDS.items() if name != "version"}
OUR_FIELDS = {
    "http.host", "http.request.uri.path", "http.request.method", "http.request.headers", "http.request.headers.names",
    "http.request.cookies", "http.request.uri.args", "http.response.code",
}  # fmt: skip
OUR_CALLS = {"starts_with", "ends_with", "any", "lower", "len"}
OUR_OPERATORS = {"eq", "in", "matches", "gt"}
OUR_RESOURCES = {"cloudflare_ruleset", "cloudflare_zone_setting"}
OUR_KEYS = {
    "protocol", "grace-period", "no-autoupdate", "originRequest", "ingress", "connectTimeout", "tcpKeepAlive", "disableChunkedEncoding",
    "hostname", "service", "path", "http2Origin", "originServerName", "caPool", "keepAliveConnections",
}  # fmt: skip


def _made(values: Mapping[str, str], targets: dict[str, Any]) -> tuple[Spec, Mapping[str, str]] | None:
    """The spec with these values and its files; None where the spec is refused."""
    data = copy.deepcopy({**nginx.BASE, "targets": targets})
    for field, value in values.items():
        nginx._with(FIELDS[field], value, data)
    try:
        spec = load(Source("routes.yaml", yaml.safe_dump(data, allow_unicode=True, sort_keys=False)))
    except InvalidInput:
        return None
    return spec, generate(spec, ["cloudflare"]).files


def _literals(node: Any) -> Iterator[Any]:
    """The literals of an expression, all else of which is ours."""
    if isinstance(node, Joined):
        assert node.operator in ("and", "or")
        for part in node.parts:
            yield from _literals(part)
    elif isinstance(node, Not):
        yield from _literals(node.inner)
    elif isinstance(node, Compare):
        assert node.operator in OUR_OPERATORS
        yield from _literals(node.value)
        yield from node.operand.items if isinstance(node.operand, Among) else [node.operand.value]
    elif isinstance(node, Call):
        assert node.name in OUR_CALLS
        yield from (step for step in node.way if step != "[*]")
        for argument in node.arguments:
            yield from _literals(argument)
    elif isinstance(node, Field):
        assert node.name in OUR_FIELDS
        yield from (step for step in node.way if step != "[*]")
    else:
        assert isinstance(node, Literal)
        yield node.value


def _values(spec: Spec) -> set[Any]:
    """What literals may be, and nothing else."""
    found: set[Any] = {0, 200, *(name.lower() for name in CREDENTIALS), "origin"}
    for route in spec.routes:
        bare = route.path.rstrip("/") if route.kind == "prefix" else route.path
        found |= {f"^(?:{route.path})$"} if route.kind == "regex" else {*quote.paths(bare), *quote.paths(f"{bare}/")}
        found |= {host.removeprefix("*") for host in route.hosts} | set(route.allowed_methods) | set(route.cors)
        if route.auth:
            found |= {route.auth.name, route.auth.name.lower()}
    return found


def _check(values: Mapping[str, str]) -> bool:
    """Hold the law for these values; whether they were taken at all."""
    made = _made(values, EDGE)
    if made is None:
        return False
    spec, files = made
    main = files["cloudflare/main.tf"]
    assert set(read_hcl(main)) - {"__comments__"} == {"locals", "data", "resource"}
    assert {kind for block in read_hcl(main)["resource"] for kind in block} <= OUR_RESOURCES
    assert [name for name, _ in _settings(main)] == [
        setting.id for setting in rules.settings(spec, facts.PLANS["enterprise"])
    ]
    ours, theirs = resources(main, "cloudflare_ruleset"), rulesets(files)
    allowed = _values(spec)
    for phase, body in theirs.items():
        assert [as_api(rule) for rule in ours[phase]["rules"]] == body["rules"]
        for rule in body["rules"]:
            assert set(_literals(parse(rule["expression"]))) <= allowed
            assert set(rule) <= {"ref", "description", "expression", "action", "action_parameters", "ratelimit"}
    _check_headers(spec, theirs)
    _check_tunnel(values)
    return True


def _settings(main: str) -> list[tuple[str, Any]]:
    return [(body["setting_id"], body["value"]) for body in resources(main, "cloudflare_zone_setting").values()]


def _check_headers(spec: Spec, theirs: Mapping[str, Any]) -> None:
    """Each header that a rule may set arrives as it stands in the spec."""
    for phase, side in (("http_request_late_transform", "request"), ("http_response_headers_transform", "response")):
        set_ = {
            (name, each.get("value"))
            for rule in theirs.get(phase, {}).get("rules", [])
            for name, each in rule["action_parameters"]["headers"].items()
        } - {("Forwarded", None)}
        wanted = {
            (name, value)
            for route in spec.routes
            for name, value in getattr(route.rewrites, side).items()
            if rules.header_kept(side, name, value)
        }
        assert set_ == wanted


def _check_tunnel(values: Mapping[str, str]) -> None:
    made = _made(values, TUNNEL)
    assert made is not None
    spec, files = made
    config = yaml.safe_load(files["cloudflare/cloudflared/config.yml"])
    hosts = {host for route in spec.routes for host in route.hosts}
    upstreams = [upstream.servers[0] for upstream in spec.used_upstreams]
    services = {f"unix:{server.socket}" if server.socket else server.address for server in upstreams}
    files_of = {upstream.tls.ca for upstream in spec.used_upstreams}
    names = {upstream.sni for upstream in spec.used_upstreams}

    def keys(value: Any) -> Iterator[str]:
        for name, each in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            yield from [name] if isinstance(value, dict) else []
            yield from keys(each)

    assert set(keys(config)) <= OUR_KEYS
    assert config["ingress"].pop() == {"service": "http_status:404"}
    for rule in config["ingress"]:
        assert rule.get("hostname", "*") in hosts
        assert rule["service"].removeprefix("http://").removeprefix("https://") in services
        assert rule.get("originRequest", {}).get("caPool") in {*files_of, None}
        assert rule.get("originRequest", {}).get("originServerName") in {*names, None}
        assert rule.get("path", "").startswith("^") or rule.get("path") is None


@given(nginx.hostile())
@example({"exact": "/a\\", "path": '/b"\\', "regex": '/a"# or true or r#"'})
@example({"request value": '${file("/etc/passwd")}%{ if true }\\', "response value": '"} , { x = "\n'})
@example({"web origin": 'https://a.example" } or true or http.host in {"b'})
@example({"path": "/;", "regex": "/${"})
@example({"sni": 'a"\n  noTLSVerify: true', "ca": '/a"\n  noTLSVerify: true'})
@settings(
    max_examples=60, deadline=None, database=None, phases=nginx.PHASES,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
def test_no_value_of_a_spec_becomes_a_rule_or_a_part_of_one(values: dict[str, str]) -> None:
    """Whatever stands in a field, what is written is ours but for the values, and each value is whole."""
    _check({name: value for name, value in values.items() if name in FIELDS})


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_the_base_has_every_field_and_the_law_takes_it(field: str) -> None:
    """The base's own value of each."""
    place = FIELDS[field]
    own: Any = nginx.BASE
    for step in place.place:
        own = step if place.as_key and step == place.place[-1] else own[step]

    assert _check({field: own})


HOSTILE = (
    '" } }', "${path.root}", "%{ for x in [1] }", "$${a}", "$$${a}", "%%{", "a\\", '\\"', "é漢🚀", "`~^*", "x" * 900, "\\n\\t", "#", "/* */", "<<EOT", "{{", "$", "%", "${",
)  # fmt: skip


@pytest.mark.skipif(TERRAFORM is None, reason="no terraform on this machine")
def test_terraform_itself_reads_hostile_values_as_they_are(tmp_path: Path) -> None:
    """Strings are what they were, in its own words; and what looks like code stays text."""
    (tmp_path / "main.tf").write_text(
        "locals {\n  all = [\n" + "".join(f"    {quote.hcl(text)},\n" for text in HOSTILE) + "  ]\n}\n"
    )
    told = subprocess.run(
        [str(TERRAFORM), "console"],
        input="jsonencode(local.all)\n",
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(json.loads(re.sub(r"^\s*\n", "", told.stdout).strip()))

    assert said == list(HOSTILE)
