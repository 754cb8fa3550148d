"""A setting of a module that is not at work here.

**What it sees.** A location that streams through `grpc_pass`, say, with a `proxy_read_timeout` of its own; or the other way round.

**Why it hurts.** Each of nginx's modules reads its own directives: `proxy_*` belongs to `proxy_pass`, `grpc_*` to `grpc_pass`. The line is
accepted, and without effect; the default of 60 s, or of buffering, stays in force.

**Instead.** The module's own directive: `grpc_read_timeout` with `grpc_pass`.

**When it is fine.** If the location has blocks that hand requests to both modules.

**Measured.** A call with `proxy_read_timeout 20s` outlived a minute of silence, one with `grpc_read_timeout 20s` did not (1.26, 1.30). Its configs
show it in `tests/containers/test_rule_fixtures.py`.

**Sources.** `src/http/modules/`
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Related, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.rules._modules import MODULES, settings
from proxycfg.units import counted

if TYPE_CHECKING:
    from proxycfg.targets.nginx.scene import NginxTree
    from proxycfg.targets.nginx.syntax import Directive
    from proxycfg.targets.nginx.view import View


_MATTERS = (
    "read_timeout",
    "send_timeout",
    "connect_timeout",
    "buffering",
    "request_buffering",
    "buffer_size",
    "set_header",
    "next_upstream",
    "cache",
)


@idiom(*settings("pass"), category=Category.PROTOCOL_MISMATCH, severity=Severity.WARNING)
def setting_of_another_module(tree: NginxTree) -> Iterator[Complaint]:
    """Settings of the location itself that its handler does not read."""
    for view in tree.views:
        if view.handler is None or view.names.isdisjoint(_of_others(view.module)) or view.own("if") or view.inside:
            continue
        included: dict[str, list[Directive]] = {}
        for module in MODULES:
            for what in _MATTERS if module != view.module else ():
                for line in view.own(f"{module}_{what}"):
                    if line.span.file != view.handler.span.file:
                        included.setdefault(line.span.file, []).append(line)
                        continue
                    yield Complaint(
                        message=f"`{line.source}` does nothing for {view.case.title}: {view.handler.name} does not read it",
                        why=f"Its own would be `{view.module}_{what}`."
                        if view.module != "grpc" or what not in _NOT_GRPC
                        else "gRPC needs no such setting.",
                        span=line.span,
                        case=view.case,
                    )
        for file, lines in included.items():
            yield _of_a_file(view, view.handler, file, lines)


@cache
def _of_others(module: str) -> frozenset[str]:
    return frozenset(settings(*_MATTERS, of=tuple(other for other in MODULES if other != module)))


def _of_a_file(view: View, handler: Directive, file: str, lines: Sequence[Directive]) -> Complaint:
    """Those lines are right for the locations that the file was written for; the edit is due in this one."""
    return Complaint(
        message=f"{counted(len(lines), 'setting')} out of {PurePath(file).name} without effect for {view.case.title}: {handler.name} reads none",
        why=f"What it includes is for another module. Write the `{view.module}_` settings that it needs instead.",
        span=handler.span,
        related=tuple(Related(line.span, "not read") for line in lines),
        case=view.case,
    )


_NOT_GRPC = ("buffering", "request_buffering", "cache")
