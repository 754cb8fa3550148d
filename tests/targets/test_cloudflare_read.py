"""What Cloudflare's files are read as: behavior, what decides it, and where a request's rules are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxycfg.behavior import EITHER, NO, YES, Between, exactly
from proxycfg.explain import Explained
from proxycfg.reading import Evidence
from proxycfg.request import Asked
from proxycfg.source import Source
from proxycfg.targets.cloudflare.config import Config, load
from proxycfg.targets.cloudflare.explain import explain_config
from proxycfg.targets.cloudflare.recognise import kind_of

STREAM = 'starts_with(http.request.uri.path, \\"/events\\")'


def config_of(**files: str) -> Config:
    """Files of one folder; ``_`` in their names is a dot."""
    return load([Source(name.replace("_", ".", 1).replace("__", "."), text) for name, text in files.items()])


def ruleset(phase: str, *rules: str, more: str = "") -> str:
    """A ruleset of version 5 of the provider."""
    body = ",\n".join(f"    {{\n      {rule}\n    }}" for rule in rules)
    return f'resource "cloudflare_ruleset" "{phase}" {{\n  zone_id = "z"\n  kind = "zone"\n  phase = "{phase}"\n{more}\n  rules = [\n{body}\n  ]\n}}\n'


def rule(action: str, parameters: str, expression: str = STREAM) -> str:
    """One of its rules."""
    return f'expression = "{expression}"\n      action = "{action}"\n      action_parameters = {{ {parameters} }}'


def cache(value: str, expression: str = STREAM) -> str:
    """A cache rule."""
    return rule("set_cache_settings", f"cache = {value}", expression)


def ended(config: Config, url: str = "https://chat.example.com/events", protocol: str | None = "sse") -> Explained:
    """Where a URL ends."""
    assert config.problems == []
    (found,) = explain_config(config, Asked([url]), protocol)
    return found


def value(config: Config, name: str, **asked: Any) -> tuple[Between[Any], Evidence]:
    """A property, and what decides it."""
    found = ended(config, **asked)
    assert found.route is not None
    return getattr(found.route.reading.behavior, name), found.route.reading.evidence[name]


def test_a_rule_of_the_cache_is_found_and_named_with_its_place() -> None:
    """In its own words."""
    config = config_of(main_tf=ruleset("http_request_cache_settings", cache("true")))
    said, evidence = value(config, "caching")

    assert said == YES
    assert (evidence.kind, evidence.text) == ("config", "cache = true")
    assert str(evidence.span) == "main.tf:10:29"


V4 = """
resource "cloudflare_ruleset" "cache" {
  zone_id = "z"
  phase   = "http_request_cache_settings"
  rules {
    expression = "starts_with(http.request.uri.path, \\"/events\\")"
    action     = "set_cache_settings"
    action_parameters {
      cache = true
      edge_ttl {
        mode = "MODE"
      }
    }
  }
}
"""


@pytest.mark.parametrize(
    ("mode", "said"), [("override_origin", YES), ("respect_origin", YES), ("bypass_by_default", EITHER)]
)
def test_blocks_of_version_4_say_the_same(mode: str, said: Between[bool]) -> None:
    """As lists of one."""
    assert value(config_of(main_tf=V4.replace("MODE", mode)), "caching")[0] == said


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ((cache("true"), cache("false")), NO),
        ((cache("false"), cache("true")), YES),
        ((cache("false", "true"), cache("true", 'http.host eq \\"other.example.com\\"')), NO),
        ((cache("false"), cache("true", 'ip.geoip.country eq \\"DE\\"')), EITHER),
        ((cache("true"), cache("false", 'http.request.uri.path wildcard \\"/EV*\\"')), NO),
        ((cache("true"), cache("false", 'http.request.uri.path eq \\"/events/\\"')), YES),
        ((cache("true") + "\n      enabled = false",), NO),
        ((cache("true") + "\n      enabled = var.on",), EITHER),
        ((cache("var.on"),), EITHER),
        ((cache("true", 'http.host eq \\"${var.host}\\"'),), EITHER),
        ((cache("true", "${var.all}"),), EITHER),
        ((cache("true", ""),), EITHER),
    ],
)  # fmt: skip
def test_the_last_rule_that_matches_wins(rules: tuple[str, ...], said: Between[bool]) -> None:
    """And what hangs on what nobody knows leaves it open."""
    assert value(config_of(main_tf=ruleset("http_request_cache_settings", *rules)), "caching")[0] == said


def test_only_the_last_compression_rule_counts() -> None:
    """Even if it is for everything."""
    none = rule("compress_response", 'algorithms = [{ name = "none" }]')
    brotli = rule("compress_response", 'algorithms = [{ name = "brotli" }, { name = "auto" }]', "true")

    assert value(config_of(main_tf=ruleset("http_response_compression", brotli, none)), "compression")[0] == NO
    assert value(config_of(main_tf=ruleset("http_response_compression", none, brotli)), "compression")[0] == YES


def test_a_page_rule_holds_where_no_cache_rule_does() -> None:
    """The one of the highest priority alone."""
    page = (
        'resource "cloudflare_page_rule" "{0}" {{\n  zone_id = "z"\n  target = "*example.com/{1}"\n  priority = {2}\n'
        '  actions {{\n    cache_level = "{3}"\n  }}\n}}\n'
    )
    both = page.format("a", "*", 1, "cache_everything") + page.format("b", "events*", 2, "bypass")

    assert value(config_of(main_tf=both), "caching")[0] == NO
    assert value(config_of(main_tf=both), "caching", url="https://example.com/x")[0] == YES
    assert value(config_of(main_tf=both + ruleset("http_request_cache_settings", cache("true"))), "caching")[0] == YES


SETTING = 'resource "cloudflare_zone_setting" "s" {\n  zone_id = "z"\n  setting_id = "NAME"\n  value = VALUE\n}\n'


@pytest.mark.parametrize(
    ("setting", "text", "property_", "protocol", "said"),
    [
        ("websockets", '"off"', "upgrade", "websocket", NO),
        ("websockets", "var.on", "upgrade", "websocket", EITHER),
        ("response_buffering", '"on"', "response_buffering", "sse", YES),
        ("ssl", '"flexible"', "grpc", "grpc", NO),
        ("ssl", '"flexible"', "upstream_http_version", "sse", exactly("1.1")),
        ("proxy_read_timeout", "600", "upstream_idle_timeout", "sse", exactly(600.0)),
        ("proxy_read_timeout", '"600"', "upstream_idle_timeout", "sse", exactly(600.0)),
        ("http2", '"off"', "client_http_versions", "sse", Between(frozenset({"1.1"}), frozenset({"1.1", "3"}))),
        ("origin_error_page_pass_thru", '"on"', "error_interception", "sse", NO),
        ("max_upload", "500", "request_body_limit", "sse", exactly(5e8)),
    ],
)  # fmt: skip
def test_settings_of_the_zone_decide(
    setting: str, text: str, property_: str, protocol: str, said: Between[Any]
) -> None:
    """In either version of the provider."""
    five = SETTING.replace("NAME", setting).replace("VALUE", text)
    four = f'resource "cloudflare_zone_settings_override" "s" {{\n  zone_id = "z"\n  settings {{\n    {setting} = {text}\n  }}\n}}\n'

    for each in (five, four):
        found, evidence = value(config_of(main_tf=each), property_, protocol=protocol)
        assert found == said
        assert evidence.kind == "inherited"


def test_a_plan_below_enterprise_has_no_read_timeout() -> None:
    """Said by a comment, a resource, or nobody."""
    timeout = SETTING.replace("NAME", "proxy_read_timeout").replace("VALUE", "600")
    zone = 'resource "cloudflare_zone" "this" {\n  zone = "example.com"\n  plan = "pro"\n}\n'
    usual = Between(100.0, 125.0)

    assert value(config_of(main_tf=f"# proxycfg: plan=pro\n{timeout}"), "upstream_idle_timeout")[0] == usual
    assert value(config_of(main_tf=zone + timeout), "upstream_idle_timeout")[0] == usual
    assert value(config_of(main_tf=f"// proxycfg: plan=enterprise\n{timeout}"), "upstream_idle_timeout")[0] == exactly(
        600.0
    )
    assert "nothing says the zone's plan" in config_of(main_tf=timeout).plans_unsaid[0]


def test_a_plan_that_is_none_is_told() -> None:
    """With those there are."""
    (problem,) = config_of(
        main_tf=f"# proxycfg: plan=gold\n{ruleset('http_request_cache_settings', cache('true'))}"
    ).problems

    assert "gold" in problem.message


def test_a_plan_of_terraform_says_the_same() -> None:
    """Blocks are lists there, and what is unset is null."""
    rules = [{
        "expression": 'starts_with(http.request.uri.path, "/events")', "action": "set_cache_settings", "enabled": None,
        "action_parameters": [{"cache": True, "edge_ttl": [{"mode": "override_origin"}], "read_timeout": None}],
    }]  # fmt: skip
    resource = {"mode": "managed", "type": "cloudflare_ruleset", "name": "r",
                "values": {"zone_id": "z", "phase": "http_request_cache_settings", "rules": rules}}  # fmt: skip
    root = {"resources": [], "child_modules": [{"resources": [resource]}]}
    text = json.dumps({"format_version": "1.2", "planned_values": {"root_module": root}}, indent=2)
    said, evidence = value(load([Source("plan.json", text)]), "caching")

    assert said == YES
    assert text.split("\n")[evidence.span.line - 1].strip() == '"cache": true,'  # type: ignore[union-attr]


def test_an_export_of_the_api_says_the_same() -> None:
    """As the answer has it, or the body alone, its phase being the file's name; settings likewise."""
    rules = [{"expression": 'starts_with(http.request.uri.path, "/events")', "action": "set_cache_settings",
              "action_parameters": {"cache": True}, "enabled": True}]  # fmt: skip
    answer = {"result": {"kind": "zone", "phase": "http_request_cache_settings", "rules": rules}, "success": True}
    settings = {"result": [{"id": "websockets", "value": "off", "editable": True}]}

    assert value(load([Source("x.json", json.dumps(answer))]), "caching")[0] == YES
    alone = Source("x/http_request_cache_settings.json", json.dumps({"rules": rules}))
    assert value(load([alone, Source("x/s.json", json.dumps(settings))]), "caching")[0] == YES
    assert value(load([Source("s.json", json.dumps(settings))]), "upgrade", protocol="websocket")[0] == NO


