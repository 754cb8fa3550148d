"""Changes to the text of a bootstrap: one field, in the layout that stands there, and not a character besides."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxycfg.source import Source
from proxycfg.targets.envoy.edits import set_field
from proxycfg.targets.envoy.tree import Doc, Message
from proxycfg.yamldoc import parse_trees
from tests.targets.envoy_configs import edited

OFF = {"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "disabled": True}

LAYOUTS: dict[str, tuple[str, tuple[str, ...], Any, str | None]] = {
    "a line in block style": ("a:\n  b: 1 # why\n  c: 2\n", ("a", "d"), "0s", "a:\n  b: 1 # why\n  d: 0s\n  c: 2\n"),
    "the first key behind a dash": ("- b: {x: 1}\n  c: 2\n", ("d",), "0s", "- b: {x: 1}\n  d: 0s\n  c: 2\n"),
    "blocks alone": ("a:\n  b:\n    x: 1\n", ("a", "d"), "0s", "a:\n  d: 0s\n  b:\n    x: 1\n"),
    "the first key behind a dash, blocks alone": ("- b:\n    x: 1\n", ("d",), "0s", "- d: 0s\n  b:\n    x: 1\n"),
    "flow style": ("a: {b: 1, c: 2} # why\n", ("a", "d"), "0s", "a: {b: 1, c: 2, d: 0s} # why\n"),
    "flow style, nothing in it": ("a: {}\n", ("a", "d"), "0s", "a: {d: 0s}\n"),
    "JSON": ('{"a": {"b": 1}}', ("a", "d"), {"x": "0s"}, '{"a": {"b": 1, "d": {"x": "0s"}}}'),
    "JSON over lines": ('{\n  "a": 1\n}\n', ("d",), True, '{\n  "a": 1,\n  "d": true\n}\n'),
    "a value": ("a:\n  b: 30s # why\n", ("a", "b"), "0s", "a:\n  b: 0s # why\n"),
    "a value in quotes": ("a:\n  b: '30s'\n", ("a", "b"), "0s", 'a:\n  b: "0s"\n'),
    "a message on the way": ("a:\n  b: 1\n", ("a", "d", "e"), "0s", "a:\n  b: 1\n  d: {e: 0s}\n"),
    "a message that is there": ("a:\n  b: 1\n  d:\n    f: 1\n", ("a", "d", "e"), "0s", "a:\n  b: 1\n  d:\n    f: 1\n    e: 0s\n"),
    "a wide message": (
        "a:\n  b: 1\n", ("a", "per_filter", "x.y"), OFF,
        f'a:\n  b: 1\n  per_filter:\n    x.y:\n      "@type": {OFF["@type"]}\n      disabled: true\n',
    ),
    "camels": ("a:\n  fooBar: 1\n", ("a", "idle_timeout"), "0s", "a:\n  fooBar: 1\n  idleTimeout: 0s\n"),
    "ends of lines": ("a:\r\n  b: 1\r\n", ("a", "d"), "0s", "a:\r\n  b: 1\r\n  d: 0s\r\n"),
    "no end of the last line": ("a:\n  b: 1", ("a", "d"), "0s", "a:\n  b: 1\n  d: 0s"),
    "text that looks like something else": ("a: {b: 1}\n", ("a", "d"), "on", 'a: {b: 1, d: "on"}\n'),
    "an anchor": ("a: &x\n  b: 1\nc: *x\n", ("a", "d"), "0s", None),
    "an alias": ("a: &x\n  b: 1\nc: *x\n", ("c", "d"), "0s", None),
    "a value with an anchor": ("a: &x 1\nb: *x\n", ("a",), "0s", None),
    "a message in place of a value": ("a:\n  b: {c: 1}\n", ("a", "b"), "0s", None),
    "lines that only YAML knows": ("a:\r  b: 1\n", ("a", "d"), "0s", None),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_field_is_written_in_the_layout_that_stands_there(name: str) -> None:
    """Or not at all."""
    text, path, value, expected = LAYOUTS[name]
    (root,) = parse_trees(Source("x", text), depth=20, nodes=100).roots
    trees = parse_trees(Source("x", text), depth=20, nodes=100)
    message = Message(root.children[0][1] if root.kind == "list" else root, Doc(trees, []))
    edit = set_field(message, path, value)

    assert (edit and edited(text, edit)) == expected


def test_what_is_written_says_what_was_meant() -> None:
    """In JSON as in YAML."""
    text = json.dumps({"a": {"b": [1]}}, indent=2)
    trees = parse_trees(Source("x", text), depth=20, nodes=100)
    edit = set_field(Message(trees.roots[0], Doc(trees, [])), ("a", "per_filter", "x.y"), OFF)

    assert edit is not None
    assert json.loads(edited(text, edit)) == {"a": {"b": [1], "per_filter": {"x.y": OFF}}}
