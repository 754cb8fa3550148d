"""The page about a measurement in a real browser: nothing is fetched, everything is named, reached by keyboard, legible, and fits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from proxycfg.reports import measured_html
from tests.clients import chromium as browsers
from tests.clients.chromium import Page
from tests.measurements import CONFIG, contradicted, recorded, replayed

SHOWN = ("probe-sse-nginx-1.30-stock-tls", "probe-sse-envoy-1.40-stock", "probe-sse-nginx-1.30-generated-tls")
CONTRAST = """
(() => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const color = parse(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const node of document.querySelectorAll('body *')) {
    if (![...node.childNodes].some((each) => each.nodeType === 3 && each.textContent.trim())) continue;
    if (['title', 'desc'].includes(node.tagName)) continue;
    const style = getComputedStyle(node);
    const [a, b] = [light(parse(node.closest('svg') ? style.fill : style.color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(node.tagName + ' ' + node.textContent.slice(0, 40) + ' ' + ratio.toFixed(2));
  }
  return poor;
})()
"""
"""Texts whose contrast is below that of WCAG 2.2, AA."""


@pytest.fixture(scope="module")
def page(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """The page with several routes, opened."""
    folder = tmp_path_factory.mktemp("page")
    routes = [*(replayed(recorded(name)) for name in SHOWN), contradicted(recorded(SHOWN[0]))]
    file = folder / "page.html"
    file.write_text(measured_html.render("proxycfg check", routes, {"nginx.conf": CONFIG}))
    with browsers.page(chromium, folder) as opened:
        opened.width(1200)
        opened.open(file.as_uri())
        yield opened


@pytest.mark.engine
def test_nothing_is_fetched_or_complained_of(page: Page) -> None:
    """The file is all there is."""
    asked = [
        event["params"]["request"]["url"] for event in page.events if event["method"] == "Network.requestWillBeSent"
    ]
    wrong = [event for event in page.events if event["method"] in {"Log.entryAdded", "Runtime.exceptionThrown"}]

    assert [url.rpartition("/")[2] for url in asked] == ["page.html"]
    assert wrong == []


@pytest.mark.engine
def test_a_screen_reader_is_told_everything(page: Page) -> None:
    """Landmarks, headings, the pictures in words, tables with heads, and what scrolls by its name."""
    tree: list[dict[str, Any]] = page.do("Accessibility.getFullAXTree")["nodes"]
    named = {(node["role"]["value"], node.get("name", {}).get("value", "")) for node in tree if not node["ignored"]}
    pictures = [
        node for node in tree if node["role"]["value"] in {"image", "img", "graphics-document"} and not node["ignored"]
    ]

    assert {"main", "banner", "navigation", "heading", "columnheader", "rowheader", "figure"} <= {
        role for role, _ in named
    }
    assert ("navigation", "Routes") in named
    assert len(pictures) == len(SHOWN) + 1
    for node in pictures:
        assert node["name"]["value"].startswith("What was sent and what came, over ")
        assert "asked at" in node["description"]["value"]
    assert [
        name for role, name in named if role in {"link", "columnheader", "rowheader", "DisclosureTriangle"} and not name
    ] == []
    scrolled = "[...document.querySelectorAll('[tabindex]')]"
    assert page.value(
        f"{scrolled}.every((each) => each.getAttribute('role') === 'group' && each.getAttribute('aria-label'))"
    )


@pytest.mark.engine
def test_the_keyboard_reaches_what_can_be_done(page: Page) -> None:
    """The first stop skips to the routes; what scrolls and what opens is a stop, and opens."""
    page.value("document.activeElement.blur(); window.scrollTo(0, 0)")
    stops = []
    for _ in range(60):
        page.press("Tab", 9)
        stop = page.value(
            "(({tagName, className, textContent}) => [tagName, className, textContent.slice(0, 30)])(document.activeElement)"
        )
        if stop[0] == "BODY":
            break
        stops.append(stop)

    assert stops[0] == ["A", "skip", "Skip to the routes"]
    assert {"SUMMARY", "DIV", "PRE", "A"} <= {tag for tag, *_ in stops}
    page.value("document.querySelector('summary').focus()")
    page.press("Enter", 13, "\r")
    assert page.value("document.querySelector('details').open") is True
    page.press("Enter", 13, "\r")


@pytest.mark.engine
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_is_legible(page: Page, *, dark: bool) -> None:
    """Against what is behind it."""
    page.media(dark=dark)
    page.value("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    background = page.value("getComputedStyle(document.body).backgroundColor")

    assert page.value(CONTRAST) == []
    assert background == ("rgb(13, 17, 23)" if dark else "rgb(255, 255, 255)")
    page.media()


@pytest.mark.engine
@pytest.mark.parametrize("width", [1200, 700, 360])
def test_the_page_is_never_wider_than_the_window(page: Page, width: int) -> None:
    """What is wider scrolls by itself."""
    page.width(width)

    assert page.value("document.documentElement.scrollWidth") <= width
    page.width(1200)


@pytest.mark.engine
def test_paper_shows_the_routes_and_no_navigation(page: Page) -> None:
    """On several sheets, with the pictures whole."""
    page.media(printed=True)

    assert page.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    assert page.value(
        "[...document.querySelectorAll('svg')].every((each) => getComputedStyle(each).minWidth === '0px')"
    )
    printed = page.pdf()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") >= len(SHOWN)
    page.media()
