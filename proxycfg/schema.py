"""The JSON Schema of the spec, for editors: descriptions, defaults and examples come from the models themselves."""

from __future__ import annotations

from typing import Any

from proxycfg.protocols import protocols
from proxycfg.specmodel import SpecFile


def schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, with a description for every field and every protocol."""
    made = SpecFile.model_json_schema(by_alias=True)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "proxycfg routes.yaml"
    made["description"] = "Streaming routes, and the origins behind them; `proxycfg generate` makes proxy configs of it."
    for definition in made.get("$defs", {}).values():
        if "protocol" in definition.get("properties", {}):
            field = definition["properties"]["protocol"]
            told = "\n".join(f"- {protocol.name}: {protocol.summary}" for protocol in protocols().values())
            field["markdownDescription"] = f"What travels on the route; default http.\n\n{told}"
    _shorthands(made)
    return made


def _shorthands(made: dict[str, Any]) -> None:
    """What the loader accepts beyond the models: an upstream may be a bare URL."""
    upstreams = made["properties"]["upstreams"]
    full = upstreams["additionalProperties"]
    url = {
        "type": "string",
        "description": "URL of a single server: http://, https://, grpc://, grpcs:// or unix:/path",
        "examples": ["http://api:8000", "grpc://agents:50051", "unix:/run/app.sock"],
    }
    upstreams["additionalProperties"] = {"anyOf": [url, full]}
