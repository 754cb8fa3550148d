"""The laws of reading Envoy: what was written is read back as it was meant, and nothing that Envoy ignores changes what is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from proxycfg.behavior import Behavior, differences, properties
from proxycfg.cli.lint import knowledge_of
from proxycfg.errors import InvalidInput
from proxycfg.fix import repair
from proxycfg.knowledge import NOTHING
from proxycfg.lint import Options, lint
from proxycfg.reading import ReadRoute
from proxycfg.rule import Scene
from proxycfg.rules import rules
from proxycfg.source import Source
from proxycfg.spec import Spec
from proxycfg.specfile import load as load_spec
from proxycfg.targets.envoy import TARGET
from proxycfg.targets.envoy.bootstrap import Config, load
from proxycfg.targets.envoy.place import Reader
from proxycfg.targets.envoy.read import read
from proxycfg.targets.envoy.routes import Route, read_world
from proxycfg.targets.envoy.scene import scene_of
from tests.laws.test_round_trip import SPECS, spec_text
from tests.targets.nginx_specs import LISTENERS, OPTIONS, every_route, only_grpc, whole

FIXTURES = sorted(Path("fixtures/specs").glob("*/routes.yaml"))
VERSIONS = ("1.36", "1.37", "1.38", "1.39", "1.40")


def config_of(text: str, name: str = "envoy.yaml") -> Config:
    """A bootstrap, read without complaint."""
    config = load([Source(name, text)])
    assert not config.problems
    return config


def routes_of(config: Config, version: str, protocols: Mapping[str, str]) -> Iterator[tuple[Route, ReadRoute]]:
    """The routes of a config, each read for the protocol that its name stands for."""
    yield from read(Reader(read_world(config), version), lambda route: protocols.get(route.name))


def behaviors(text: str, version: str = "1.40", name: str = "envoy.yaml") -> list[Behavior]:
    """What each route of a config does."""
    return [told.reading.behavior for _, told in routes_of(config_of(text, name), version, {})]


def with_target(text: str, version: str) -> str:
    """The spec for that version, whatever it was for."""
    text = re.sub(r"^targets:.*\n(?:[ #].*\n)*", "", text, flags=re.MULTILINE)
    return f'{text}\ntargets: {{envoy: {{version: "{version}"}}}}\n'


def assert_read_as_meant(text: str, version: str) -> int:
    """Write a spec for a version, and read every route of it back; how many there were."""
    spec: Spec = load_spec(Source("routes.yaml", text))
    output = TARGET.write(spec)
    config = config_of(output.files["envoy.yaml"])
    protocols = {route.name: route.protocol.name for route in spec.routes}
    seen: set[str] = set()
    for route, told in routes_of(config, version, protocols):
        seen.add(route.name)
        differing = differences(output.aims[route.name], told.reading.behavior)
        assert differing == {}, (route.name, {name: told.reading.evidence[name] for name in differing})
        assert told.not_understood == ()
        for name in properties():
            evidence = told.reading.evidence[name]
            assert evidence.text, name
            assert (evidence.kind == "default") == (evidence.span is None), name
    assert seen == set(protocols)
    return len(seen)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_every_fixture_is_read_as_it_was_meant(path: Path, version: str) -> None:
    """read(write(aim)) == aim, for every property of every route."""
    assert assert_read_as_meant(with_target(path.read_text(), version), version)


def for_envoy(text: str, version: str) -> str:
    """A spec of nginx's tests for that version, with files in the place of their names."""
    text = re.sub(r"\b(CERT|KEY|CA)\b", lambda match: f"/etc/tls/{match[1].lower()}.pem", text)
    return with_target(f"{text}\n", version)


@pytest.mark.parametrize("version", ["1.36", "1.40"])
@pytest.mark.parametrize("listen", LISTENERS)
def test_every_protocol_to_every_origin_is_read_as_it_was_meant(listen: str, version: str) -> None:
    """The same for each protocol on each kind of listener and origin."""
    for text in (every_route(), only_grpc()):
        assert assert_read_as_meant(for_envoy(whole(text, "1.30", "full", listen), version), version)


