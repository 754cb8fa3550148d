"""Reports of measurements: well-formed, harmless, and with the same things in each."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest

from proxycfg.measured import Measured
from proxycfg.reports import measured_html, measured_json, measured_junit, measured_markdown, measured_text
from tests.measurements import CONFIG, RECORDINGS, contradicted, recorded, replayed

EXPECTED: dict[str, tuple[str, list[str]]] = {
    "probe-sse-nginx-1.22-stock": ("fail", ["stream-held-back"]),
    "probe-sse-nginx-1.30-stock-tls": ("fail", ["stream-held-back"]),
    "probe-sse-nginx-1.30-generated-tls": ("pass", []),
    "probe-sse-envoy-1.40-stock": ("fail", ["stream-cut"]),
    "probe-websocket-nginx-1.30-stock": ("fail", ["handshake-refused"]),
    "probe-grpc-envoy-1.40-generated": ("pass", []),
}
"""Recording of a real proxy → what it shows."""


@pytest.fixture(scope="module")
def routes() -> list[Measured]:
    """All that are kept, and one that contradicts its config."""
    return [*(replayed(recorded(name)) for name in EXPECTED), contradicted(recorded(next(iter(EXPECTED))))]


@pytest.mark.parametrize("name", EXPECTED)
def test_a_recording_shows_what_it_showed(name: str) -> None:
    """The verdict is the judge's alone."""
    found = replayed(recorded(name))

    assert EXPECTED[name] == (found.verdict, [finding.rule for finding in found.findings])


def test_every_recording_is_judged() -> None:
    """None lies around."""
    assert set(EXPECTED) == {path.stem for path in RECORDINGS.glob("probe-*.jsonl")}


class _Tags(HTMLParser):
    """Open tags, in order; complains of one that is closed and was not opened."""

    EMPTY = frozenset({"meta"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_alone(routes: list[Measured]) -> None:
    """Each tag is closed, each id is there once, nothing is fetched or run, and no name becomes a tag."""
    page = measured_html.render("proxycfg check", routes, {"nginx.conf": CONFIG})
    tags = _Tags()
    tags.feed(page)
    ids = [attrs["id"] for _, attrs in tags.seen if "id" in attrs]

    assert tags.open == []
    assert len(ids) == len(set(ids))
    assert not {tag for tag, _ in tags.seen} & {"script", "link", "img", "iframe", "b", "i"}
    assert not [attrs for _, attrs in tags.seen if {"src", "onload", "style"} & attrs.keys()]
    assert all(str(attrs["href"]).startswith("#") for _, attrs in tags.seen if "href" in attrs)
    assert "&lt;script&gt;" in page


def test_the_page_shows_predicted_and_measured_and_the_line_that_decides(routes: list[Measured]) -> None:
    """The line is marked among those around it."""
    page = measured_html.render("proxycfg check", [routes[-1]], {"nginx.conf": CONFIG})

    assert "A bug of proxycfg: response_buffering is not what it reads out of the config" in page
    assert "7 |             <mark>proxy_buffering on</mark>;" in page
    assert re.search(r"<th scope=\"row\">response_buffering</th><td>yes</td><td>.*✓ no", page)


def test_json_has_the_disagreement(routes: list[Measured]) -> None:
    """With both values, and the place that was taken to decide it."""
    body = measured_json.render(routes)
    *others, last = body["routes"]  # type: ignore[misc]
    (each,) = last["disagreements"]  # type: ignore[index]

    assert body["target"] is None
    assert all(route["disagreements"] == [] for route in others)  # type: ignore[index]
    assert ("response_buffering", True, False, 7) == (
        each["property"],
        each["predicted"],
        each["measured"],
        each["origin"]["location"]["start"]["line"],
    )
    assert last["behavior"]["response_buffering"]["predicted"]["value"] is True  # type: ignore[index]


def test_junit_fails_once_for_each_finding(routes: list[Measured]) -> None:
    """And skips with the reason."""
    tree = ET.fromstring(measured_junit.render("proxycfg check", routes))
    failures = [each.get("message") for each in tree.iter("failure")]

    assert failures == [finding.message for route in routes for finding in route.findings]
    assert tree.get("tests") == str(len(list(tree.iter("testcase"))))


def test_markdown_is_one_table_and_a_part_for_each_route(routes: list[Measured]) -> None:
    """What is said has no tags."""
    text = measured_markdown.render("proxycfg check", routes)

    assert text.count("\n### ") == len(routes)
    assert "**A bug of proxycfg**: `response_buffering` is predicted as yes by `proxy_buffering on`" in text
    assert "<i>" not in text.replace("`", "")


def test_text_names_the_bug_as_well(routes: list[Measured]) -> None:
    """Whoever looks at the terminal sees all that matters."""
    text = measured_text.render(routes)

    assert "predicted yes by `proxy_buffering on` (nginx.conf:7:13), measured no" in text
    assert text.count("✗ fail") + text.count("✓ pass") == len(routes)
