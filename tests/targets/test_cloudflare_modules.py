"""Modules of Terraform that others call: read with what they are given, or named as not at hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from proxycfg.errors import Unreadable
from proxycfg.request import Asked
from proxycfg.source import Source
from proxycfg.targets.cloudflare.config import Config, load
from proxycfg.targets.cloudflare.explain import explain_config
from proxycfg.targets.cloudflare.read import Reader

CACHE = """
variable "zone_id" {}
variable "paths" { default = ["/unset"] }
variable "cache" { default = false }
resource "cloudflare_ruleset" "cache" {
  zone_id = var.zone_id
  phase   = "http_request_cache_settings"
  rules = [for path in var.paths : {
    expression        = "starts_with(http.request.uri.path, \\"${path}\\")"
    action            = "set_cache_settings"
    action_parameters = { cache = var.cache }
  }]
}
"""
ZONE = """
variable "domain" {}
resource "cloudflare_zone" "this" { name = var.domain }
output "id" { value = cloudflare_zone.this.id }
"""


def config_of(main: str, **folders: str) -> Config:
    """A root module, and others by their folders below ``modules``."""

    def look(folder: str) -> Sequence[Source]:
        name = folder.removeprefix("modules/")
        if name not in folders:
            raise Unreadable("there is no such folder")
        return [Source(f"{folder}/main.tf", folders[name])]

    return load([Source("main.tf", main)], look=look)


def caching(config: Config) -> dict[str, tuple[bool, bool]]:
    """Path → whether what is there is stored: at least, and at most."""
    found: dict[str, tuple[bool, bool]] = {}
    for zone in config.zones:
        reader = Reader(zone, {})
        for place in reader.places[:-1]:
            said = reader.route(place, "sse").reading.behavior.caching
            found[f"{zone.key}{place.title}"] = said.low, said.high
    return found


def test_a_module_is_read_with_what_it_is_given() -> None:
    """What the call leaves out is the variable's default."""
    main = 'module "a" {\n  source = "./modules/cache"\n  zone_id = "z"\n  paths = ["/events", "/chat"]\n  cache = true\n}\n'
    config = config_of(main, cache=CACHE)

    assert caching(config) == {"z/events": (True, True), "z/chat": (True, True)}
    assert caching(config_of(main.replace("  cache = true\n", ""), cache=CACHE)) == {
        "z/events": (False, False),
        "z/chat": (False, False),
    }
    assert list(config.files) == ["main.tf", "modules/cache/main.tf"]
    assert config.modules == ["modules/cache"]
    assert config.zones[0].resources[0].module == "module.a."


def test_arguments_are_the_callers_expressions() -> None:
    """Its locals and variables, not those of the module; what nobody knows stays open."""
    main = 'variable "secret" {}\nlocals { path = "/events" }\nmodule "a" {\n  source = "./modules/cache"\n  zone_id = "z"\n  paths = [local.path]\n  cache = var.secret\n}\n'

    assert caching(config_of(main, cache=CACHE)) == {"z/events": (False, True)}


def test_each_call_is_a_module_of_its_own() -> None:
    """By `for_each`, or by another call of the same folder, which is read once."""
    main = """
module "many" {
  source   = "./modules/cache"
  for_each = { one = "/a", two = "/b" }
  zone_id  = each.key
  paths    = [each.value]
}
module "single" {
  source  = "./modules/cache"
  zone_id = "three"
  cache   = true
}
"""
    config = config_of(main, cache=CACHE)

    assert caching(config) == {"one/a": (False, False), "two/b": (False, False), "three/unset": (True, True)}
    assert config.modules == ["modules/cache"]


@pytest.mark.parametrize(
    ("count", "stored"),
    [("0", {}), ("1", {"z/unset": (True, True)}), ("var.open", {"z/unset": (False, True)})],
)
def test_a_call_that_is_perhaps_not_made_is_open(count: str, stored: dict[str, tuple[bool, bool]]) -> None:
    """Or none at all."""
    main = f'module "a" {{\n  source = "./modules/cache"\n  count = {count}\n  zone_id = "z"\n  cache = true\n}}\n'

    assert caching(config_of(main, cache=CACHE)) == stored


def test_a_module_hands_on_what_another_gives_back() -> None:
    """Outputs of one are arguments of the next, in whatever order they stand; zones of two calls are two."""
    main = """
module "rules" {
  source  = "./modules/cache"
  zone_id = module.zone.id
}
module "zone" {
  source = "./modules/zone"
  domain = "example.com"
}
module "other" {
  source = "./modules/zone"
  domain = "example.org"
}
module "more" {
  source  = "./modules/cache"
  zone_id = module.other.id
}
"""
    config = config_of(main, cache=CACHE, zone=ZONE)

    assert [(zone.key, zone.names) for zone in config.zones] == [
        ("module.zone.cloudflare_zone.this.id", ["example.com"]),
        ("module.other.cloudflare_zone.this.id", ["example.org"]),
    ]


