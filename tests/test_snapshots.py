"""Generated configs, reviewed once and compared for ever: ``make snapshots`` rewrites them."""

from __future__ import annotations

import pytest

from tests.snapshots import CASES, SPECS, made


@pytest.mark.parametrize("case", CASES)
def test_a_spec_gives_the_reviewed_configs(case: str) -> None:
    """Byte for byte, findings included; nothing more and nothing less."""
    expected = {path.name: path.read_text() for path in (SPECS / case).iterdir() if path.name != "routes.yaml"}

    assert expected == made(case)
