"""A provider for Terraform that knows the published schema and nothing else, so that `terraform validate` can judge without a network.

Terraform finds it where a debugger would stand (``TF_REATTACH_PROVIDERS``) and speaks its plugin protocol to it, version 6: gRPC, of which
only the calls of a validation are answered. The messages are few and flat, so they are written by hand.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from tests.targets.cloudflare_schema import FILE

TERRAFORM = shutil.which("terraform")
SOURCE = "registry.terraform.io/cloudflare/cloudflare"
_SINGLE, _LIST, _MAP = 1, 2, 4


# ---- protocol buffers ----


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _attribute(name: str, kind: Any, *, required: bool) -> bytes:
    out = _bytes(1, name.encode())
    mode = (
        _SINGLE
        if isinstance(kind, dict)
        else {"list": _LIST, "map": _MAP}.get(kind[0])
        if isinstance(kind, list)
        else None
    )
    inner = kind[1] if isinstance(kind, list) else kind
    if mode and isinstance(inner, dict):
        out += _bytes(10, b"".join(_bytes(1, each) for each in _attributes(inner)) + _number(3, mode))
    else:
        out += _bytes(2, json.dumps(kind).encode())
    return out + _number(4 if required else 5, 1)


def _attributes(fields: Mapping[str, Any]) -> Iterator[bytes]:
    for name, each in fields.items():
        yield _attribute(name, each["type"], required=each["required"])


def _schema(fields: Mapping[str, Any], computed: tuple[str, ...] = ()) -> bytes:
    block = b"".join(_bytes(2, each) for each in _attributes(fields))
    for name in computed:
        block += _bytes(2, _bytes(1, name.encode()) + _bytes(2, b'"string"') + _number(6, 1))
    return _number(1, 0) + _bytes(2, block)


def _entry(field: int, name: str, schema: bytes) -> bytes:
    return _bytes(field, _bytes(1, name.encode()) + _bytes(2, schema))


def _provider_schema() -> bytes:
    known = json.loads(FILE.read_text())
    resources = b"".join(
        _entry(2, name, _schema(known[name], ("id",))) for name in ("cloudflare_ruleset", "cloudflare_zone_setting")
    )
    data = _entry(3, "cloudflare_zone", _schema(known["data.cloudflare_zone"], ("id", "zone_id")))
    return _bytes(1, _schema({})) + resources + data


# ---- the provider ----


class _Provider(grpc.GenericRpcHandler):
    """Answers a validation: what the schema does not forbid is in order."""

    answers: Mapping[str, bytes]

    def __init__(self) -> None:
        """Know the schema."""
        self.answers = {
            "/tfplugin6.Provider/GetProviderSchema": _provider_schema(),
            "/tfplugin6.Provider/ValidateProviderConfig": b"",
            "/tfplugin6.Provider/ValidateResourceConfig": b"",
            "/tfplugin6.Provider/ValidateDataResourceConfig": b"",
            "/tfplugin6.Provider/StopProvider": b"",
        }

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        """The answer to a call, whatever its message."""
        answer = self.answers.get(handler_call_details.method)
        return None if answer is None else grpc.unary_unary_rpc_method_handler(lambda *_: answer)


@contextmanager
def provider() -> Iterator[dict[str, str]]:
    """The environment in which Terraform finds the provider."""
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=(_Provider(),))
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/provider.sock"
        server.add_insecure_port(f"unix:{socket}")
        server.start()
        address = {"Network": "unix", "String": socket}
        attached = {
            SOURCE: {"Protocol": "grpc", "ProtocolVersion": 6, "Pid": os.getpid(), "Test": True, "Addr": address}
        }
        try:
            yield {**os.environ, "TF_REATTACH_PROVIDERS": json.dumps(attached), "CHECKPOINT_DISABLE": "1"}
        finally:
            server.stop(None).wait()


def validate(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """What `terraform validate` has against the files of a folder."""
    begun = _terraform(folder, environment, "init", "-backend=false", "-input=false", "-no-color")
    if begun.returncode:
        return [begun.stderr]
    told = json.loads(_terraform(folder, environment, "validate", "-json").stdout)["diagnostics"]
    return [f"{each['summary']}: {each.get('detail', '')} {each.get('range', {}).get('start', '')}" for each in told]


def _terraform(folder: Path, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(TERRAFORM), *arguments]
    return subprocess.run(command, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False)
