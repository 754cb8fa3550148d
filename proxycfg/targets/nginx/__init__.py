"""nginx: open source, from 1.18 on."""

from __future__ import annotations

from proxycfg.target import Target
from proxycfg.targets.nginx.aim import version_of
from proxycfg.targets.nginx.write import write

TARGET = Target(name="nginx", title="nginx", version=version_of, write=write)
