"""Envoy: a static bootstrap, from 1.30 on."""

from __future__ import annotations

from proxycfg.target import Target
from proxycfg.targets.envoy.aim import version_of
from proxycfg.targets.envoy.write import write

TARGET = Target(name="envoy", title="Envoy", version=version_of, write=write)
