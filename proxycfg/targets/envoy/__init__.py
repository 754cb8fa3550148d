"""Envoy: a static bootstrap, from 1.30 on.

The writer and its templates are imported when something is written: see nginx's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.target import Target

if TYPE_CHECKING:
    from proxycfg.spec import Spec
    from proxycfg.target import Output


def _version(spec: Spec) -> str:
    from proxycfg.targets.envoy.aim import version_of  # noqa: PLC0415 - see above

    return version_of(spec)


def _write(spec: Spec) -> Output:
    from proxycfg.targets.envoy.write import write  # noqa: PLC0415 - see above

    return write(spec)


TARGET = Target(name="envoy", title="Envoy", version=_version, write=_write)
