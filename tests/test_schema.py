"""The JSON Schema for editors: as strict as JSON Schema can be, and no stricter than the loader."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from proxycfg.protocols import protocols
from proxycfg.schema import schema
from proxycfg.source import Source
from proxycfg.starter import starter
from proxycfg.yamldoc import parse
from tests.bad_specs import BAD, CASES
from tests.snapshots import SPECS
from tests.specs import ROUTES, UPSTREAMS, load, told


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def _fits(text: str) -> bool:
    return bool(_validator().is_valid(parse(Source("routes.yaml", text)).data))


def _objects(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema inside the schema, with its place."""
    if isinstance(part, dict):
        yield path, part
    for key, inner in part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ():
        yield from _objects(inner, f"{path}/{key}")


def _fields() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path, part in _objects(schema()):
        if path.endswith("/properties"):
            found += [(f"{path}/{name}", field) for name, field in part.items()]
    return found


def test_it_is_a_schema_of_draft_2020_12() -> None:
    """By the draft's own metaschema, and it says so."""
    Draft202012Validator.check_schema(schema())

    assert "https://json-schema.org/draft/2020-12/schema" == schema()["$schema"]


def test_no_keyword_is_without_meaning() -> None:
    """A misspelt keyword is ignored by every validator, and forbids nothing."""
    known = {
        "$defs", "$ref", "$schema", "additionalProperties", "anyOf", "oneOf", "const", "default", "description", "enum",
        "examples", "items",
        "dependentRequired", "markdownDescription", "maxItems", "maxLength", "maxProperties", "maximum", "minItems",
        "minLength", "minProperties", "minimum",
        "pattern", "properties", "propertyNames", "required", "title", "type", "uniqueItems",
    }  # fmt: skip
    named = ("/properties", "/$defs", "/default", "/dependentRequired")

    assert (
        set()
        == {
            key
            for path, part in _objects(schema())
            if not path.endswith(named) and "/examples/" not in path
            for key in part
        }
        - known
    )


@pytest.mark.parametrize(("path", "field"), _fields())
def test_every_field_has_a_description(path: str, field: dict[str, Any]) -> None:
    """A phrase that says more than the name, for the editor's tooltip."""
    target = field if "description" in field else schema()["$defs"][field["$ref"].split("/")[-1]]

    assert len(target["description"]) > 8


def test_every_definition_has_a_description() -> None:
    """The docstrings of the models."""
    assert [] == [name for name, part in schema()["$defs"].items() if len(part.get("description", "")) < 10]


def test_every_protocol_is_described() -> None:
    """What each name means, where one is chosen."""
    field = schema()["$defs"]["RouteEntry"]["properties"]["protocol"]

    assert all(
        f"- {name}: {protocol.summary}" in field["markdownDescription"] for name, protocol in protocols().items()
    )


def test_examples_and_defaults_fit() -> None:
    """What an editor offers is right."""
    whole = schema()
    for path, part in _objects(whole):
        for example in [
            *part.get("examples", []),
            *([part["default"]] if "default" in part and path.count("/") else []),
        ]:
            if isinstance(part.get("examples", []), list) and not path.endswith("/properties"):
                assert Draft202012Validator({**part, "$defs": whole["$defs"]}).is_valid(example), f"{path}: {example}"


@pytest.mark.parametrize(("path", "field"), _fields())
def test_every_value_has_an_example(path: str, field: dict[str, Any]) -> None:
    """Or a default, or words to choose from: whoever completes a field sees what may stand there. Mappings have fields of their own."""
    told = [part for _, part in _objects(field)]

    assert any(
        {"examples", "default", "enum", "const", "$ref"} & set(part) or part.get("type") == "boolean" for part in told
    ), path


def test_examples_of_a_form_are_taken_by_the_loader() -> None:
    """An example that a schema lets pass may still mean nothing."""
    for name, part in schema()["$defs"]["RouteEntry"]["properties"].items():
        for example in part.get("examples", []):
            match = {} if name in ("path", "exact", "regex") else {"path": "/v1/it"}
            strip = {"path": f"{example}/x"} if name == "strip_prefix" else {}
            protocol = {"protocol": "poll"} if name == "cache" else {}
            route = {**match, "upstream": "api", **protocol, **strip, name: example}

            assert [] == told(f"{UPSTREAMS}routes: [{json.dumps(route)}]\n"), route


def test_no_default_is_null() -> None:
    """It would say nothing; the description says what happens instead."""
    assert [] == [path for path, part in _objects(schema()) if "default" in part and part["default"] is None]


@pytest.mark.parametrize("case", sorted(path.parent.name for path in SPECS.glob("*/routes.yaml")))
def test_good_specs_fit(case: str) -> None:
    """Every reviewed one."""
    assert _fits((SPECS / case / "routes.yaml").read_text())


def test_the_starter_fits() -> None:
    """So an editor shows a fresh spec without a mark."""
    assert _fits(starter())


