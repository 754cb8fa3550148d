"""From a config on disk to its stage: which files go along, where the proxy will find them, and stand-ins for what is not there."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from proxycfg.confdir import MAX_BYTES
from proxycfg.errors import CannotRun
from proxycfg.targets.envoy import stage as envoy
from proxycfg.targets.nginx import stage as nginx

if TYPE_CHECKING:
    from proxycfg.certificate import Pair
    from proxycfg.spec import Spec
    from proxycfg.stage import Stage
    from proxycfg.targets.envoy.bootstrap import Config as Envoy
    from proxycfg.targets.nginx.config import Config

USER, PASSWORD = "check", "check"
_AROUND = {
    "http": "events {{}}\nhttp {{\n    include {path};\n}}\n",
    "server": "events {{}}\nhttp {{\n    server {{\n        include {path};\n    }}\n}}\n",
    "location": "events {{}}\nhttp {{\n    server {{\n        location / {{\n            include {path};\n        }}\n    }}\n}}\n",
}
"""What is written around a file that nginx would include, so that it can be run by itself."""


@cache
def certificate() -> Pair:
    """The stand-in for every certificate of this run.

    :raises CannotRun: if the package that makes one is not here.
    """
    if importlib.util.find_spec("cryptography") is None:
        raise CannotRun(
            "proxycfg check needs the package cryptography for a config with TLS, which is not here: pip install 'proxycfg[check]'"
        )
    from proxycfg.certificate import pair  # noqa: PLC0415 - most configs have no TLS

    return pair()


def supply(kind: str) -> bytes:
    """A stand-in for a file of that kind."""
    return _STAND_INS[kind]()


def _dhparam() -> bytes:
    from cryptography.hazmat.primitives.asymmetric import dh  # noqa: PLC0415 - hardly any config has it
    from cryptography.hazmat.primitives.serialization import Encoding, ParameterFormat  # noqa: PLC0415 - as above

    return dh.DHParameterNumbers(_FFDHE2048, 2).parameters().parameter_bytes(Encoding.PEM, ParameterFormat.PKCS3)


def _e(bits: int) -> int:
    """The whole part of 2^bits times Euler's number."""
    term = total = 1 << bits + 64
    count = 1
    while term:
        term //= count
        total += term
        count += 1
    return total >> 64


_FFDHE2048 = (1 << 2048) - (1 << 1984) + (_e(1918) + 560316 << 64) - 1
"""The group of RFC 7919, by its formula."""

_STAND_INS: dict[str, Callable[[], bytes]] = {
    "certificate": lambda: certificate().certificate,
    "key": lambda: certificate().key,
    "dhparam": _dhparam,
    "htpasswd": f"{USER}:{{PLAIN}}{PASSWORD}\n".encode,
    "ticket key": lambda: os.urandom(80),
}


def of_nginx(config: Config, version: str, root: str, *, on_disk: bool = True) -> Stage:
    """The stage of a configuration of nginx.

    :param root: the folder that it was given in; nothing outside of it goes along, and nothing at all that is not ``on_disk``.
    """
    texts = {name: tree.text.text.encode("utf-8", "surrogateescape") for name, tree in config.files.items()}
    tree = _Tree(root, _home(texts, root), "nginx.conf", on_disk=on_disk)
    files = tree.files(texts)
    if config.context != "main":
        main = f"{tree.home}/proxycfg-check.conf"
        files = {main: _AROUND[config.context].format(path=next(iter(files))).encode(), **files}
    return nginx.stage(config, version, list(files.items()), tree.given, supply)


def of_envoy(config: Envoy, version: str, root: str, *, on_disk: bool = True) -> Stage:
    """The stage of a bootstrap of Envoy.

    :param root: as above.
    """
    texts = {name: trees.source.text.encode("utf-8", "surrogateescape") for name, trees in config.files.items()}
    tree = _Tree(root, envoy.HOME, "envoy.yaml", on_disk=on_disk)
    files = tree.files(texts)
    main = config.bootstraps[0].span.file if config.bootstraps else next(iter(texts))
    return envoy.stage(config, version, files, tree.placed(main), tree.given, supply)


def of_spec(spec: Spec) -> list[Stage]:
    """The stages of what is generated from a spec, for each of its targets that can be run here; nothing of it is on disk.

    Certificates and the like that the spec names are supplied: they belong to the machines that it is for.
    """
    from proxycfg.generate import default_targets, generate  # noqa: PLC0415 - most runs are of a config
    from proxycfg.source import Source  # noqa: PLC0415 - as above
    from proxycfg.targets import target  # noqa: PLC0415 - as above
    from proxycfg.targets.envoy.bootstrap import load  # noqa: PLC0415 - as above
    from proxycfg.targets.nginx.config import load_texts  # noqa: PLC0415 - as above

    made = generate(spec, default_targets(spec))
    stages: list[Stage] = []
    for folder, main in made.main.items():
        name = folder.rstrip("0123456789-")
        if name not in {"nginx", "envoy"}:
            continue
        texts = {path: text for path, text in made.files.items() if path.startswith(f"{folder}/")}
        version, root = target(name).version(spec), os.path.abspath(folder)
        if name == "nginx":
            texts = {main: texts.pop(main), **texts}
            stages.append(of_nginx(load_texts(texts), version, root, on_disk=False))
        else:
            stages.append(of_envoy(load([Source(main, texts[main])]), version, root, on_disk=False))
    return stages


class _Tree:
    """The folder that a config was given in, and the place where the proxy will look for it."""

    def __init__(self, root: str, home: str, main: str, *, on_disk: bool) -> None:
        """``main`` is what a config from standard input is called."""
        self.root, self.home, self.main, self.on_disk = root, home, main, on_disk

    def files(self, texts: Mapping[str, bytes]) -> dict[str, bytes]:
        """Files by the path where the proxy looks for them: as the disk has them, whatever their encoding."""
        return {self.placed(name): self.given(self.placed(name)) or text for name, text in texts.items()}

    def placed(self, name: str) -> str:
        """Where the proxy looks for a file."""
        if name == "<stdin>":
            return f"{self.home}/{self.main}"
        path = os.path.abspath(name)
        if name.startswith("/") and not path.startswith(f"{self.root}/"):
            return name
        return f"{self.home}/{os.path.relpath(path, self.root)}"

    def given(self, path: str) -> bytes | None:
        """A file below the root, by the path where the proxy looks for it."""
        at = f"{self.home}/"
        inside = os.path.join(self.root, os.path.relpath(path, self.home)) if path.startswith(at) else path
        real = os.path.realpath(inside)
        below = real.startswith(os.path.join(os.path.realpath(self.root), ""))
        if not (self.on_disk and below and os.path.isfile(real)):
            return None
        try:
            with Path(real).open("rb") as file:
                return file.read(MAX_BYTES)
        except OSError:
            return None


def _home(texts: Mapping[str, bytes], root: str) -> str:
    """Where the folder of the config is to be: where its own includes say, or where nginx has it."""
    named = any(f"{root}/".encode() in text for text in texts.values())
    return root if named else nginx.HOME
