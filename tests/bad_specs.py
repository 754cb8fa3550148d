"""The mistakes of ``fixtures/specs-bad/*/``, and what is said about each. ``python -m tests.bad_specs`` rewrites what is said."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from proxycfg.cli import run

BAD = Path(__file__).parent.parent / "fixtures" / "specs-bad"
CASES = sorted(path.parent.name for path in BAD.glob("*/routes.yaml"))


def told(case: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of ``generate`` on the case, run in its folder."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(BAD / case), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["generate", "routes.yaml", "--target", "nginx", "--out", "-"])
    return code, out.getvalue(), err.getvalue()


def main() -> None:
    """Write what is said now; look at the difference before you commit."""
    for case in CASES:
        (BAD / case / "expected.txt").write_text(told(case)[2])


if __name__ == "__main__":
    main()
