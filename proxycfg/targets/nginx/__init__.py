"""nginx: open source, from 1.18 on.

The writer and its templates are imported when something is written: reading configs, as linting one at every save does, starts five times as
quickly without them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.target import Target

if TYPE_CHECKING:
    from proxycfg.spec import Spec
    from proxycfg.target import Output


def _version(spec: Spec) -> str:
    from proxycfg.targets.nginx.aim import version_of  # noqa: PLC0415 - see above

    return version_of(spec)


def _write(spec: Spec) -> Output:
    from proxycfg.targets.nginx.write import write  # noqa: PLC0415 - see above

    return write(spec)


TARGET = Target(name="nginx", title="nginx", version=_version, write=_write)
