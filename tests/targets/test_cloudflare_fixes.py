"""What fixes write into files of Cloudflare, and what they leave alone: in every language and layout that people write."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from proxycfg.fix import repair
from proxycfg.lint import Options
from proxycfg.rule import Scene
from proxycfg.rules import rules
from proxycfg.source import Source
from proxycfg.targets.cloudflare.config import load
from proxycfg.targets.cloudflare.scene import scene_of

CACHE, COMPRESSION = "http_request_cache_settings", "http_response_compression"


def repaired(text: str, rule: str, *, name: str = "main.tf", unsafe: bool = False) -> tuple[str, int, list[str]]:
    """The text after the fixes of a rule, how many these were, and what is left."""

    def look(texts: Mapping[str, str]) -> list[Scene]:
        return [scene_of(load([Source(name, texts.get(name, text))]))]

    report, texts, count = repair(look, Options(rules=[rules()[rule]], known=tuple(rules())), unsafe=unsafe)
    assert not report.errors
    return texts.get(name, text), count, [finding.message for finding in report.findings]


def v5(rules_: str, phase: str = CACHE) -> str:
    """A ruleset as version 5 of the provider has it."""
    return f'resource "cloudflare_ruleset" "r" {{\n  zone_id = "z"\n  phase   = "{phase}"\n  rules = {rules_}\n}}\n'


WIDE = """{
      expression        = "true" # all of it
      action            = "set_cache_settings"
      action_parameters = { cache = true }
    }"""
STREAM = """{
      # proxycfg: protocol=sse
      expression        = "http.host eq \\"a.example.com\\" and http.request.uri.path eq \\"/events\\""
      action            = "set_cache_settings"
      action_parameters = { cache = false }
    }"""
OWN = """{
      expression        = "http.host eq \\"a.example.com\\" and http.request.uri.path eq \\"/events\\""
      action            = "set_cache_settings"
      action_parameters = { cache = false }
    }"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("[\n    S,\n    W,\n  ]", "[\n    S,\n    W,\n    O,\n  ]"),
        ("[\n    S,\n    W\n  ]", "[\n    S,\n    W,\n    O\n  ]"),
        ("[\n    S,\n    W, # the last\n    # of all\n  ]", "[\n    S,\n    W, # the last\n    O,\n    # of all\n  ]"),
        ("[\n    S, W\n  ]", "[\n    S, W, F\n  ]"),
        ("concat([\n    S,\n  ], [\n    W,\n  ])", "concat([\n    S,\n  ], [\n    W,\n    O,\n  ])"),
    ],
)
def test_a_rule_is_put_behind_the_last(before: str, after: str) -> None:
    """In its layout, with every comment where it was."""
    flat = '{ expression = "http.host eq \\"a.example.com\\" and http.request.uri.path eq \\"/events\\"", action = "set_cache_settings", action_parameters = { cache = false } }'

    def text(layout: str) -> str:
        made = layout.replace("O", OWN).replace("F", flat).replace("S", STREAM)
        return v5(made.replace("W", WIDE))

    fixed, count, left = repaired(text(before), "stream-cached")

    assert (fixed, count, left) == (text(after), 1, [])


def test_what_others_say_of_line_ends_is_kept() -> None:
    """Those of Windows stay such."""
    text = v5(f"[\n    {STREAM},\n    {WIDE},\n  ]").replace("\n", "\r\n")
    fixed, count, _ = repaired(text, "stream-cached")

    assert count == 1
    assert fixed.count("\n") == fixed.count("\r\n") == text.count("\n") + 5


V4 = """resource "cloudflare_ruleset" "r" {
  zone_id = "z"
  phase   = "http_response_compression"

  rules {
    # proxycfg: protocol=sse
    expression = "starts_with(http.request.uri.path, \\"/events\\")"
    action     = "compress_response"
    action_parameters {
      algorithms {
        name = "none"
      }
    }
  }

  rules {
    expression = "true"
    action     = "compress_response"
    action_parameters {
      algorithms {
        name = "gzip"
      }
    }
  } # everything
}
"""


def test_blocks_get_a_block() -> None:
    """As version 4 of the provider has them."""
    fixed, count, left = repaired(V4, "stream-compressed")

    assert (count, left) == (1, [])
    assert fixed == V4.replace(
        "  } # everything\n",
        """  } # everything
  rules {
    expression = "starts_with(http.request.uri.path, \\"/events\\")"
    action     = "compress_response"
    action_parameters {
      algorithms {
        name = "none"
      }
    }
  }
""",
    )


def test_exports_of_the_api_get_an_object() -> None:
    """Behind the last one, with a comma between."""
    text = """{
  "phase": "http_request_cache_settings",
  "rules": [
    // proxycfg: protocol=sse
    {"expression": "http.request.uri.path eq \\"/events\\"", "action": "set_cache_settings", "action_parameters": {"cache": false}},
    {
      "expression": "true",
      "action": "set_cache_settings",
      "action_parameters": {"cache": true}
    }
  ]
}
"""
    fixed, count, left = repaired(text, "stream-cached", name="rules.json")

    assert (count, left) == (1, [])
    assert fixed == text.replace(
        "    }\n  ]",
        """    },
    {
      "expression": "http.request.uri.path eq \\"/events\\"",
      "action": "set_cache_settings",
      "action_parameters": {
        "cache": false
      }
    }
  ]""",
    )


def test_each_stream_gets_its_own_rule() -> None:
    """One rule that hurts several is one finding; its fix has all of them."""
    other = STREAM.replace("/events", "/chat").replace("a.example.com", "b.example.com")
    fixed, count, left = repaired(v5(f"[\n    {STREAM},\n    {other},\n    {WIDE}\n  ]"), "stream-cached")

    assert (count, left) == (1, [])
    assert fixed.count("cache = false") == 4


