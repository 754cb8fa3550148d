"""Two measurements compared: what real nginx did in two versions, and what cannot be told."""

from __future__ import annotations

from proxycfg.behavior import at_least, exactly
from proxycfg.compare import compare
from proxycfg.explain import ordinary_need
from proxycfg.measured import Found, Judged, Measured, Tried, measured
from proxycfg.reports import compared_markdown
from proxycfg.source import Span


def route(path: str = "/events", **found: object) -> Measured:
    """A route of which so much was found."""
    tried = Tried(
        request=f"http://a{path}", host=None, path=path, kind="prefix", span=Span.whole("nginx.conf"), protocol="sse"
    )
    values = {name: Found(value, f"{name} was seen") for name, value in found.items()}  # type: ignore[arg-type]
    return measured(Judged(found=values), ordinary_need("sse"), (), tried)


def test_a_value_that_excludes_the_other_is_a_change() -> None:
    """With its verdict."""
    before, after = route(stalls_on=exactly(frozenset({"2"}))), route(stalls_on=exactly(frozenset()))
    (change,) = compare([before], [after])

    assert change.matters
    assert list(change.values) == ["stalls_on"]
    assert (before.verdict, after.verdict) == ("fail", "pass")


def test_ranges_that_overlap_and_what_was_learned_once_are_none() -> None:
    """What may be the same is not said to have changed; what is known of one alone is named."""
    (change,) = compare(
        [route(upstream_idle_timeout=at_least(5.0))],
        [route(upstream_idle_timeout=at_least(3.0), compression=exactly(False))],
    )

    assert not change.matters
    assert change.unsure == ("compression",)


def test_routes_come_and_go() -> None:
    """By host, path, kind and protocol."""
    changes = compare([route("/a"), route("/b")], [route("/b"), route("/c")])

    assert [(change.either.tried.path, change.before is None, change.after is None) for change in changes] == [
        ("/b", False, False), ("/c", True, False), ("/a", False, True),
    ]  # fmt: skip


def test_the_report_names_what_changes_and_counts_the_rest() -> None:
    """Nothing that is the same is listed."""
    before = [route("/a", stalls_on=exactly(frozenset({"2"}))), route("/b")]
    after = [route("/a", stalls_on=exactly(frozenset())), route("/b")]
    text = compared_markdown.render(("nginx 1.22", "nginx 1.30"), compare(before, after))

    assert text.startswith("## nginx 1.22 → nginx 1.30\n\n1 route of 2 fares otherwise; 1 as before.\n")
    assert "Verdict: fail → pass." in text
    assert "| `stalls_on` | 2 | none | stalls\\_on was seen |" in text
    assert "`*/b`" not in text