def test_terraform_in_json_says_the_same() -> None:
    """Its texts are templates."""
    rules = [
        {
            "expression": 'http.host eq "${var.host}"',
            "action": "set_cache_settings",
            "action_parameters": {"cache": True},
        }
    ]
    text = json.dumps(
        {
            "variable": {"host": {"default": "chat.example.com"}},
            "resource": {
                "cloudflare_ruleset": {"r": {"zone_id": "z", "phase": "http_request_cache_settings", "rules": rules}}
            },
        }
    )

    assert value(load([Source("main.tf.json", text)]), "caching")[0] == YES


def test_the_other_files_of_a_module_say_what_its_names_stand_for() -> None:
    """Variables and locals, and what terraform.tfvars sets; their resources are not under review."""
    main = Source("main.tf", ruleset("http_request_cache_settings", cache("var.on", "${local.where}")))
    beside = [
        Source(
            "variables.tf",
            'variable "on" { default = false }\nlocals { where = "true" }\n' + SETTING.replace("VALUE", "1"),
        ),
        Source("terraform.tfvars", "on = true\n"),
    ]
    config = load([main], beside)

    assert value(config, "caching")[0] == YES
    assert list(config.files) == ["main.tf"]
    assert [each.type for each in config.resources] == ["cloudflare_ruleset"]


