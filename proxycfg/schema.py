"""The JSON Schema of the spec, for editors: descriptions, defaults and examples come from the models themselves."""

from __future__ import annotations

from typing import Any

from proxycfg.protocols import protocols
from proxycfg.specmodel import SERVER_URL, SpecFile


def schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, with a description for every field and every protocol."""
    made = SpecFile.model_json_schema(by_alias=True)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "proxycfg routes.yaml"
    made["description"] = (
        "Streaming routes, and the origins behind them; `proxycfg generate` makes proxy configs of it."
    )
    for definition in made.get("$defs", {}).values():
        if "protocol" in definition.get("properties", {}):
            field = definition["properties"]["protocol"]
            told = "\n".join(f"- {protocol.name}: {protocol.summary}" for protocol in protocols().values())
            field["markdownDescription"] = f"What travels on the route; default http.\n\n{told}"
    _beyond_the_models(made)
    _without_null_defaults(made)
    return made


def _beyond_the_models(made: dict[str, Any]) -> None:
    """What the loader accepts, or refuses, beyond the shapes of the models."""
    upstreams, chain = made["properties"]["upstreams"], made["properties"]["chain"]
    url = {
        "type": "string",
        "pattern": SERVER_URL,
        "description": "URL of a single server: http://, https://, grpc://, grpcs:// or unix:/path",
        "examples": ["http://api:8000", "grpc://agents:50051", "unix:/run/app.sock"],
    }
    upstreams["additionalProperties"] = {"anyOf": [url, upstreams["additionalProperties"]]}
    upstreams["propertyNames"] = {"pattern": "^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$"}
    targets = sorted(made["$defs"]["Targets"]["properties"])
    made["$defs"]["Hop"]["oneOf"] = [{"required": [target]} for target in targets]
    name = {
        "enum": targets,
        "description": "a target with its settings from `targets`",
    }
    chain["items"] = {"anyOf": [name, chain["items"]]}
    made["$defs"]["Limits"]["dependentRequired"] = {"burst": ["rate"]}
    made["$defs"]["RouteEntry"]["oneOf"] = [{"required": [match]} for match in ("path", "exact", "regex")]


def _without_null_defaults(part: Any) -> None:
    """A field that may be left out has a default in words, in its description; `null` would say nothing."""
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        _without_null_defaults(inner)
    if isinstance(part, dict) and "default" in part and part["default"] is None:
        del part["default"]