def test_a_rule_of_streams_alone_is_changed_itself() -> None:
    """Nothing else takes its requests."""
    text = v5(f"[\n    {STREAM.replace('false', 'true')},\n  ]")

    assert repaired(text, "stream-cached") == (text.replace("cache = true", "cache = false"), 1, [])


def test_a_rule_that_others_meet_is_not_changed_by_a_safe_fix() -> None:
    """What lies below the stream would leave the cache with it."""
    wide = STREAM.replace("false", "true").replace('eq \\"/events', 'wildcard \\"/events*')
    assets = WIDE.replace("true", 'http.request.uri.path eq \\"/events/app.css\\"', 1)
    text = v5(f"[\n    {assets},\n    {wide}\n  ]")

    assert repaired(text, "stream-cached")[1] == 0
    assert repaired(text, "stream-cached", unsafe=True)[1] == 1


@pytest.mark.parametrize(
    "rules_",
    [
        # Made by a comprehension, a variable, or a function: what stands there means several rules, or none.
        '[for path in ["/events", "/chat"] : { expression = "http.request.uri.path eq \\"${path}\\"", action = "set_cache_settings", action_parameters = { cache = true } }]',
        'merge([], [for path in ["/events"] : { expression = "true", action = "set_cache_settings", action_parameters = { cache = true } }])',
    ],
)
def test_what_is_made_is_not_edited(rules_: str) -> None:
    """It is told all the same."""
    text = v5(rules_)

    assert repaired(text, "stream-cached", unsafe=True)[:2] == (text, 0)


def test_what_a_variable_stands_for_is_not_edited() -> None:
    """A rule of its own is written beside it."""
    text = 'variable "keep" { default = true }\n' + v5(f"[\n    {STREAM.replace('false', 'var.keep')},\n  ]")
    fixed, count, left = repaired(text, "stream-cached")

    assert (count, left) == (1, [])
    assert fixed == text.replace("var.keep }\n    },", f"var.keep }}\n    }},\n    {OWN},")


def test_no_rule_is_added_beyond_the_plan() -> None:
    """Free has ten of a kind, and the eleventh would be refused."""
    others = ",\n    ".join([WIDE] * 9)
    text = "# proxycfg: plan=free\n" + v5(f"[\n    {STREAM},\n    {others},\n  ]")

    assert repaired(text, "stream-cached", unsafe=True)[:2] == (text, 0)


def test_what_terraform_has_printed_is_not_edited() -> None:
    """A plan is made anew from files."""
    values = '{"zone_id": "z", "phase": "http_request_cache_settings", "rules": [{"expression": "http.request.uri.path eq \\"/events\\"", "action": "set_cache_settings", "action_parameters": {"cache": true}}]}'
    text = f'{{"planned_values": {{"root_module": {{"resources": [{{"type": "cloudflare_ruleset", "name": "r", "values": {values}}}]}}}}}}'
    fixed, count, left = repaired(text, "stream-cached", name="plan.json", unsafe=True)

    assert (fixed, count, len(left)) == (text, 0, 1)


@pytest.mark.parametrize(
    ("name", "text", "rule", "old", "new"),
    [
        ("config.yml", "protocol: 'quic' # fast\ningress:\n  - service: https://app:80\n    originRequest: {http2Origin: true}\n", "tunnel-grpc-over-quic", "'quic'", "'http2'"),
        ("config.yml", "ingress:\n  - service: https://app:80\n    originRequest: {http2Origin: true}\n", "tunnel-grpc-over-quic", "ingress:", "protocol: http2\ningress:"),
        ("config.yml", 'ingress:\n  - service: "http://app:80/x" # y\n', "tunnel-path-in-service", "80/x", "80"),
        ("main.tf", 'resource "cloudflare_zone_settings_override" "s" {\n  zone_id = "z"\n  settings {\n    websockets = "off" # why\n  }\n}\n' + v5(f"[\n    {STREAM.replace('sse', 'websocket')},\n  ]"), "websockets-switched-off", '"off"', '"on"'),
        ("settings.json", '[{"id": "websockets", "editable": true, "value": "off"}, {"rules": [{"expression": "http.request.uri.path eq \\"/ws\\"", "action": "set_config"}], "phase": "http_config_settings"}]', "websockets-switched-off", '"off"', '"on"'),
    ],
)  # fmt: skip
def test_a_setting_of_many_is_changed_by_unsafe_fixes_alone(
    name: str, text: str, rule: str, old: str, new: str
) -> None:
    """In its quotes, with the comment behind it."""
    assert repaired(text, rule, name=name)[:2] == (text, 0)
    assert repaired(text, rule, name=name, unsafe=True) == (text.replace(old, new), 1, [])


@pytest.mark.parametrize("cached", ["true", "false"])
def test_what_two_zones_share_is_not_edited(cached: str) -> None:
    """The list stands there once and means two rulesets, of which the stream is in one."""
    stream = STREAM.replace("false", cached)
    rules_ = f"[\n    {stream},\n    {WIDE},\n  ]" if cached == "false" else f"[\n    {stream},\n  ]"
    shared = f"locals {{\n  shared = {rules_}\n}}\n"
    text = shared + v5("local.shared") + v5("local.shared").replace('"r"', '"s"').replace('"z"', '"y"')

    assert repaired(text, "stream-cached", unsafe=True)[:2] == (text, 0)
    alone = shared + v5("local.shared")
    assert repaired(alone, "stream-cached")[1:] == (1, [])