def test_every_place_that_rules_name_is_a_route() -> None:
    """In the order of the file, and at the end the rest."""
    expressions = (
        '(http.host eq \\"a.example.com\\" and http.request.uri.path in {\\"/x\\" \\"/y\\"})',
        '(http.host in {\\"b.example.com\\"} or ends_with(http.host, \\".c.example.com\\")) and not starts_with(http.request.uri.path, \\"/no\\")',
        'lower(http.request.uri.path) wildcard \\"/v1/*/stream\\"',
        'http.request.uri.path matches \\"^/r/\\"',
        'http.request.uri.path contains \\"/ws\\"',
    )  # fmt: skip
    config = config_of(main_tf=ruleset("http_request_cache_settings", *(cache("true", each) for each in expressions)))
    found = [
        (each.route.host, each.route.path, each.route.kind)
        for each in explain_config(config, Asked(), None)
        if each.route
    ]

    assert found == [
        ("a.example.com", "/x", "exact"), ("a.example.com", "/y", "exact"), ("b.example.com", "*", "any"),
        ("*.c.example.com", "*", "any"), (None, "/v1/*/stream", "wildcard"), (None, "^/r/", "regex"), (None, "*/ws*", "contains"),
        (None, "*", "any"),
    ]  # fmt: skip
    # Each of them by the rule that names it, and the rest by none.
    assert [each.route.reading.behavior.caching.high for each in explain_config(config, Asked(), "sse") if each.route][
        :-1
    ] == [True] * 7


