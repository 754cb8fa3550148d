"""Terraform's files of one module as resources, with what is constant folded: ``*.tf``, ``*.tf.json``, ``*.tfvars``, and ``terraform show -json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from proxycfg.source import Source
from proxycfg.targets.cloudflare import hcl
from proxycfg.targets.cloudflare.fold import MAX_ITEMS, Folder, Names, pairs
from proxycfg.targets.cloudflare.recognise import PREFIX
from proxycfg.targets.cloudflare.value import Entry, Value, words

if TYPE_CHECKING:
    from proxycfg.source import Span


class Resource(NamedTuple):
    """One resource, or one of those that ``for_each`` makes of it.

    :param span: its heading.
    :param certain: whether it is there: ``count`` may say otherwise, and hang on what nobody knows.
    :param blocks: whether it is written with blocks where version 5 of the provider wants values.
    """

    type: str
    name: str
    body: Value
    span: Span
    certain: bool = True


def of_module(
    files: Sequence[hcl.File],
    json: Sequence[Value] = (),
    variables: Mapping[str, Value] | None = None,
    named: Sequence[hcl.File] = (),
) -> list[Resource]:
    """The resources of a module's files.

    :param json: the contents of its ``*.tf.json``.
    :param variables: values for its variables, which come before their defaults.
    :param named: the files that say what names stand for; default ``files``.
    """
    names = names_of(named or files, json, variables or {})
    found: list[Resource] = []
    for file in files:
        for block in file.body.blocks:
            if (
                block.type in {"resource", "data"}
                and len(block.labels) == _LABELS
                and block.labels[0].startswith(PREFIX)
            ):
                found += _resources(block, Folder(file, names))
    for tree in json:
        for kind, entry in _named(tree, "resource"):
            if kind.startswith(PREFIX):
                for name, body in entry.value.entries.items():
                    found += (Resource(kind, name, _templates(each, names), body.span) for each in body.value.items)
    return found


_LABELS = 2
"""Type and name."""


def names_of(files: Sequence[hcl.File], json: Sequence[Value], variables: Mapping[str, Value]) -> Names:
    """The variables and locals of a module."""
    defaults: dict[str, Value] = {}
    names = Names(defaults)
    for file in files:
        for block in file.body.blocks:
            if block.type == "variable" and block.labels:
                said = next((each for each in block.attributes if each.name == "default"), None)
                if said is not None:
                    defaults[block.labels[0]] = Folder(file, names).fold(said.value)
            elif block.type == "locals":
                for attribute in block.attributes:
                    names.tell(attribute.name, file, attribute.value)
    for tree in json:
        for name, entry in _named(tree, "variable"):
            default = entry.value.get("default")
            if default is not None:
                defaults[name] = default
        for name, entry in _named(tree, "locals"):
            names.tell_value(name, _templates(entry.value, names))
    defaults.update(variables)
    return names


def variables_of(file: hcl.File) -> dict[str, Value]:
    """What a ``*.tfvars`` sets."""
    folder = Folder(file, Names({}))
    return {each.name: folder.fold(each.value) for each in file.body.attributes}


def _named(tree: Value, section: str) -> Iterator[tuple[str, Entry]]:
    """What stands in a section of JSON; several objects may share it."""
    whole = tree.get(section)
    for each in whole.items if whole is not None else ():
        yield from each.entries.items()


def _templates(value: Value, names: Names, depth: int = 0) -> Value:
    """A value of JSON, its texts read as templates."""
    if depth > hcl.MAX_NESTING:
        return value
    if value.kind == "text" and ("${" in value.data or "%{" in value.data):
        parsed = hcl.parse_template(value.data)
        file = hcl.Inline(Source(value.span.file, value.data), value.span)
        return (
            Folder(file, names).fold(parsed) if parsed is not None else Value("unknown", value.data[:200], value.span)
        )
    if value.kind == "list":
        return value._replace(data=[_templates(each, names, depth + 1) for each in value.data])
    if value.kind == "map":
        return value._replace(
            data={
                name: Entry(entry.span, _templates(entry.value, names, depth + 1)) for name, entry in value.data.items()
            }
        )
    return value


# ---- resources ----


def _resources(block: hcl.Block, folder: Folder) -> Iterator[Resource]:
    span = folder.file.span(block.start, block.head)
    kind, name = block.labels
    if block.type == "data":
        name = f"data.{name}"
    meta = {each.name: each.value for each in block.attributes if each.name in {"count", "for_each"}}
    if "for_each" in meta:
        over = folder.fold(meta["for_each"])
        if over.kind in {"list", "map"}:
            for key, value in pairs(over):
                # The elements of a set are their own keys.
                each = _each(key if over.kind == "map" else value, value)
                yield Resource(kind, f"{name}[{words(key)}]", _body(block, folder.with_names({"each": each})), span)
            return
        yield Resource(kind, name, _body(block, folder), span, certain=False)
        return
    certain = True
    if "count" in meta:
        count = folder.fold(meta["count"])
        if count.kind == "number" and count.data <= 0:
            return
        certain = count.kind == "number"
    yield Resource(kind, name, _body(block, folder), span, certain)


def _each(key: Value, value: Value) -> Value:
    return Value("map", {"key": Entry(key.span, key), "value": Entry(value.span, value)}, value.span)


def _body(block: hcl.Block, folder: Folder) -> Value:
    """A block's settings by name; its blocks as lists, by their type."""
    entries: dict[str, Entry] = {}
    for each in block.attributes:
        entries[each.name] = Entry(folder.file.span(each.start, each.end), folder.fold(each.value))
    inner: dict[str, list[Value]] = {}
    for child in block.blocks:
        if child.type == "dynamic" and child.labels:
            inner.setdefault(child.labels[0], []).extend(_dynamic(child, folder))
        else:
            inner.setdefault(child.type, []).append(_body(child, folder))
        name = child.labels[0] if child.type == "dynamic" and child.labels else child.type
        entries.setdefault(
            name, Entry(folder.file.span(child.start, child.head), Value("null", None, _head(child, folder)))
        )
    for name, values in inner.items():
        entries[name] = entries[name]._replace(
            value=Value("list", values, values[0].span if values else entries[name].span)
        )
    return Value("map", entries, _head(block, folder))


