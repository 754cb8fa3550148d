"""The resources of an Envoy: out of a bootstrap, a ``/config_dump``, files of discovery responses, or single resources.

What comes from a server that is not at hand is told in :attr:`Config.absent`, never taken to be nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from proxycfg.collector import held_off
from proxycfg.errors import InvalidInput, Problem
from proxycfg.explain import Passed
from proxycfg.record import field, record
from proxycfg.source import Source, Span
from proxycfg.targets.envoy.tree import Doc, Message

if TYPE_CHECKING:
    from proxycfg.yamldoc import Node, Trees

MAX_DEPTH = 100
"""Levels of nesting: a dump has some ten more than the bootstrap in it, a tree of matchers as many as somebody likes."""
MAX_NODES = 4_000_000
"""Keys and values: a file as large as any that is read has fewer."""

_BOOTSTRAP = frozenset(
    ("static_resources", "dynamic_resources", "admin", "node", "layered_runtime", "overload_manager", "cluster_manager", "stats_sinks",
     "stats_config", "bootstrap_extensions", "watchdogs", "tracing", "hds_config", "flags_path", "default_regex_engine")
)  # fmt: skip


_OF_LISTENERS = ("filter_chains", "default_filter_chain", "api_listener", "listener_filters")
_OF_CLUSTERS = ("load_assignment", "connect_timeout", "lb_policy", "eds_cluster_config", "circuit_breakers")


@record(slots=True)
class Config:
    """All that is known of one Envoy.

    :param files: the trees of each file, by its name.
    :param listeners: with their places; those that are being drained are left out.
    :param clusters: by name.
    :param tables: route configurations that listeners name instead of holding them, by name.
    :param bootstraps: the messages that hold what concerns the whole process.
    :param absent: what comes from elsewhere and is not at hand.
    :param version: the one that a dump says, such as ``1.40.0``.
    :param elsewhere: parts of the files that another config is made of: comments there are none of this one's.
    """

    files: dict[str, Trees] = field(default_factory=dict)
    listeners: list[Message] = field(default_factory=list)
    clusters: dict[str, Message] = field(default_factory=dict)
    tables: dict[str, Message] = field(default_factory=dict)
    bootstraps: list[Message] = field(default_factory=list)
    absent: list[Passed] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    version: str = ""
    elsewhere: tuple[Span, ...] = ()

    def text(self, span: Span) -> str:
        """The line on which a span begins."""
        return self.files[span.file].excerpt(span)

    @property
    def empty(self) -> bool:
        """Whether no file held any resource."""
        return not (self.listeners or self.clusters or self.tables or self.bootstraps)


Find = Callable[[str], "Source | None"]
"""A file that a bootstrap names, by its path there; None if it is not at hand."""


@held_off()
def load(sources: Sequence[Source], find: Find = lambda _path: None) -> Config:
    """Read the files of one Envoy.

    :raises InvalidInput: if one of them is no YAML or JSON at all.
    """
    config = Config()
    _Loader(config, find).files(sources)
    return config


class _Loader:
    def __init__(self, config: Config, find: Find) -> None:
        self.config = config
        self.find = find
        self.named: set[str] = set()
        """The listeners that are known by name."""

    def files(self, sources: Iterable[Source]) -> None:
        from proxycfg.yamldoc import parse_trees  # noqa: PLC0415 - PyYAML: configs of nginx do without

        problems: list[Problem] = []
        for source in sources:
            if source.name in self.config.files:
                continue
            try:
                trees = parse_trees(
                    source._replace(text=source.text.removeprefix("\ufeff")), depth=MAX_DEPTH, nodes=MAX_NODES
                )
            except InvalidInput as error:
                problems += _of_template(source) or error.problems
                continue
            self.config.files[source.name] = trees
            for key in trees.doubled:
                self.config.assumed.append(
                    f"{key.span}: `{key.raw}` is written twice in its mapping; Envoy takes the last"
                )
            doc = Doc(trees, self.config.problems)
            if "<<" in source.text:
                _refuse_merges(trees.roots, doc)
            for at, root in enumerate(trees.roots):
                if at and self.config.bootstraps:
                    self.config.assumed.append(
                        f"{root.span}: Envoy reads the first document of a file alone: what stands from here on does not count"
                    )
                    break
                self.document(root, doc)
        if problems:
            raise InvalidInput(problems)

    def document(self, root: Node, doc: Doc) -> None:
        if root.kind == "list" and all(each.kind == "mapping" for _, each in root.children.values()):
            for _, each in root.children.values():
                self.resource(Message(each, doc))
            return
        if root.kind != "mapping":
            if root.kind == "list" or root.raw:
                doc.complain(
                    root.span,
                    "this is no config of Envoy: it is no mapping",
                    "give a bootstrap, or the output of /config_dump",
                )
            return
        message = Message(root, doc)
        if message.has("configs"):
            self.dump(message)
        elif message.has("resources") and not message.has("static_resources"):
            for resource in message.messages("resources"):
                self.resource(resource)
        elif message.has("@type"):
            self.resource(message)
        elif any(message.has(name) for name in _BOOTSTRAP):
            self.bootstrap(message)
        else:
            self.resource(message)

    # ---- the shapes ----

    def bootstrap(self, message: Message) -> None:
        self.config.bootstraps.append(message)
        for cluster in message.messages("static_resources", "clusters"):
            self.cluster(cluster)
        for listener in message.messages("static_resources", "listeners"):
            self.listener(listener)
        for name, what in (("lds_config", "listeners"), ("cds_config", "clusters")):
            if message.has("dynamic_resources", name):
                self.dynamic(message, ("dynamic_resources", name), f"{what} of {name.removesuffix('_config').upper()}")

    def dynamic(self, message: Message, path: tuple[str, ...], what: str) -> None:
        """Resources that come from elsewhere: a file may be at hand."""
        source = message.message(*path)
        found = message.field(*path)
        if source is None or found is None:
            return
        if not self.at_hand(source):
            where = f" ({_path(source)})" if _path(source) else ""
            told = f"{what}{where} are not at hand: what they say is not part of this"
            self.config.absent.append(Passed(told, found.span))

    def dump(self, message: Message) -> None:
        sections = message.messages("configs")
        # The sections hold what is in force; the bootstrap repeats the static part of it.
        for section in sorted(sections, key=lambda each: each.has("bootstrap")):
            self.section(section)

    def section(self, section: Message) -> None:
        self.config.version = self.config.version or _said_version(section)
        for name in ("static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"):
            for each in section.messages(name):
                self.inner(each, "cluster", self.cluster)
        for each in section.messages("static_listeners"):
            self.inner(each, "listener", self.listener)
        for each in section.messages("dynamic_listeners"):
            self.dynamic_listener(each)
        for name in ("static_route_configs", "dynamic_route_configs"):
            for each in section.messages(name):
                self.inner(each, "route_config", self.table)
        # With ?resource= the elements stand by themselves.
        for name, take in (("cluster", self.cluster), ("listener", self.listener), ("route_config", self.table)):
            if section.has(name):
                self.inner(section, name, take)
        if section.has("active_state") or section.has("warming_state"):
            self.dynamic_listener(section)
        if section.has("bootstrap"):
            self.inner(section, "bootstrap", self.dumped_bootstrap)
        if section.has("inline_scoped_route_configs") or section.has("dynamic_scoped_route_configs"):
            self.config.absent.append(
                Passed("scoped routes are not followed: which scope a request is in hangs on its headers", section.span)
            )

    def inner(self, message: Message, name: str, take: Callable[[Message], None]) -> None:
        found = message.any(name)
        if found is not None:
            take(found)

    def dynamic_listener(self, message: Message) -> None:
        state = message.message("active_state") or message.message("warming_state")
        if state is None:
            return
        if not message.has("active_state"):
            self.config.assumed.append(
                f"{state.span}: listener {message.text('name')} is only warming, read as if it were active"
            )
        if message.has("error_state"):
            self.config.assumed.append(
                f"{message.span}: Envoy has refused the last update of listener {message.text('name')}: this is the one in force"
            )
        self.inner(state, "listener", self.listener)

    def dumped_bootstrap(self, message: Message) -> None:
        self.config.bootstraps.append(message)
        for cluster in message.messages("static_resources", "clusters"):
            self.cluster(cluster)
        for listener in message.messages("static_resources", "listeners"):
            if (listener.text("name") or "") not in self.named:
                self.listener(listener)

    def resource(self, message: Message) -> None:
        """A resource by itself: by its type, or by what stands in it."""
        message = message.unwrapped()
        kind = message.type.rpartition(".")[2]
        if kind == "Listener" or any(message.has(name) for name in _OF_LISTENERS):
            self.listener(message)
        elif kind == "RouteConfiguration" or message.has("virtual_hosts") or message.has("vhds"):
            self.table(message)
        elif kind == "Cluster" or any(message.has(name) for name in _OF_CLUSTERS):
            self.cluster(message)
        elif kind == "Bootstrap":
            self.bootstrap(message)
        elif "ConfigDump" in message.type or message.has("last_updated"):
            self.section(message)
        elif not kind and not (message.has("cluster_name") and message.has("endpoints")):
            keys = ", ".join(list(map(str, message.node.children))[:5]) or "nothing"
            message.doc.complain(
                message.span,
                f"this is no config of Envoy: it holds {keys}",
                "give a bootstrap (with static_resources), the output of /config_dump, or a resource",
            )

    # ---- the resources ----

    def cluster(self, message: Message) -> None:
        self.config.clusters.setdefault(message.text("name") or "", message)

    def listener(self, message: Message) -> None:
        self.named.add(message.text("name") or "")
        self.config.listeners.append(message)
        for chain in (*message.messages("filter_chains"), *message.messages("default_filter_chain")):
            for each in chain.messages("filters"):
                network = each.any("typed_config")
                source = network.message("rds", "config_source") if network is not None else None
                if source is not None:
                    self.at_hand(source)

    def at_hand(self, source: Message) -> bool:
        """Read the file that a source of resources names, if it is here."""
        path = _path(source)
        found = self.find(path) if path else None
        if found is not None:
            self.files([found])
        return found is not None

    def table(self, message: Message) -> None:
        self.config.tables.setdefault(message.text("name") or "", message)


_MARKS = re.compile(r"\{\{|\{%|<%")


def _of_template(source: Source) -> list[Problem]:
    """What to say of a template that is no YAML: one thing, and not all that follows from it."""
    for at, line in enumerate(source.text.splitlines(), 1):
        found = _MARKS.search(line)
        if found is not None:
            where = Span(source.name, at, found.start() + 1, at, found.end() + 1)
            said = "this is a template of a config: what stands between its marks decides what it says"
            return [Problem(where, said, "render it, and give the result", line)]
    return []


def _refuse_merges(roots: Iterable[Node], doc: Doc) -> None:
    todo = list(roots)
    while todo:
        node = todo.pop()
        for key, value in node.children.values():
            if key is not None and key.raw == "<<":
                doc.complain(
                    key.span,
                    "Envoy knows no merge keys: `<<` is a field that it does not have",
                    "write the fields out, or use an alias",
                )
            todo.append(value)


def _path(source: Message) -> str:
    """The file that a source of resources is; empty if it is a server."""
    return source.text("path_config_source", "path") or source.text("path") or ""


def _said_version(section: Message) -> str:
    said = section.message("bootstrap", "node", "user_agent_build_version", "version")
    if said is None or said.number("major_number") is None:
        return ""
    return ".".join(str(said.number(name) or 0) for name in ("major_number", "minor_number", "patch"))
