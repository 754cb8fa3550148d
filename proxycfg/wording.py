"""What pydantic has against a spec, in words for people: what is wrong, where in the YAML, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator
from typing import TYPE_CHECKING, Any, cast

from proxycfg.errors import MAX_PROBLEMS, Problem, suggest
from proxycfg.protocol import meant
from proxycfg.specmodel import RouteDefaults, RouteEntry, SpecFile
from proxycfg.specmodel import Upstream as UpstreamModel
from proxycfg.units import short
from proxycfg.yamldoc import called

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

    from proxycfg.source import Span
    from proxycfg.yamldoc import Document, Path

_WANTED = {
    "bool_type": "true or false",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}
"""Pydantic's name for a value of the wrong type → what the field takes."""
_PREDICATE = re.compile(r"(must|may|has|is|uses|repeats|holds|cannot)\b")
_CONSIDERED = 10_000
"""With more errors than that, which of them come first in the file does not matter any more."""


def problems(document: Document, error: ValidationError, root: type[BaseModel] = SpecFile) -> list[Problem]:
    """Every problem once, the first :data:`~proxycfg.errors.MAX_PROBLEMS` of them.

    :param root: the model of the whole file.
    """
    items = [(place(document, item), item) for item in error.errors(include_url=False)[:_CONSIDERED]]
    # A union complains once for each of its members: the member whose shape fits says most, or all are named together.
    told = {path[:length] for path, item in items if item["type"] not in _WANTED for length in range(len(path) + 1)}
    wanted: dict[Path, list[str]] = {}
    for path, item in items:
        if item["type"] in _WANTED:
            wanted.setdefault(path, []).append(_WANTED[item["type"]])
    found: dict[tuple[Span, str], Problem] = {}
    for path, item in sorted(items, key=lambda pair: document.key_span_of(pair[0])):
        if item["type"] == "value_error":
            problem = _refused(document, path, item)
        elif item["type"] not in _WANTED:
            problem = _worded(document, path, item, root)
        elif path not in told:
            problem = _of_wrong_type(document, path, item["input"], list(dict.fromkeys(wanted[path])), root)
        else:
            continue
        found.setdefault((problem.span, problem.message), problem)
        if len(found) == MAX_PROBLEMS:
            break
    return list(found.values())


def place(document: Document, item: ErrorDetails) -> Path:
    """Pydantic's location without what stands nowhere in the YAML, such as the names of a union's members."""
    path: list[int | str] = []
    data: Any = cast("Any", document.data)
    for step in item["loc"]:
        if step in _steps(data):
            data = data[step]
            path.append(step)
    return tuple(path)


def _steps(data: Any) -> Container[Any]:
    """The keys or indices that lead further into the data."""
    return data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()


def _refused(document: Document, path: Path, item: ErrorDetails) -> Problem:
    """What a validator of :mod:`~proxycfg.specmodel` or :mod:`~proxycfg.units` has against a value."""
    error = item.get("ctx", {})["error"]
    message, instead, at = str(error), getattr(error, "instead", ""), getattr(error, "at", ())
    if not instead:
        message, _, instead = message.partition(": ")
    if _PREDICATE.match(message):
        message = f"{_subject(path, item['input'], of_key=_of_key(item))} {message}"
    span = document.key_span_of((*path, *at)) if at or _of_key(item) else document.span_of(path)
    return document.problem(span, message, instead)


def _worded(document: Document, path: Path, item: ErrorDetails, root: type[BaseModel]) -> Problem:
    kind, context, value = item["type"], item.get("ctx", {}), item["input"]
    at_key = _of_key(item) or kind in ("missing", "extra_forbidden")
    span = document.key_span_of(path) if at_key else document.span_of(path)
    subject, shown, instead = _subject(path, value, of_key=_of_key(item)), short(str(value)), ""
    match kind:
        case "extra_forbidden":
            message, instead = f"unknown field `{short(str(path[-1]))}`", _for_unknown_field(path, root)
        case "missing":
            field = item["loc"][-1]
            message, instead = f"`{field}` is missing {f'in {subject}' if path else 'here'}", f"add `{field}: …`"
        case "literal_error":
            known = [text or number for text, number in re.findall(r"'([^']*)'|([0-9]+)", context["expected"])]
            other = meant(str(value)) if path[-1] == "protocol" else None
            message = _not_known(path, value)
            instead = f"did you mean `{other}`?" if other else suggest(str(value), known)
        case "greater_than_equal":
            bound = context["ge"]
            message, instead = f"{subject} must be at least {bound}, not {shown}", f"write {bound} or more"
        case "less_than_equal":
            bound = context["le"]
            message, instead = f"{subject} must be at most {bound}, not {shown}", f"write {bound} or less"
        case "too_short" | "string_too_short":
            message = f"{subject} must not be empty"
            instead = "remove it for its default" if _optional(path, root) else "write at least one"
        case "too_long" | "string_too_long":
            what, instead = (
                ("characters", "make it shorter") if isinstance(value, str) else ("entries", "make them fewer")
            )
            message = f"{subject} must hold at most {context['max_length']} {what}"
        case _:
            message = f"{subject}: {item['msg']}"
    return document.problem(span, message, instead)