@pytest.mark.parametrize("version", ["1.36", "1.40"])
@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_read_as_it_was_meant(name: str, version: str) -> None:
    """The same for each option of a spec."""
    assert assert_read_as_meant(for_envoy(whole(OPTIONS[name], "1.30", "full"), version), version)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(SPECS, st.sampled_from(VERSIONS))
def test_any_spec_is_read_as_it_was_meant(drawn: dict[str, Any], version: str) -> None:
    """The same for whatever else a spec can say."""
    text = for_envoy(spec_text(drawn), version)
    try:
        load_spec(Source("routes.yaml", text))
    except InvalidInput:
        assume(False)

    assert assert_read_as_meant(text, version)


@pytest.mark.parametrize("told", [True, False], ids=["with its spec", "alone"])
@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_the_linter_has_nothing_to_say_of_it(path: Path, *, told: bool) -> None:
    """Not even what is only worth knowing, whether it is told what streams or has to find out."""
    spec = load_spec(Source("routes.yaml", path.read_text()))
    config = config_of(TARGET.write(spec).files["envoy.yaml"])
    scene = scene_of(config, None, knowledge_of(spec, []) if told else NOTHING)
    report = lint([scene], Options(rules=list(rules().values()), known=rules()))

    assert scene.cases
    assert (report.findings, report.errors, scene.unmatched) == ((), (), ())


_TIMERS = re.compile(r"(?m)^ +(?:timeout: 0s|idle_timeout: .*|max_stream_duration: \{.*)\n")


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_what_lost_its_timers_is_repaired(path: Path) -> None:
    """By safe fixes, until there is nothing to say; a second run has nothing to do."""
    text, times = _TIMERS.subn("", _written(path))
    options = Options(rules=list(rules().values()), known=rules())

    def look(texts: Mapping[str, str]) -> list[Scene]:
        return [scene_of(config_of(texts.get("envoy.yaml", text)), None)]

    report, texts, count = repair(look, options, unsafe=False)
    again = repair(lambda changed: look({**texts, **changed}), options, unsafe=False)

    assert times
    assert count
    assert (report.findings, again[1:]) == ((), ({}, 0))


# ---- what Envoy ignores ----


def _written(path: Path) -> str:
    return TARGET.write(load_spec(Source("routes.yaml", path.read_text()))).files["envoy.yaml"]


def _expanded(text: str) -> Any:
    """The data of a bootstrap, with what aliases stand for written out."""
    return json.loads(json.dumps(yaml.safe_load(text)))


def _turned(value: Any) -> Any:
    """The same with the keys of every mapping the other way round."""
    if isinstance(value, dict):
        return {key: _turned(inner) for key, inner in reversed(value.items())}
    return [_turned(each) for each in value] if isinstance(value, list) else value


_NAMES = re.compile("_([a-z0-9])")
_MAPS = frozenset(("typed_per_filter_config", "filter_metadata", "json_format"))


def _camel(value: Any) -> Any:
    """The same with the field names of JSON; keys of maps stay."""
    if isinstance(value, dict):
        made = {}
        for key, inner in value.items():
            held = {name: _camel(each) for name, each in inner.items()} if key in _MAPS else _camel(inner)
            made[key if "." in key else _NAMES.sub(lambda match: match[1].upper(), key)] = held
        return made
    return [_camel(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_neither_comments_nor_the_order_of_keys_count(path: Path) -> None:
    """A bootstrap without its comments and aliases, and with every mapping turned round, does the same."""
    text = _written(path)
    expanded = _expanded(text)

    assert behaviors(re.sub(r"(?m)^ *#.*\n", "", text)) == behaviors(text)
    assert behaviors(yaml.safe_dump(_turned(expanded), sort_keys=False)) == behaviors(json.dumps(expanded))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
def test_json_says_the_same_as_yaml(path: Path) -> None:
    """In one line, indented, with tabs, and with the names of JSON."""
    plain = _expanded(_written(path))
    meant = behaviors(yaml.safe_dump(plain, sort_keys=False))

    for text in (
        json.dumps(plain),
        json.dumps(plain, indent=2),
        json.dumps(plain, indent="\t"),
        json.dumps(_camel(plain)),
    ):
        assert behaviors(text, name="envoy.json") == meant
