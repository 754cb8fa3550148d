"""Terraform's language: read as another parser reads it, with places that hold what they name, and bounded whatever stands there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg.errors import InvalidInput
from proxycfg.source import Source
from proxycfg.targets.cloudflare import hcl
from proxycfg.targets.cloudflare.fold import Folder, Names
from proxycfg.targets.cloudflare.terraform import Module, names_of, of_module
from proxycfg.targets.cloudflare.value import UNKNOWN, Value
from tests.targets.cloudflare_files import read_hcl, resources

FILES = sorted(Path("fixtures/specs").glob("*/cloudflare/*.tf"))


def plain(value: Value) -> Any:
    """As python-hcl2 gives it."""
    if value.kind == "map":
        return {name: plain(entry.value) for name, entry in value.data.items()}
    if value.kind == "list":
        return [plain(each) for each in value.data]
    return value.data


def folded(text: str, name: str = "a") -> Value:
    """What an attribute of a file comes to, its locals and variables known."""
    file = hcl.parse(Source("main.tf", text))
    names = names_of(Module("", [file]), {})
    value = next(each.value for each in file.body.attributes if each.name == name)
    return Folder(file, names).fold(value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}/{path.stem}")
def test_another_parser_reads_the_same(path: Path) -> None:
    """Every resource of Cloudflare's and each of its settings, as python-hcl2 has them."""
    text = path.read_text()
    read = {(each.type, each.name): each for each in of_module(Module("", [hcl.parse(Source(path.name, text))]))}
    named = {
        (kind, name if section == "resource" else f"data.{name}")
        for section in ("resource", "data")
        for block in read_hcl(text).get(section, [])
        for kind, bodies in block.items()
        for name in bodies
        if kind.startswith("cloudflare_")
    }

    assert read.keys() == named
    for (kind, name), resource in read.items():
        if name.startswith("data."):
            continue
        for key, value in resources(text, kind)[name].items():
            own = resource.body.data[key].value
            if own.kind != "unknown":
                assert _unescaped(value) == plain(own), (kind, name, key)


def _unescaped(value: Any) -> Any:
    """python-hcl2 leaves escapes, and the quotes of keys, where they are."""
    if isinstance(value, dict):
        return {key.strip('"'): _unescaped(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_unescaped(each) for each in value]
    if isinstance(value, str):
        return value.replace('\\"', '"').replace("\\\\", "\\").replace("$${", "${").replace("%%{", "%{")
    return value


def _literals(node: Any) -> Iterator[hcl.Literal]:
    if isinstance(node, hcl.Literal):
        yield node
    elif isinstance(node, tuple):
        for each in node:
            yield from _literals(each)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.parent.name}/{path.stem}")
def test_places_hold_what_they_name(path: Path) -> None:
    """Each literal stands between its start and end as it is written."""
    text = path.read_text()
    found = list(_literals(hcl.parse(Source(path.name, text)).body))

    for each in found:
        written = text[each.start : each.end]
        if isinstance(each.value, str) and "\\" not in written:
            assert each.value.replace("${", "$${") in written
        elif isinstance(each.value, bool):
            assert written == str(each.value).lower()
        elif isinstance(each.value, int):
            assert int(written) == each.value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('a = "x"', "x"),
        (r'a = "\"q\" \\ \n é \u00e9 $${x}"', '"q" \\ \n é é ${x}'),
        ("a = 0x", None),
        ('locals { b = "x" }\na = local.b', "x"),
        ('variable "b" { default = ["x", "y"] }\na = var.b[1]', "y"),
        ('variable "b" {}\na = "<${var.b}>"', f"<{UNKNOWN}>"),
        ('locals {\n  b = local.c\n  c = local.b\n}\na = "<${local.b}>"', f"<{UNKNOWN}>"),
        ("a = true ? 1 : 2", 1),
        ("a = !(1 < 2) || false", False),
        ("a = 2 + 3 * 4 - -1", 15),
        ('a = [for x in ["p", "q"] : "/${x}" if x != "p"]', ["/q"]),
        ('a = { for k, v in { p = 1 } : "${k}!" => v }', {"p!": 1}),
        ('a = join(" or ", [for p in ["/a", "/b"] : "x eq \\"${p}\\""])', 'x eq "/a" or x eq "/b"'),
        ('a = format("%s-%s", "x", 1)', "x-1"),
        ("a = concat([1], [2, 3])", [1, 2, 3]),
        ("a = merge({ p = 1 }, { q : 2 })", {"p": 1, "q": 2}),
        ("a = <<-EOT\n    one\n      two\n    EOT\n", "one\n  two\n"),
        ("a = <<EOT\n  one ${1 + 1}\nEOT\n", "  one 2\n"),
        ("a = [\n  1, # one\n  2,\n]", [1, 2]),
        ('a = { "k" = 1, (lower("K2")) = 2 }', {"k": 1, "k2": 2}),
    ],
)  # fmt: skip
def test_what_is_constant_is_folded(text: str, value: Any) -> None:
    """As Terraform would."""
    if value is None:
        with pytest.raises(InvalidInput):
            folded(text)
        return
    assert plain(folded(text)) == value


