"""Reading a spec from where the command line says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxycfg.sourcefile import read_source

if TYPE_CHECKING:
    from proxycfg.spec import Spec


def load_spec(path: str) -> Spec:
    """The spec in a file, or of standard input for ``-``.

    :raises InvalidInput: with every problem found.
    """
    from proxycfg import specfile  # noqa: PLC0415

    advice = "give the path of a spec; `proxycfg init` writes one"
    return specfile.load(read_source(path, specfile.MAX_BYTES, instead=advice, if_larger="split the spec"))