def test_modules_call_modules() -> None:
    """Their paths are relative to their own folders."""
    outer = 'variable "path" {}\nmodule "inner" {\n  source = "../cache"\n  zone_id = "z"\n  paths = [var.path]\n}\n'
    main = 'module "outer" {\n  source = "./modules/outer"\n  path = "/events"\n}\n'
    config = config_of(main, outer=outer, cache=CACHE)

    assert caching(config) == {"z/events": (False, False)}
    assert config.zones[0].resources[0].module == "module.outer.module.inner."


@pytest.mark.parametrize(
    "loop",
    [
        'module "me" { source = "../loop" }\noutput "x" { value = module.me.x }\n',
        'module "one" {\n  source = "../cache"\n  zone_id = module.two.x\n}\nmodule "two" {\n  source = "../cache"\n  zone_id = module.one.x\n}\noutput "x" { value = module.one.x }\n',
        'output "x" { value = module.loop.x }\nmodule "loop" {\n  source = "../cache"\n  for_each = module.loop.x\n  zone_id = "z"\n}\n',
    ],
)
def test_what_calls_itself_comes_to_an_end(loop: str) -> None:
    """Terraform refuses it; here it is unknown."""
    main = 'module "a" { source = "./modules/loop" }\nmodule "b" {\n  source = "./modules/cache"\n  zone_id = module.a.x\n}\n'
    config = config_of(main, loop=loop, cache=CACHE)

    assert config.problems == []
    assert "module.a.module" in config.zones[-1].key


def test_however_many_modules_are_called_the_work_is_bounded() -> None:
    """Three levels of a hundred calls each would be a million."""
    call = 'module "next" {{\n  source   = "../{}"\n  for_each = {{ for n in ["{}"] : n => n }}\n}}\n'
    keys = '", "'.join(map(str, range(100)))
    main = call.format("a", keys).replace("../", "./modules/")
    config = config_of(
        main,
        a=call.format("b", keys),
        b=call.format("c", keys),
        c=CACHE.replace('"zone_id" {}', '"zone_id" { default = "z" }'),
    )

    assert 0 < len(config.resources) < 100_000


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("./modules/gone", "module.a (./modules/gone) is not at hand, so what it sets up is not known: there is no such folder"),
        ("git::https://example.com/zone.git", "module.a (git::https://example.com/zone.git) is not at hand"),
        ("cloudflare/zone/cloudflare", "module.a (cloudflare/zone/cloudflare) is not at hand"),
    ],
)  # fmt: skip
def test_a_module_that_is_not_at_hand_is_named(source: str, told: str) -> None:
    """With the place of its source."""
    (problem,) = config_of(f'module "a" {{\n  source = "{source}"\n}}\n').missing

    assert str(problem.span) == "main.tf:2:12"
    assert problem.message.startswith(told)


def test_a_module_of_another_provider_is_nobodys_concern() -> None:
    """The registry says what it is for."""
    assert config_of('module "vpc" {\n  source = "terraform-aws-modules/vpc/aws"\n}\n').missing == []


def test_a_mistake_in_a_module_is_told_once_with_its_place() -> None:
    """However often it is called."""
    broken = CACHE.replace("starts_with(", "starts_with((")
    call = 'module "{}" {{\n  source = "./modules/cache"\n  zone_id = "{}"\n}}\n'
    config = config_of(call.format("a", "x") + call.format("b", "y"), cache=broken)

    assert [str(problem.span) for problem in config.problems] == ["modules/cache/main.tf:9:25"]


def test_a_comment_speaks_of_every_rule_that_is_made_of_the_text_around_it() -> None:
    """A comprehension makes one for each path, a call for each zone."""
    said = CACHE.replace("    expression  ", "    # proxycfg: protocol=sse heartbeat=15s\n    expression  ")
    call = 'module "{0}" {{\n  source = "./modules/cache"\n  zone_id = "{0}"\n  paths = ["/a", "/b"]\n}}\n'
    config = config_of(call.format("x") + call.format("y"), cache=said)
    told = [each.route for each in explain_config(config, Asked(), None)]

    assert [(each.path, each.protocol) for each in told if each] == [("/a", "sse"), ("/b", "sse"), ("*", None)] * 2
    assert config.problems == []
