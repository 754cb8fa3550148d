"""Cloudflare: rules and settings of a zone as Terraform and for the Rulesets API, a tunnel and a Worker where the spec asks for them.

The writer and its templates are imported when something is written: see nginx's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.target import Target

if TYPE_CHECKING:
    from proxycfg.spec import Spec
    from proxycfg.target import Output


def _version(spec: Spec) -> str:
    from proxycfg.targets.cloudflare.aim import plan_of  # noqa: PLC0415 - see above

    return f"{plan_of(spec).name} plan"


def _write(spec: Spec) -> Output:
    from proxycfg.targets.cloudflare.write import write  # noqa: PLC0415 - see above

    return write(spec)


TARGET = Target(name="cloudflare", title="Cloudflare", version=_version, write=_write)
