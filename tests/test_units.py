"""Durations and sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg.units import parse_duration, parse_size, short, show_duration, show_size


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("500ms", 0.5), ("1d", 86400), ("1.5s", 1.5),
        ("0s", 0),
        ("1m30s", 90), ("1d2h3m4s5ms", 93784.005), ("1s500ms", 1.5), ("010s", 10), ("1m500ms", 60.5),
    ],
)  # fmt: skip
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    """From days down to milliseconds, in that order."""
    assert seconds == pytest.approx(parse_duration(text))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "s",
        "30",
        "30 s",
        "-30s",
        "1.5h",
        "30S",
        "30sec",
        "1s1m",
        "1ms1s",
        "s30",
        " 30s",
        "30s\n",
        "٣s",
        "1e3s",
        ".5s",
        "9" * 19 + "s",
    ],
)
def test_anything_else_is_no_duration(text: str) -> None:
    """The message says what would be one."""
    with pytest.raises(ValueError, match=r"is not a duration: write 30s, 5m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512", 512), ("1k", 1024), ("16m", 2**24), ("16M", 2**24), ("1g", 2**30), ("64KiB", 2**16), ("64kib", 2**16),
        ("16MiB", 2**24),
        ("1GiB", 2**30), ("16MB", 16_000_000), ("2kb", 2000), ("1GB", 10**9), ("7B", 7), ("16 MiB", 2**24), ("0", 0),
    ],
)  # fmt: skip
def test_a_size_is_a_number_with_a_unit(text: str, size: int) -> None:
    """Powers of two, as in nginx; of ten where the unit says B alone."""
    assert size == parse_size(text)


@pytest.mark.parametrize(
    "text", ["", "MB", "1.5MB", "-1", "1TB", "1ib", "16  MB", "16MB ", "1_000", "٣", "0x10", "9" * 19]
)
def test_anything_else_is_no_size(text: str) -> None:
    """The message says what would be one."""
    with pytest.raises(ValueError, match=r"is not a size: write 1048576, 64KiB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (90, "90s"), (3600, "1h"), (5400, "90m"), (86400, "24h"), (60, "1m"), (0.5, "500ms"), (1001, "1001s"),
        (100_000, "100000s"), (0, "0ms"), (float("inf"), "never"),
    ],
)  # fmt: skip
def test_a_duration_is_shown_in_the_largest_unit_that_fits(seconds: float, text: str) -> None:
    """People count in hours, minutes and seconds, not in milliseconds."""
    assert text == show_duration(seconds)


@given(st.integers(min_value=1, max_value=365 * 24 * 3600 * 1000))
def test_what_is_shown_of_a_duration_reads_back(millis: int) -> None:
    """A message's duration can be copied into a spec."""
    assert millis / 1000 == pytest.approx(parse_duration(show_duration(millis / 1000)))


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (2**24, "16MiB"),
        (2**30, "1GiB"),
        (2**16, "64KiB"),
        (1000, "1000 bytes"),
        (0, "0 bytes"),
        (float("inf"), "unlimited"),
    ],
)
def test_a_size_is_shown_in_the_largest_unit_that_fits(size: float, text: str) -> None:
    """Bytes where none fits."""
    assert text == show_size(size)


def test_a_long_text_is_cut_for_a_message() -> None:
    """Nobody wants a megabyte of it back."""
    assert "abc" == short("abc")
    assert "x" * 60 + "…" == short("x" * 10_000_000)
