"""The published shapes of what we write for Cloudflare, reduced to ``cloudflare_schema.json``.

Cloudflare's Terraform provider is a program that describes itself only when it runs, so its attributes come from bindings that are made out
of it, `pulumi-cloudflare` (its 6.x is the provider's 5.x); what the API takes comes from the typed models of the `cloudflare` SDK.
Neither is a dependency of the tests, for they are large. To make the file anew::

    python3 -m venv /tmp/sdk && /tmp/sdk/bin/pip install cloudflare && /tmp/sdk/bin/pip install --no-deps pulumi-cloudflare
    /tmp/sdk/bin/python tests/targets/cloudflare_schema.py

Pulumi names some lists in the plural where the provider does not (``status_code_ttls``); none of those is written.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import types
import typing
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_suffix(".json")
RESOURCES = {
    "cloudflare_ruleset": ("ruleset.py", "RulesetArgs"),
    "cloudflare_zone_setting": ("zone_setting.py", "ZoneSettingArgs"),
}
SETTINGS = (
    "0rtt", "always_online", "http2", "http3", "max_upload", "origin_error_page_pass_thru", "origin_h2_max_streams", "origin_max_http_version",
    "proxy_read_timeout", "response_buffering", "ssl", "websockets",
)  # fmt: skip
PRIMITIVES = {"str": "string", "bool": "bool", "int": "number", "float": "number", "Any": "dynamic"}


# ---- Terraform ----


class Bindings:
    """The sources of pulumi-cloudflare, which are read and never imported: they want pulumi's own runtime."""

    def __init__(self) -> None:
        """Find the package."""
        found = importlib.util.find_spec("pulumi_cloudflare")
        assert found is not None, "install pulumi-cloudflare first"
        assert found.origin is not None
        self.folder = Path(found.origin).parent
        self.inputs = self.classes("_inputs.py")

    def classes(self, name: str) -> dict[str, ast.ClassDef]:
        """The classes of a file."""
        tree = ast.parse((self.folder / name).read_text())
        return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}

    def resource(self, file: str, name: str) -> dict[str, Any]:
        """The attributes of a resource, as its constructor takes them."""
        (made,) = [
            node
            for node in self.classes(file)[name].body
            if isinstance(node, ast.FunctionDef) and node.name == "__init__"
        ]
        both = zip(made.args.kwonlyargs, made.args.kw_defaults, strict=True)
        return {arg.arg: self.attribute(arg.annotation, required=default is None) for arg, default in both}

    def fields(self, name: str) -> dict[str, Any]:
        """The attributes of an object."""
        body = [node for node in self.inputs[name].body if isinstance(node, ast.AnnAssign)]
        return {
            node.target.id: self.attribute(node.annotation, required="NotRequired" not in ast.unparse(node.annotation))
            for node in body
            if isinstance(node.target, ast.Name)
        }

    def attribute(self, annotation: ast.expr | None, *, required: bool) -> dict[str, Any]:
        """One attribute: its type, and whether it has to be there."""
        assert annotation is not None
        return {"type": self.type(annotation), "required": required}

    def type(self, annotation: ast.expr) -> Any:
        """The type as Terraform has it: a word, ``["list", …]``, ``["map", …]`` or the attributes of an object."""
        if isinstance(annotation, ast.Constant):
            name = str(annotation.value)
            return self.fields(name if name.endswith("Dict") else f"{name}Dict")
        if isinstance(annotation, ast.Name | ast.Attribute):
            return PRIMITIVES[ast.unparse(annotation).removeprefix("_builtins.")]
        assert isinstance(annotation, ast.Subscript)
        outer, inner = ast.unparse(annotation.value), annotation.slice
        if outer == "Sequence":
            return ["list", self.type(inner)]
        if outer == "Mapping":
            assert isinstance(inner, ast.Tuple)
            return ["map", self.type(inner.elts[1])]
        assert outer in ("pulumi.Input", "Optional", "NotRequired"), outer
        return self.type(inner)


# ---- the API ----


def schema(hint: Any) -> dict[str, Any]:
    """The JSON Schema of a type of the SDK, which knows no other fields than those it names."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Required, typing.NotRequired, typing.Annotated):
        return schema(arguments[0])
    if origin is typing.Literal:
        return {"enum": list(arguments)}
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [schema(each) for each in arguments]}
    if origin in (list, Sequence, Iterable):
        return {"type": "array", "items": schema(arguments[0])}
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": schema(arguments[1])}
    if hasattr(hint, "__total__"):
        return typed(hint)
    words = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return {} if hint in (object, Any) else {"type": words[hint]}


def typed(model: Any) -> dict[str, Any]:
    """The JSON Schema of a typed dictionary, with the names that travel."""
    hints = typing.get_type_hints(model, include_extras=True)
    names = {name: _alias(hint) or name for name, hint in hints.items()}
    # The marks are text in these modules, so `__required_keys__` has not seen them.
    required = sorted(names[name] for name, hint in hints.items() if typing.get_origin(hint) is typing.Required)
    return {
        "type": "object",
        "properties": {names[name]: schema(hint) for name, hint in hints.items()},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _alias(hint: Any) -> str | None:
    while typing.get_origin(hint) in (typing.Required, typing.NotRequired):
        (hint,) = typing.get_args(hint)
    extras = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    return next((extra.alias for extra in extras if getattr(extra, "alias", None)), None)


def actions() -> dict[str, Any]:
    """Action → the rule that has it, as a PUT to a phase's entry point takes it."""
    from cloudflare.types.rulesets import phase_update_params  # noqa: PLC0415

    found: dict[str, Any] = {}
    for model in typing.get_args(phase_update_params.Rule):
        whole = typed(model)
        for action in whole["properties"]["action"]["enum"]:
            found[action] = whole
    return found


def zone_settings() -> dict[str, Any]:
    """Setting of a zone → what its value may be."""
    from cloudflare.types.zones import setting_get_response  # noqa: PLC0415

    found: dict[str, Any] = {}
    for model in typing.get_args(setting_get_response.SettingGetResponse):
        fields = getattr(model, "model_fields", {})
        if "id" in fields and "value" in fields:
            found |= dict.fromkeys(typing.get_args(fields["id"].annotation), fields["value"].annotation)
    return {name: schema(found[name]) for name in SETTINGS}


def main() -> None:
    """Write the file."""
    from cloudflare.types.rulesets import phase  # noqa: PLC0415

    bindings = Bindings()
    version = importlib.metadata.version
    wanted = (
        "block",
        "compress_response",
        "rewrite",
        "route",
        "set_cache_control",
        "set_cache_settings",
        "set_config",
        "skip",
    )
    rules = actions()
    parts = {
        "terraform": f"pulumi-cloudflare {version('pulumi-cloudflare')}",
        **{name: bindings.resource(*where) for name, where in RESOURCES.items()},
        "data.cloudflare_zone": {"filter": {"type": bindings.fields("GetZoneFilterArgsDict"), "required": False}},
        "api": f"cloudflare {version('cloudflare')}",
        "phases": list(typing.get_args(phase.Phase)),
        **{f"rule.{action}": rules[action] for action in wanted},
        **{f"setting.{name}": values for name, values in zone_settings().items()},
    }
    lines = (f"{json.dumps(name)}: {json.dumps(part, sort_keys=True)}" for name, part in parts.items())
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
