"""The shape of ``stack.yaml``: the hops between client and origin, outermost first, and where the config of each lies.

:mod:`proxycfg.stackfile` checks a file against it; :mod:`proxycfg.wording` says what is wrong.
"""

from __future__ import annotations

import posixpath
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from proxycfg.errors import suggest
from proxycfg.presets import PRESETS
from proxycfg.specmodel import (
    Duration,
    EngineVersion,
    ExactHost,
    HttpVersion,
    Model,
    Plan,
    ProtocolName,
    Size,
    UrlPath,
    Wrong,
    format_version,
)
from proxycfg.yamldoc import called


def _inside(text: str) -> str:
    if "\0" in text or not text.strip():
        raise Wrong("must be the path of a file or a folder", "write a path such as edge/nginx.conf")
    path = posixpath.normpath(text)
    if path.startswith(("/", "../")) or path == "..":
        raise Wrong(
            "must lie below the folder of this file", "move this file up to a folder that holds the configs of all hops"
        )
    return path


ConfigPath = Annotated[str, AfterValidator(_inside), Field(min_length=1, max_length=4096)]


def _from_path(value: Any) -> Any:
    """A config by itself stands for the settings that name it."""
    return {"config": value} if isinstance(value, str) else value


class NginxHop(Model):
    """An nginx."""

    config: ConfigPath = Field(
        description="its nginx.conf, a folder, or the output of `nginx -T`", examples=["edge/nginx.conf"]
    )
    version: EngineVersion | None = Field(None, description="the nginx that runs it", examples=["1.26"])


class EnvoyHop(Model):
    """An Envoy."""

    config: ConfigPath = Field(description="its bootstrap, or a /config_dump", examples=["mesh/envoy.yaml"])
    version: EngineVersion | None = Field(None, description="the Envoy that runs it", examples=["1.36"])


class CloudflareHop(Model):
    """Cloudflare."""

    config: ConfigPath | None = Field(
        None, description="Terraform, or exports of the API; without it the defaults count"
    )
    plan: Plan | None = Field(None, description="the zone's plan, where the config does not say")


class OpaqueHop(Model):
    """A hop of which only numbers are known; what is not said passes as if it were not there."""

    preset: str | None = Field(None, description=f"one of {', '.join(PRESETS)}, whose numbers hold where none is given")
    idle_timeout: Duration | None = Field(None, description="silence of either side that gets a stream cut")
    upstream_idle_timeout: Duration | None = Field(None, description="silence of the origin that gets it cut")
    client_idle_timeout: Duration | None = Field(None, description="silence of the client that gets it cut")
    total_timeout: Duration | None = Field(None, description="the longest exchange")
    send_timeout: Duration | None = Field(None, description="a client that stops reading is dropped after this")
    request_body_limit: Size | None = Field(None, description="the largest request")
    max_streams: Annotated[int, Field(ge=1)] | None = Field(None, description="streams that it can hold at once")
    response_buffering: bool | None = Field(None, description="holds answers back until they are complete")
    request_buffering: bool | None = Field(None, description="collects requests")
    compression: bool | None = Field(None, description="compresses answers")
    caching: bool | None = Field(None, description="stores answers")
    upgrade: bool | None = Field(None, description="lets WebSockets pass")
    grpc: bool | None = Field(None, description="lets gRPC pass")
    retries: bool | None = Field(None, description="may send a request twice")
    query_logged: bool | None = Field(None, description="keeps queries in its log")
    client_http_versions: list[HttpVersion] | None = Field(
        None, min_length=1, description="what clients can speak to it"
    )
    upstream_http_version: Literal["1.0", "1.1", "2", "3"] | None = Field(
        None, description="what it speaks to the next hop"
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.preset is not None and self.preset not in PRESETS:
            raise Wrong(f"there is no preset `{self.preset}`", suggest(self.preset, tuple(PRESETS)), at=("preset",))
        return self


KINDS = ("nginx", "envoy", "cloudflare", "opaque")
"""What a hop can be; a preset's name alone stands for an opaque one."""


class StackHop(Model):
    """One hop: what it is, and where its config lies."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")] | None = Field(
        None, description="how reports call it; default what it is", examples=["edge"]
    )
    nginx: Annotated[NginxHop, BeforeValidator(_from_path)] | None = Field(None, description="an nginx, by its config")
    envoy: Annotated[EnvoyHop, BeforeValidator(_from_path)] | None = Field(None, description="an Envoy, by its config")
    cloudflare: Annotated[CloudflareHop, BeforeValidator(_from_path)] | None = Field(None, description="Cloudflare")
    opaque: OpaqueHop | None = Field(None, description="a hop of which only numbers are known")

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value in PRESETS:
                return {"opaque": {"preset": value}}
            if value == "cloudflare":
                return {"cloudflare": {}}
            raise Wrong("cannot be a hop", suggest(value, ("cloudflare", *PRESETS)))
        if not isinstance(value, dict):
            raise Wrong(f"a hop cannot be {called(value)}", "write `nginx: edge/nginx.conf`, or a preset's name")
        return value

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.kinds) != 1:
            raise Wrong("a hop is one thing", f"give it one of {', '.join(KINDS)}")
        return self

    @property
    def kinds(self) -> list[str]:
        """What it says that it is."""
        return [kind for kind in KINDS if getattr(self, kind) is not None]


class StackStream(Model):
    """A path that streams, whatever the configs say."""

    path: UrlPath = Field(description="as clients ask for it", examples=["/events"])
    protocol: ProtocolName = Field(description="what travels there")
    heartbeat: Duration | None = Field(None, description="how often the origin sends something when idle")
    idle_timeout: Duration | None = Field(None, description="longest silence to allow")


class StackFile(Model):
    """A whole ``stack.yaml``."""

    version: Annotated[Literal[1], BeforeValidator(format_version)] = Field(1, description="of this format")
    host: ExactHost | None = Field(None, description="the name that clients ask for", examples=["chat.example.com"])
    hops: list[StackHop] = Field(min_length=1, max_length=16, description="the hops, outermost first")
    streams: list[StackStream] = Field(default_factory=list, description="paths that stream")
