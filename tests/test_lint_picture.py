"""The picture of ``lint`` in the README is what it prints."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from tests.lint_picture import PICTURE, session, svg


def _words(text: str) -> list[str]:
    """What a picture says, word by word; rich may change how it draws."""
    drawn = ET.fromstring(text).iter("{http://www.w3.org/2000/svg}text")
    return [word for each in drawn for word in "".join(each.itertext()).replace("\xa0", " ").split()]


def test_the_picture_is_of_what_lint_says() -> None:
    """Findings, the repair, clean. ``make picture-lint`` draws it anew."""
    shown, codes = session()

    assert codes == [1, 1, 0]
    assert shown.plain.endswith("nothing found in 1 file, 2 routes")
    assert _words(PICTURE.read_text()) == _words(svg(shown))


def test_the_picture_needs_nothing_from_elsewhere() -> None:
    """An SVG inside a page may load nothing."""
    text = PICTURE.read_text()

    assert "url(http" not in text
    assert "@font-face" not in text