BEYOND = {
    # What is said in two places of the file, or about what a text means, JSON Schema cannot compare.
    "affinity-by-an-odd-cookie", "affinity-by-ip-with-a-name", "affinity-without-a-name", "cache-on-a-stream",
    "chain-contradicts-targets",
    "cidr-with-host-bits", "bad-cidr", "cloudflare-inside-a-chain", "collision", "collision-by-a-trailing-slash",
    "collision-on-one-host-of-several",
    "default-that-fits-no-stream", "duration-beyond-a-year", "grpc-over-http1", "grpc-to-a-socket",
    "grpc-to-an-http-origin", "grpc-without-post",
    "header-of-the-connection", "header-twice", "header-with-a-space", "http3-without-tls",
    "idle-timeout-within-the-heartbeat", "long-line", "missing-upstream",
    "mixed-schemes", "origin-star-and-more", "path-with-a-newline", "path-with-an-encoded-nul",
    "path-with-an-encoded-slash", "path-with-dots",
    "regex-that-is-none", "regex-that-looks-ahead", "regex-that-overflows", "regex-too-deep",
    "regex-with-a-huge-repeat", "regex-with-nested-repeats", "regex-with-odd-flags", "sse-to-a-grpc-origin",
    "streamed-upload-on-sse", "strip-prefix-elsewhere", "strip-prefix-of-a-regex", "unknown-upstream",
    "url-with-a-bad-port",
    "url-with-half-a-bracket", "url-with-port-0", "websocket-to-http2", "websocket-without-get",
}  # fmt: skip


@pytest.mark.parametrize("case", [case for case in CASES if case not in BEYOND])
def test_bad_specs_do_not_fit(case: str) -> None:
    """Wherever a schema can tell: fields, types, words, bounds."""
    try:
        data = yaml.safe_load((BAD / case / "routes.yaml").read_bytes().decode())
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, RecursionError):
        # It is not YAML: no validator comes to see it.
        return
    if case in {
        "key-twice",
        "alias-laughs",
        "nested-too-deep",
        "not-yaml-but-nginx",
        "merge-key",
        "no-is-text",
        "port-in-hexadecimal",
    }:
        # PyYAML's own constructor reads on where our reader stops, or reads otherwise.
        return

    assert not _validator().is_valid(data)


@pytest.mark.parametrize("case", sorted(BEYOND))
def test_what_is_beyond_a_schema_is_known(case: str) -> None:
    """The list above speaks of cases that are there and that the schema really lets pass."""
    assert case in CASES
    assert _fits((BAD / case / "routes.yaml").read_text())


@pytest.mark.parametrize(
    "text",
    [
        "listen: {http: [1.1, 2]}", 'listen: {http: ["1.1", "2"]}', "chain: [nginx, {envoy: {}}]", "chain:\n- nginx:",
        "targets: {nginx: }",
        "defaults: {heartbeat: 15s}", "defaults: {heartbeat: 15}", "defaults: {limits: {rate: 90/m}}",
        "defaults: {limits: {rate: 0.5}}",
        "defaults: {upload: {max_bytes: 16 MiB}}", "defaults: {upload: {max_bytes: 1}}", "defaults: {retry: true}",
        "defaults: {retry: {attempts: 3}}",
        "defaults: {strip_prefix: /a}", "defaults: {strip_prefix: true}", "defaults: {headers: {request: {X-A: }}}",
        "version: 1", "hosts: ['*']",
    ],
)  # fmt: skip
def test_whatever_is_taken_fits(text: str) -> None:
    """In every spelling that the loader takes."""
    whole = f"{UPSTREAMS}routes: [{{path: /a, upstream: api}}]\n{text}\n"

    assert [] == told(whole)
    assert _fits(whole)


@pytest.mark.parametrize(
    "text",
    [
        "defaults: {heartbeat: 15 seconds}", "defaults: {heartbeat: 0}", "defaults: {heartbeat: 1.5h}",
        "defaults: {limits: {rate: 10/h}}",
        "defaults: {upload: {max_bytes: 1.5GB}}", "defaults: {path: /a}", "listen: {http: [1.0]}", "chain: [haproxy]",
        "chain: [{nginx: {}, envoy: {}}]",
        'targets: {nginx: {version: "1"}}', "targets: {nginx: {version: 1.30}}", "version: 2", "listn: {}",
    ],
)  # fmt: skip
def test_what_is_refused_does_not_fit(text: str) -> None:
    """An editor marks it before anything runs."""
    whole = f"{UPSTREAMS}{ROUTES}{text}\n"

    assert told(whole)
    assert not _fits(whole)


@pytest.mark.parametrize("match", ["", "path: /a, exact: /a, ", "exact: /a, regex: /a, "])
def test_a_route_has_one_path(match: str) -> None:
    """Path, exact or regex."""
    assert not _fits(f"{UPSTREAMS}routes: [{{{match}upstream: api}}]\n")


def test_a_schema_is_the_callers_own() -> None:
    """Changing one does not change the next."""
    first = schema()
    before = copy.deepcopy(first)
    first["properties"].clear()

    assert before == schema()
    assert load(UPSTREAMS + ROUTES).routes