def _head(block: hcl.Block, folder: Folder) -> Span:
    return folder.file.span(block.start, block.end)


def _dynamic(block: hcl.Block, folder: Folder) -> list[Value]:
    """The blocks that a dynamic one makes; one with values that nobody knows where it hangs on what nobody knows."""
    meta = {each.name: each.value for each in block.attributes}
    content = next((each for each in block.blocks if each.type == "content"), None)
    if content is None or "for_each" not in meta:
        return []
    iterator = block.labels[0]
    if isinstance(meta.get("iterator"), hcl.Reference):
        iterator = meta["iterator"].name  # type: ignore[union-attr]
    over = folder.fold(meta["for_each"])
    if over.kind not in {"list", "map"}:
        return [_body(content, folder)]
    return [_body(content, folder.with_names({iterator: _each(key, value)})) for key, value in pairs(over)[:MAX_ITEMS]]


# ---- what Terraform itself prints ----


def of_plan(tree: Value) -> list[Resource] | None:
    """The resources of ``terraform show -json``, of a plan or a state; None if it is neither."""
    root = tree.get("planned_values", "root_module") or tree.get("values", "root_module")
    if root is None:
        return None
    found: list[Resource] = []
    todo = [root]
    while todo:
        module = todo.pop()
        resources = module.get("resources")
        for each in resources.items if resources is not None else ():
            kind, values = each.text("type") or "", each.get("values")
            if kind.startswith(PREFIX) and each.text("mode") != "data" and values is not None:
                found.append(Resource(kind, each.text("name") or "", values, each.key("type") or each.span))
        children = module.get("child_modules")
        todo += reversed(children.items if children is not None else ())
    return found
