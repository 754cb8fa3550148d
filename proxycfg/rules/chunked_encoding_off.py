"""Clients cannot tell an end from a cut.

**What it sees.** A route that streams, and `chunked_transfer_encoding off`, which many recipes for event streams carry along.

**Why it hurts.** An HTTP/1.1 answer without chunks ends where its connection does: a stream that was cut in the middle looks complete, and no
connection is used twice. An EventSource reconnects either way, so there it is a note; what downloads, or reads the answer of an LLM, takes half for
the whole.

**Instead.** Leave the line out; it does not make anything flow.

**When it is fine.** For clients that cannot read chunks.

**Measured.** Streams flowed with and without it, and a cut looked like an end without it (1.22, 1.26, 1.30). Its configs show it in
`tests/containers/test_rule_fixtures.py`.

**Sources.** <https://nginx.org/en/docs/http/ngx_http_core_module.html#chunked_transfer_encoding>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree


@idiom("chunked_transfer_encoding", category=Category.HARDENING, severity=Severity.WARNING)
def chunked_encoding_off(tree: NginxTree) -> Iterator[Complaint]:
    """Answers whose end nobody can be sure of."""
    for view in tree.views:
        line = view.line("chunked_transfer_encoding")
        if line is None or line.args[0] != "off" or view.case.protocol in {"websocket", "grpc"}:
            continue
        yield Complaint(
            severity=Severity.WARNING if view.case.protocol in {"ndjson", "connect"} else Severity.INFO,
            message=f"clients of {view.case.title} cannot tell its end from a cut: {line.source}",
            why="Without chunks both are a closed connection. The line is not needed for anything to flow: remove it.",
            span=line.span,
            case=view.case,
            fix=view.remove(line),
        )
