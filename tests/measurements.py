"""Measured routes for the tests of reports: out of recordings of real proxies, and with everything at once that a report can show."""

from __future__ import annotations

from pathlib import Path

from proxycfg.behavior import exactly
from proxycfg.explain import ordinary_need
from proxycfg.measured import Found, Judged, Measured, Tried, measured
from proxycfg.probes.outside import command_of, judge
from proxycfg.source import Source, Span
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.read import read
from proxycfg.timeline import Timeline, from_lines

RECORDINGS = Path(__file__).parent.parent / "fixtures" / "timelines"
CONFIG = """\
events {}
http {
    server {
        listen 80;
        location /events {  # <script>alert(1)</script>
            proxy_pass http://127.0.0.1:9000;
            proxy_buffering on;
        }
    }
}
"""


def recorded(name: str) -> Timeline:
    """One that is kept."""
    path = RECORDINGS / f"{name}.jsonl"
    return from_lines(Source(path.name, path.read_text()))


def replayed(timeline: Timeline) -> Measured:
    """What a recording of an endpoint shows."""
    told = timeline[0].facts
    tried = Tried(
        request=str(told["url"]), host=str(told["host"]), path=str(told["path"]), kind="url", span=Span.whole(str(told["url"])),
        protocol=str(told["protocol"]), reproduce=command_of(told),
    )  # fmt: skip
    return measured(judge(timeline), ordinary_need(tried.protocol), timeline, tried)


def contradicted(timeline: Timeline) -> Measured:
    """A route of a config, read as buffered, and measured to be sent at once; with names that would like to be tags."""
    (route,) = read(load_texts({"nginx.conf": CONFIG}), "1.30")
    tried = Tried(
        request="http://<b>host</b>/events|`x`", host=None, path="/events", kind="prefix", span=route.span, protocol="sse", target="nginx",
        predicted=route.reading, reproduce="proxycfg check nginx.conf --url 'http://<b>host</b>/events'",
    )  # fmt: skip
    found = {
        "response_buffering": Found(exactly(False), "the first <i>piece</i> came at once"),
        "accept_encoding_forwarded": Found(exactly(True), "`gzip` & co"),
    }
    return measured(Judged(found=found), ordinary_need("sse"), timeline, tried)
