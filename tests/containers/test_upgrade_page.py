"""The page about newer versions of nginx says what they do: its config is run on each, and what changes is what stands there.

``python -m tests.containers.test_upgrade_page`` measures anew and writes it: look at the difference.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.engines import LAB, need

PAGE = Path(__file__).parent.parent.parent / "docs" / "nginx-upgrade.md"
STEPS = (("1.22", "1.26"), ("1.26", "1.30"))


def changes(page: str, before: str, after: str) -> str:
    """What one step changes for the page's config, in the words of ``proxycfg check --compare``."""
    config = re.search(r"```nginx\n(.*?)```", page, re.DOTALL)
    assert config
    image, lab = need(f"nginx-{before}").image, need(LAB).image
    need(f"nginx-{after}")
    assert image
    assert lab
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "nginx.conf"
        path.write_text(config[1])
        words = [
            sys.executable,
            "-m",
            "proxycfg",
            "check",
            str(path),
            "--image",
            image,
            "--lab-image",
            lab,
            "--compare",
            after,
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


def section(page: str, before: str, after: str) -> str:
    """What the page says of it."""
    found = re.search(rf"^## nginx {before} → nginx {after}\n.*?(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found
    return found[0]


@pytest.mark.engine
@pytest.mark.timeout(300)
@pytest.mark.xdist_group("check")
@pytest.mark.parametrize(("before", "after"), STEPS, ids=["-".join(step) for step in STEPS])
def test_each_step_changes_what_the_page_says(before: str, after: str) -> None:
    """Route by route, property by property."""
    page = PAGE.read_text()

    assert section(page, before, after).strip() == changes(page, before, after).strip()


if __name__ == "__main__":
    text = PAGE.read_text()
    for step in STEPS:
        text = text.replace(section(text, *step).strip(), changes(text, *step).strip())
    PAGE.write_text(text)
