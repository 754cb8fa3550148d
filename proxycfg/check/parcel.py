"""The lab's program as one file that is sent to it: an image needs nothing but Python."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path

import proxycfg
from proxycfg.errors import CannotRun

_PACKAGES = ("h2", "hpack", "hyperframe")
_FOLDERS = ("lab", "probes", "protocols")
"""Of ours, beside the modules at the top: what the lab imports."""

BOOT = (
    "import io,sys,zipfile;i=sys.stdin.buffer;zipfile.ZipFile(io.BytesIO(i.read(int(i.readline())))).extractall('/tmp/lab');"
    "sys.path.insert(0,'/tmp/lab');from proxycfg.lab.keeper import main;main()"
)
"""What Python is told on its command line: take the parcel from standard input, and run what is in it."""


def packed() -> bytes:
    """The parcel, after a line with its size.

    :raises CannotRun: if a package of the extra ``lab`` is not here.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        own = Path(proxycfg.__file__).parent
        for path in (*own.glob("*.py"), *(path for name in _FOLDERS for path in (own / name).rglob("*.py"))):
            archive.write(path, Path("proxycfg") / path.relative_to(own))
        for name in _PACKAGES:
            spec = importlib.util.find_spec(name)
            if spec is None or not spec.origin:
                raise CannotRun(
                    f"proxycfg check needs the package {name}, which is not here: pip install 'proxycfg[check]'"
                )
            folder = Path(spec.origin).parent
            for path in folder.rglob("*.py"):
                archive.write(path, name / path.relative_to(folder))
    parcel = made.getvalue()
    return b"%d\n%s" % (len(parcel), parcel)