def _not_known(path: Path, value: Any) -> str:
    shown = f"`{short(value)}`" if isinstance(value, str) else called(value)
    if path and isinstance(path[-1], int):
        return f"{_subject(path[:-1], None)} cannot hold {shown}"
    return f"{_subject(path, value)} {'has no value' if value is None else f'cannot be {shown}'}"


def _of_wrong_type(document: Document, path: Path, value: Any, wanted: list[str], root: type[BaseModel]) -> Problem:
    span, subject, kinds = document.span_of(path), _subject(path, value), ", or ".join(wanted)
    forms = ", or ".join(_form(path, root) if kind == "a mapping" else kind for kind in wanted)
    if value is None:
        remedy = f"write {forms}{', or remove the field' if _optional(path, root) else ''}"
        return document.problem(span, f"{subject} has no value", remedy)
    if "a list" in wanted:
        forms = f"[{_in_yaml(value)}]" if isinstance(value, (str, int, float)) else "a list: start each item with `- `"
    elif wanted == ["text"] and isinstance(value, (int, float)):
        forms = f'"{_in_yaml(value)}", in quotes'
    elif "a whole number" in wanted and isinstance(value, str):
        forms = "digits alone, without quotes"
    return document.problem(span, f"{subject} must be {kinds}, not {called(value)}", f"write {forms}")


def _form(path: Path, root: type[BaseModel]) -> str:
    """What a mapping at the place looks like."""
    model = _model_at(path, root)
    names = ["path", "protocol", "upstream"] if model is RouteEntry else list(getattr(model, "model_fields", {}))
    return f"{{{', '.join(f'{name}: …' for name in names or ['name'])}}}"


def _in_yaml(value: str | float) -> str:
    """A scalar as it can stand in a list."""
    text = short(str(value).lower() if isinstance(value, bool) else str(value))
    return text if re.fullmatch(r"[A-Za-z0-9/][A-Za-z0-9_/.-]*(:[A-Za-z0-9_/.-]+)*", text) else f'"{text}"'


def _of_key(item: ErrorDetails) -> bool:
    """Whether the key is wrong, not the value behind it."""
    return item["loc"][-1:] == ("[key]",)


def _subject(path: Path, value: Any, *, of_key: bool = False) -> str:
    """How a message names what it speaks of: by its field, or by itself in a list."""
    if of_key:
        return f"`{short(str(value))}`"
    if not path:
        return "the file"
    if isinstance(path[-1], str):
        return f"`{short(path[-1])}`"
    if isinstance(value, str) and value:
        return f"`{short(value)}`"
    names = [step for step in path if isinstance(step, str)]
    return f"item {path[-1] + 1} of `{names[-1]}`" if names else f"item {path[-1] + 1}"


def _for_unknown_field(path: Path, root: type[BaseModel]) -> str:
    name, known = str(path[-1]), _fields_at(path[:-1], root)
    if _model_at(path[:-1], root) is RouteDefaults and name in RouteEntry.model_fields:
        return "write it in each route: two routes cannot share it"
    if name == "<<":
        return "write shared fields under `defaults`, or repeat them: merging is not part of YAML 1.2"
    return suggest(name, known)


def _fields_at(path: Path, root: type[BaseModel]) -> list[str]:
    """The fields that the place knows."""
    return sorted(getattr(_model_at(path, root), "model_fields", {}))


def _optional(path: Path, root: type[BaseModel]) -> bool:
    """Whether the place is a field that may be left out."""
    fields = getattr(_model_at(path[:-1], root), "model_fields", {})
    return bool(path) and path[-1] in fields and not fields[path[-1]].is_required()


def _model_at(path: Path, root: type[BaseModel]) -> Any:
    names = [step for step in path if isinstance(step, str)]
    model: Any = root
    if root is not SpecFile:
        pass
    elif names[:1] == ["routes"]:
        model, names = RouteEntry, names[1:]
    elif names[:1] == ["upstreams"] and len(names) > 1:
        model, names = UpstreamModel, names[2:]
    elif names[:1] == ["defaults"]:
        model, names = RouteDefaults, names[1:]
    for name in names:
        info = getattr(model, "model_fields", {}).get(name)
        model = next(_models_in(info.annotation), None) if info else None
    return model


def _models_in(annotation: Any) -> Iterator[Any]:
    if hasattr(annotation, "model_fields"):
        yield annotation
    if getattr(annotation, "__origin__", None) is dict:
        # Its names are the user's.
        return
    for part in getattr(annotation, "__args__", ()):
        yield from _models_in(part)
