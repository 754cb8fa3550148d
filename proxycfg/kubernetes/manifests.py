"""The objects in manifests: several documents a file, lists as ``kubectl get`` prints them, YAML or JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from proxycfg.errors import InvalidInput, Problem
from proxycfg.record import field, record
from proxycfg.source import Source, Span
from proxycfg.targets.envoy.tree import EMPTY, Doc, Field, Message
from proxycfg.yamldoc import Node, Trees, lines_of, parse_trees

MAX_DEPTH = 100
"""Levels of nesting: an EnvoyFilter holds whole filters."""
MAX_NODES = 4_000_000
"""Keys and values: a cluster with a thousand namespaces has fewer."""


TEMPLATE = "this is a template of a manifest: what stands between its marks decides what it says"
ROUTES = frozenset(("Ingress", "HTTPRoute", "GRPCRoute", "VirtualService", "HTTPProxy"))
"""Kinds of objects that hold routes."""


@record(frozen=True)
class Object:
    """One object."""

    message: Message

    @cached_property
    def kind(self) -> str:
        """Such as ``HTTPRoute``."""
        return self.message.text("kind") or ""

    @cached_property
    def group(self) -> str:
        """The API group, without its version; empty for the core."""
        group, slash, _ = (self.message.text("apiVersion") or "").partition("/")
        return group if slash else ""

    @cached_property
    def name(self) -> str:
        """The name."""
        return self.message.text("metadata", "name") or ""

    @cached_property
    def namespace(self) -> str:
        """The namespace; empty where the manifest leaves it to whoever applies it."""
        return self.message.text("metadata", "namespace") or ""

    @cached_property
    def spec(self) -> Message:
        """Its ``spec``."""
        return self.message.message("spec") or EMPTY

    @cached_property
    def title(self) -> str:
        """How people know it."""
        return f"{self.kind} {f'{self.namespace}/' if self.namespace else ''}{self.name}"

    @property
    def span(self) -> Span:
        """The line that says what it is: an object as a whole is no place to look at."""
        found = self.message.field("kind")
        return found.span if found else self.message.span

    def annotation(self, name: str) -> Field | None:
        """An annotation."""
        return self.message.field("metadata", "annotations", name)

    def near(self, namespace: str) -> bool:
        """Whether it may be in that namespace: where none is said, whoever applies the manifest chooses."""
        return not namespace or not self.namespace or namespace == self.namespace


@record()
class Manifests:
    """All objects that were given together.

    :param templates: objects that are still templates, and so are none: one problem each.
    :param problems: what the API server, or the controller, would refuse.
    """

    files: dict[str, Trees] = field(default_factory=dict)
    objects: list[Object] = field(default_factory=list)
    templates: list[Problem] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def variants(self) -> Iterator[Manifests]:
        """The manifests that can be in force together: of objects with routes that have one name, a cluster holds one.

        Folders of examples, and overlays that lie beside their base, have several; whatever else they hold goes with each.
        """
        counted: dict[tuple[str, str, str, str], int] = {}
        layers: list[list[Object]] = [[]]
        for each in self.objects:
            if each.kind in ROUTES:
                key = each.kind, each.group, each.namespace, each.name
                at = counted[key] = counted.get(key, -1) + 1
                layers += [[] for _ in range(at + 1 - len(layers))]
                layers[at].append(each)
        others = [each for each in self.objects if each.kind not in ROUTES]
        for layer in layers:
            yield Manifests(self.files, [*layer, *others], self.templates, self.problems)

    def of(self, kind: str, group: str = "") -> Sequence[Object]:
        """The objects of a kind, in the order of the files."""
        return self._by_kind.get((kind, group), ())

    def find(self, kind: str, group: str, namespace: str, name: str) -> Object | None:
        """One object."""
        return next((each for each in self._by_name.get((kind, group, name), ()) if each.near(namespace)), None)

    @cached_property
    def _by_kind(self) -> dict[tuple[str, str], list[Object]]:
        found: dict[tuple[str, str], list[Object]] = {}
        for each in self.objects:
            found.setdefault((each.kind, each.group), []).append(each)
        return found

    @cached_property
    def _by_name(self) -> dict[tuple[str, str, str], list[Object]]:
        found: dict[tuple[str, str, str], list[Object]] = {}
        for each in self.objects:
            found.setdefault((each.kind, each.group, each.name), []).append(each)
        return found


def load(sources: Sequence[Source]) -> Manifests:
    """Read manifests that belong together.

    :raises InvalidInput: if one of them is no YAML or JSON; of a template one thing is said.
    """
    found = Manifests()
    problems: list[Problem] = []
    for source in sources:
        text = source.text.removeprefix("\ufeff")
        try:
            trees = parse_trees(source._replace(text=text), depth=MAX_DEPTH, nodes=MAX_NODES)
        except InvalidInput as error:
            template = _of_template(source.name, lines_of(text), 1)
            problems += [template] if template is not None else error.problems
            continue
        found.files[source.name] = trees
        marked = "{{" in text or "<%" in text
        doc = Doc(trees, found.problems)
        for each in (one for root in trees.roots for one in _objects(root, doc)):
            span = each.message.span
            template = (
                _of_template(source.name, trees.lines[span.line - 1 : span.end_line], span.line) if marked else None
            )
            if template is None:
                found.objects.append(each)
            elif each.kind in ROUTES:
                found.templates.append(template)
    if problems:
        raise InvalidInput(problems)
    return found


def _objects(root: Node, doc: Doc) -> Iterator[Object]:
    if root.kind != "mapping":
        return
    message = Message(root, doc)
    if (message.text("kind") or "").endswith("List") and message.has("items"):
        for item in message.messages("items"):
            yield Object(item)
    else:
        yield Object(message)


_MARK = re.compile(r"^(?![ \t]*#).*?(\{\{-?[ \t]*[.$a-zA-Z/(\"]|<%)")


def _of_template(name: str, lines: Sequence[str], first: int) -> Problem | None:
    """What to say of a template: what it renders to is a manifest, it is none itself."""
    for at, line in enumerate(lines, first):
        found = _MARK.match(line)
        if found is not None:
            return Problem(
                Span(name, at, found.start(1) + 1, at, found.end(1) + 1),
                TEMPLATE,
                "render it (`helm template`, `kustomize build`), and give the result",
                line,
            )
    return None
