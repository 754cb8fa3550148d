"""The templates: found in a wheel and in a checkout alike, strict about names, and quoting on every value.

Nothing that comes from a spec may be printed bare: each target names the filters that make a value safe in its language, and a
value that has passed none of them is refused when the template runs. So a forgotten filter fails every test instead of opening
a hole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup


class Quoted(Markup):
    """Text that is safe to print in the target's language: the result of a quoting filter.

    It is a ``Markup`` because Jinja hands that type, and no other, through macros unharmed.
    """

    __slots__ = ()


class Unquoted(Exception):
    """A template printed a value that no quoting filter had made safe: a bug of ours."""


@cache
def folder() -> Path:
    """Where the templates are: beside this module in a wheel, at the top of the tree in a checkout."""
    here = Path(__file__).resolve().parent
    return here / "templates" if (here / "templates").is_dir() else here.parent / "templates"


def environment(target: str, filters: Mapping[str, Callable[..., Quoted]]) -> Environment:
    """The Jinja environment of one target, with its quoting filters."""
    made = Environment(
        loader=FileSystemLoader(folder() / target),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        # Templates do not change while the program runs; looking would cost four system calls a route.
        auto_reload=False,
        # With autoescape on, macros and literals arrive as Markup and everything else reaches `finalize` as it is.
        autoescape=True,
        finalize=_refuse_unquoted,
    )
    made.filters.update(filters)
    return made


def _refuse_unquoted(value: Any) -> Any:
    # Numbers cannot break out of anything.
    if isinstance(value, Markup) or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        return value
    raise Unquoted(f"a template prints {type(value).__name__} {value!r} without a quoting filter")