def test_a_request_ends_at_the_most_telling_place() -> None:
    """With the rules that match on its way."""
    config = config_of(
        main_tf=ruleset(
            "http_request_cache_settings", cache("false"), cache("true", 'http.request.uri.path eq \\"/events\\"')
        )
    )
    found = ended(config)

    assert found.route is not None
    assert (found.route.path, found.route.kind) == ("/events", "exact")
    assert [each.what.partition(":")[0] for each in found.steps] == [
        "matches a rule of http_request_cache_settings"
    ] * 2


def test_a_comment_declares_the_places_of_its_rule() -> None:
    """Inside it, or on the line above."""
    commented = ruleset(
        "http_request_cache_settings", "# proxycfg: protocol=long-poll heartbeat=20s\n      " + cache("true")
    )
    found = explain_config(config_of(main_tf=commented), Asked(), None)

    assert next((each.route.path, each.route.protocol, each.route.confidence) for each in found if each.route) == (
        "/events", "long-poll", "declared",
    )  # fmt: skip


def test_a_comment_that_declares_nothing_is_told() -> None:
    """At its place."""
    config = config_of(main_tf="# proxycfg: protocol=sse\n\n" + SETTING.replace("VALUE", "1"))
    explain_config(config, Asked(), None)

    assert [str(each.span) for each in config.problems] == ["main.tf:1:1"]


def test_an_expression_that_is_none_is_told() -> None:
    """And leaves its rule open."""
    config = config_of(main_tf=ruleset("http_request_cache_settings", cache("true", "http.host eq eq")))

    assert ["cannot be read" in each.message for each in config.problems] == [True]


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("main.tf", "", "hcl"),
        ("<stdin>", 'resource "cloudflare_ruleset" "x" {}', "hcl"),
        ("<stdin>", "server { listen 80; }", ""),
        ("deploy.yaml", "apiVersion: networking.k8s.io/v1\nkind: Ingress\ningress:\n  - service: x\n", ""),
        ("config.yml", "tunnel: x\ningress:\n  - service: http://a\n", "tunnel"),
        ("package.json", '{"name": "x"}', ""),
        ("tfplan.json", '{"planned_values": {"root_module": {"resources": [{"type": "aws_x"}]}}}', ""),
        ("wrangler.toml", "", "wrangler"),
    ],
)  # fmt: skip
def test_what_a_file_is(name: str, text: str, kind: str) -> None:
    """By its name and its text."""
    assert kind_of(name, text) == kind
