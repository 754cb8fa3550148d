"""The command lines of the engines: the same whether they run in a container or on this machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tests.engines.catalogue import Engine

_DAEMON = re.compile(r"^\s*daemon\s+(on|off)\s*;", re.MULTILINE)
_FILES = {"nginx": ("nginx.conf",), "envoy": ("envoy.yaml", "envoy.json"), "workerd": ("config.capnp",)}


def config_file(engine: Engine, path: Path) -> Path:
    """The file the engine reads: ``path`` itself, or the one with the usual name in that directory."""
    if path.is_file():
        return path
    for name in _FILES[engine.name]:
        if (path / name).is_file():
            return path / name
    raise FileNotFoundError(f"{path} holds no {' and no '.join(_FILES[engine.name])}")


def start(engine: Engine, config: Path, run_dir: str, *, faketime: str | None, factor: int | None) -> list[str]:
    """Run the engine in the foreground, with ``run_dir`` for what it writes.

    ``-e stderr`` lets us read what nginx says before it has read where to say it, and ``-p`` makes relative paths of logs
    and caches writable ones; relative paths of includes and certificates start at the config either way.
    """
    if engine.name == "envoy":
        if factor:
            raise ValueError("Envoy cannot run under time-lapse (its allocator locks up): scale its durations instead")
        return [_program(engine), *_envoy(config), "--use-dynamic-base-id", "--base-id-path", f"{run_dir}/base-id"]
    if engine.name == "workerd":
        return [_program(engine), "serve", str(config)]
    command = [_program(engine), "-c", str(config), "-p", f"{run_dir}/", "-e", "stderr"]
    daemon = _DAEMON.search(config.read_text())
    if daemon and daemon[1] == "on":
        raise ValueError(f"{config} says `daemon on`: nginx would leave the foreground, where we watch it")
    if not daemon:
        command += ["-g", "daemon off;"]
    if factor:
        command = ["env", f"LD_PRELOAD={faketime}", f"FAKETIME=+0 x{factor}", *command]
    return command


def restart_envoy(engine: Engine, config: Path, base_id: str, epoch: int, drain: int) -> list[str]:
    """The next Envoy of a hot restart: takes over the sockets, and lets the previous one drain for so many seconds."""
    times = ["--drain-time-s", str(drain), "--parent-shutdown-time-s", str(drain + 1)]
    return [_program(engine), *_envoy(config), "--base-id", base_id, "--restart-epoch", str(epoch), *times]


def validate(engine: Engine, config: Path, run_dir: str) -> list[str]:
    """Let the engine itself check the config."""
    if engine.name == "envoy":
        return [_program(engine), "--mode", "validate", "-c", str(config), "--disable-hot-restart"]
    if engine.name == "workerd":
        return [_program(engine), "compile", str(config), "--config-only"]
    return [_program(engine), "-t", "-c", str(config), "-p", f"{run_dir}/", "-e", "stderr"]


def version(engine: Engine) -> list[str]:
    """Let the engine say its version."""
    return [_program(engine), "-v" if engine.name == "nginx" else "--version"]


def _envoy(config: Path) -> Sequence[str]:
    # One worker makes the order of events the same in every run. At level info Envoy lists all its extensions first; the
    # component "config" alone says what it loads and when it begins to serve.
    logs = ("--log-level", "warning", "--component-log-level", "config:info")
    # An access log is written at once, not after ten seconds.
    return ("-c", str(config), "--concurrency", "1", "--file-flush-interval-msec", "50", *logs)


def _program(engine: Engine) -> str:
    return str(engine.binary or engine.name)