def test_dynamic_blocks_and_counts_become_what_they_make() -> None:
    """As many blocks as the list has elements; none where the count is zero."""
    text = """
variable "paths" { default = ["/a", "/b"] }
variable "off" {}
resource "cloudflare_ruleset" "r" {
  dynamic "rules" {
    for_each = var.paths
    content { expression = "http.request.uri.path eq \\"${rules.value}\\"" }
  }
}
resource "cloudflare_page_rule" "none" { count = 0 }
resource "cloudflare_page_rule" "perhaps" { count = var.off ? 1 : 0 }
resource "cloudflare_zone_setting" "s" {
  for_each   = { websockets = "on", http3 = "off" }
  setting_id = each.key
  value      = each.value
}
"""
    made = of_module(Module("", [hcl.parse(Source("main.tf", text))]))
    rules = made[0].body.get("rules")

    assert rules is not None
    assert [each.text("expression") for each in rules.items] == [
        'http.request.uri.path eq "/a"', 'http.request.uri.path eq "/b"',
    ]  # fmt: skip
    assert [(each.name, each.certain) for each in made[1:]] == [
        ("perhaps", False), ("s[websockets]", True), ("s[http3]", True),
    ]  # fmt: skip
    assert made[-1].body.text("value") == "off"


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 5000,
        "a = " + "(" * 5000,
        "a = " + "!" * 5000,
        "a = " + '"${' * 5000,
        "b {" * 5000,
        "a = x" + "[x" * 5000,
        'a = "',
        "a = <<EOT\nnever ends",
        "a = [1",
        "b { a = 1",
        "= 1",
        "a = 1 b = 2",
        "/* never ends",
        "a = 1 ? 2",
        "a = {1 2}",
        'a = "%{ if"',
    ],
)  # fmt: skip
def test_what_is_no_hcl_is_told_at_its_place(text: str) -> None:
    """Never a traceback, nor a recursion without end."""
    with pytest.raises(InvalidInput) as told:
        hcl.parse(Source("main.tf", text))

    assert told.value.problems[0].instead


@given(st.text(alphabet='ab"${}[]()=\n<EOT-,:.?!#/*%\\ 1é'))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever stands there."""
    try:
        file = hcl.parse(Source("main.tf", text))
    except InvalidInput:
        return
    folder = Folder(file, Names({}))
    for each in file.body.attributes:
        folder.fold(each.value)


def test_locals_that_double_are_bounded() -> None:
    """Forty doublings of a list, a text and a loop end soon."""
    lines = [
        f'  l{n} = concat(local.l{n - 1}, local.l{n - 1})\n  t{n} = "${{local.t{n - 1}}}${{local.t{n - 1}}}"'
        for n in range(1, 39)
    ]
    text = 'locals {\n  l0 = [1]\n  t0 = "x"\n' + "\n".join(lines) + "\n}\na = local.l38\nb = local.t38\n"
    text += "c = [for x in local.l15 : [for y in local.l15 : x]]\n"

    assert folded(text).kind == "unknown"
    assert folded(text, "b").kind in {"unknown", "text"}
    assert folded(text, "c").kind == "list"
