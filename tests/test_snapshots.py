"""Generated configs, reviewed once and compared for ever: ``make snapshots`` rewrites them."""

from __future__ import annotations

import pytest

from tests.snapshots import CASES, kept, made


@pytest.mark.parametrize("case", CASES)
def test_a_spec_gives_the_reviewed_configs(case: str) -> None:
    """Byte for byte, findings included; nothing more and nothing less."""
    assert {name: path.read_text() for name, path in kept(case).items()} == made(case)
