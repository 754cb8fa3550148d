"""What is written for Cloudflare, read back by other people's parsers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hcl2
from hcl2.utils import SerializationOptions

from proxycfg.generate import generate
from proxycfg.record import replace
from proxycfg.source import Source
from proxycfg.spec import Route, Spec
from proxycfg.specfile import load
from proxycfg.specmodel import CloudflareTarget
from tests.snapshots import CASES, SPECS

PLANS = ("free", "pro", "business", "enterprise")
CASES_AND_PLANS = [(case, plan) for case in CASES for plan in PLANS]


def spec_of(case: str, plan: str) -> Spec:
    """A spec of the fixtures, as if its zone had this plan."""
    spec = load(Source("routes.yaml", (SPECS / case / "routes.yaml").read_text()))
    named = spec.targets.cloudflare or CloudflareTarget()
    return replace(
        spec, targets=spec.targets.model_copy(update={"cloudflare": named.model_copy(update={"plan": plan})})
    )


@cache
def made(case: str, plan: str) -> Mapping[str, str]:
    """File → text of what is written for a spec of the fixtures on a plan."""
    return generate(spec_of(case, plan), ["cloudflare"]).files


@cache
def read_hcl(text: str) -> dict[str, Any]:
    """Terraform as plain data; nothing in it is interpolated."""
    assert not re.search(r"[$%]\{", text)
    read: dict[str, Any] = hcl2.loads(text, serialization_options=SerializationOptions(strip_string_quotes=True))
    return read


def resources(text: str, kind: str) -> dict[str, dict[str, Any]]:
    """The resources of a kind: name → attributes."""
    found: dict[str, dict[str, Any]] = {}
    for block in read_hcl(text).get("resource", []):
        for name, body in block.get(kind, {}).items():
            assert name not in found, f"{kind}.{name} stands twice"
            found[name] = {key: value for key, value in body.items() if not key.startswith("__")}
    return found


def as_api(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A rule of Terraform as the API has it: the directives of caches have hyphens there."""
    fields = dict(rule)
    if fields["action"] == "set_cache_control":
        fields["action_parameters"] = {
            name.replace("_", "-"): each for name, each in fields["action_parameters"].items()
        }
    return fields


def rulesets(files: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Phase → body, of the files for the API."""
    return {
        Path(path).stem: json.loads(text) for path, text in files.items() if path.startswith("cloudflare/rulesets/")
    }


def winner(spec: Spec, host: str, path: str) -> Route | None:
    """The route that a request goes to, by the order that a spec promises."""
    for route in spec.routes_for(host):
        bare = route.path.rstrip("/")
        if route.kind == "exact" and route.path == path:
            return route
        if route.kind == "prefix" and (path == bare or path.startswith(f"{bare}/")):
            return route
        if route.kind == "regex" and re.fullmatch(route.path, path):
            return route
    return None
