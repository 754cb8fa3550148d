"""Tunnels and Workers: read from each of the files that set them up."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxycfg.roots import Search
from proxycfg.source import Source
from proxycfg.targets.cloudflare.config import load
from proxycfg.targets.cloudflare.document import of_json
from proxycfg.targets.cloudflare.ingress import shadowed
from proxycfg.targets.cloudflare.worker_files import collected, main_of, pumped

V5 = """
resource "cloudflare_zero_trust_tunnel_cloudflared_config" "t" {
  account_id = "a"
  tunnel_id  = "t"
  config = {
    origin_request = { disable_chunked_encoding = true }
    ingress = [
      { hostname = "a.example.com", service = "http://app:8080" },
      { hostname = "a.example.com", path = "^/events", service = "http://stream:8080", origin_request = { http2_origin = true } },
      { service = "http_status:404" },
    ]
  }
}
"""
V4 = """
resource "cloudflare_tunnel_config" "t" {
  account_id = "a"
  tunnel_id  = "t"
  config {
    origin_request {
      disable_chunked_encoding = true
    }
    ingress_rule {
      hostname = "a.example.com"
      service  = "http://app:8080"
    }
    ingress_rule {
      hostname = "a.example.com"
      path     = "^/events"
      service  = "http://stream:8080"
      origin_request {
        http2_origin = true
      }
    }
    ingress_rule {
      service = "http_status:404"
    }
  }
}
"""


@pytest.mark.parametrize("text", [V5, V4])
def test_terraform_sets_up_the_same_tunnel_in_both_versions(text: str) -> None:
    """Its rules in order, with what they set for their origins over what the tunnel does."""
    config = load([Source("main.tf", text)])
    (tunnel,) = config.tunnels
    assert ["no routes to explain" in sentence for sentence in config.assumed] == [True]

    assert [rule.service for rule in tunnel.rules] == ["http://app:8080", "http://stream:8080", "http_status:404"]
    assert [rule.title for rule, _ in shadowed(tunnel)] == ["a.example.com ^/events"]
    for rule in tunnel.rules:
        off = rule.option("disableChunkedEncoding", "disable_chunked_encoding")
        assert off is not None
        assert off.flag() is True


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        ("hostname: '*.example.com'", "hostname: a.example.com", True),
        ("hostname: '*.example.com'", "hostname: example.com", False),
        ("hostname: a.example.com", "hostname: '*.example.com'", False),
        ("path: /ws", "path: ^/v1/ws$", True),
        ("path: ^/ws", "path: ^/v1/ws$", False),
        ("path: '['", "path: ^/v1/ws$", False),
        ("path: ^/a", "hostname: a.example.com", False),
    ],
)  # fmt: skip
def test_the_first_rule_that_matches_wins(first: str, second: str, taken: bool) -> None:
    """Hosts with a star, and paths that match anywhere."""
    text = f"tunnel: t\ningress:\n  - {first}\n    service: http://a\n  - {second}\n    service: http://b\n  - service: http_status:404\n"
    (tunnel,) = load([Source("config.yml", text)]).tunnels

    assert bool([rule for rule, _ in shadowed(tunnel) if rule.service == "http://b"]) is taken


def test_a_worker_is_read_with_the_source_that_its_settings_name(tmp_path: Path) -> None:
    """In JSON with comments and in TOML; never from outside of their folder."""
    (tmp_path / "a").mkdir()
    (tmp_path / "secret.js").write_text("// text/event-stream\n")
    (tmp_path / "a" / "index.js").write_text("// text/event-stream\n")
    for name, text in (
        ("wrangler.jsonc", '{\n\t// ours\n\t"main": "MAIN",\n\t"compatibility_date": "2026-01-01",\n}\n'),
        ("wrangler.toml", 'main = "MAIN"\ncompatibility_date = "2026-01-01"\n'),
    ):
        path = tmp_path / "a" / name
        for main, streams in (("index.js", True), ("../secret.js", False), ("/etc/passwd", False), ("gone.js", False)):
            path.write_text(text.replace("MAIN", main))
            (config,) = Search().find([str(path)]).clouds
            (worker,) = config.workers

            assert worker.streams is streams
            assert worker.settings.text("compatibility_date") == "2026-01-01"
            assert config.problems == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("const r = await fetch(u); const t = await r.text(); return new Response(t);", 1),
        ("const r = await env.API.fetch(u); let t = await r.json(); return new Response(JSON.stringify(t));", 1),
        ("const r = await fetch(u); const t = await r.text(); log(t); return new Response(r.body);", 0),
        ("const t = await request.text(); return new Response(t);", 0),
        ("return fetch(request);", 0),
    ],
)  # fmt: skip
def test_an_answer_that_is_given_on_whole_is_seen(text: str, found: int) -> None:
    """And one that is only looked at is not."""
    assert len(list(collected(Source("index.js", text)))) == found


def test_a_pump_that_asks_for_the_client_is_fine() -> None:
    """By its signal."""
    pump = "ctx.waitUntil(r.body.pipeTo(w));"

    assert len(list(pumped(Source("index.js", pump)))) == 1
    assert not list(pumped(Source("index.js", f"{pump} request.signal.addEventListener('abort', stop);")))


def test_the_source_of_settings_is_named_in_either_language() -> None:
    """Or not at all."""
    assert [main_of(text) for text in ('{"name": 1,\n  "main": "a.js"}', 'main = "a.js"', "name = 1")] == [
        "a.js",
        "a.js",
        "",
    ]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": 1, // not the end }\n "b": 2}', {"a": 1, "b": 2}),
        ('{"a": 1, /* } */ "b": 2, /* ] */ }', {"a": 1, "b": 2}),
        ('{"a": [1, 2, // both\n],\n\t"b": "// no, \\" }",\n}', {"a": [1, 2], "b": '// no, " }'}),
        ('\ufeff{"a": "/*", "b": "*/"}', {"a": "/*", "b": "*/"}),
    ],
)  # fmt: skip
def test_json_may_have_comments_and_commas_at_the_end(text: str, value: object) -> None:
    """And places stay what they are."""
    read = of_json(Source("wrangler.jsonc", text))
    data = {
        name: [each.data for each in entry.value.data] if entry.value.kind == "list" else entry.value.data
        for name, entry in read.entries.items()
    }

    assert data == value
    for name, entry in read.entries.items():
        line = text.removeprefix("\ufeff").split("\n")[entry.span.line - 1]
        assert line[entry.span.column - 1 :].startswith(f'"{name}"')
