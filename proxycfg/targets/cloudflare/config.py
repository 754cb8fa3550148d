"""Files about Cloudflare, read together: a module of Terraform, a plan, exports of the API."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from proxycfg.errors import InvalidInput, Problem, Unreadable, suggest
from proxycfg.record import field, record
from proxycfg.source import Source, Span
from proxycfg.streams import MARK
from proxycfg.targets.cloudflare import facts, hcl, recognise, terraform
from proxycfg.targets.cloudflare.document import Comment, comments, comments_of_hcl, of_json, of_toml, of_yaml
from proxycfg.targets.cloudflare.ingress import Tunnel, of_file, of_resource
from proxycfg.targets.cloudflare.value import Value
from proxycfg.targets.cloudflare.worker_files import Worker
from proxycfg.targets.cloudflare.zone import Setting, Zone, add_rules, zones_of

if TYPE_CHECKING:
    from proxycfg.targets.cloudflare.terraform import Resource

PLAN = re.compile(rf"{MARK}\s*plan\s*=\s*(\S+)\s*")
"""The comment that says the plan."""


@record()
class Config:
    """What files say together.

    :param files: those under review, by name; those that only say what names stand for are not among them.
    :param printed: the names of those that Terraform has printed, which nobody edits.
    :param missing: modules that are called and not at hand.
    :param modules: the folders of the modules that were called, by the caller's words.
    """

    files: dict[str, Source] = field(default_factory=dict)
    zones: list[Zone] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    tunnels: list[Tunnel] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    missing: list[Problem] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    printed: set[str] = field(default_factory=set)
    modules: list[str] = field(default_factory=list)

    @property
    def plans_unsaid(self) -> list[str]:
        """What is open since nothing says a zone's plan."""
        return [
            f"{zone.span}: nothing says the zone's plan, so what hangs on it is a range; `# proxycfg: plan=pro` or --cloudflare-plan says it"
            for zone in self.zones
            if zone.plan is None
        ]

    def excerpt(self, span: Span) -> str:
        """The line on which a place begins."""
        lines = self.files[span.file].text.split("\n") if span.file in self.files else []
        return lines[span.line - 1] if 0 < span.line <= len(lines) else ""


Look = Callable[[str], Sequence[Source]]
"""The files of Terraform in a folder. Raises :class:`Unreadable` where it is not to be looked into."""


def _nothing_at_hand(_folder: str) -> Sequence[Source]:
    raise Unreadable("only the files that were given are read")


def load(
    sources: Sequence[Source],
    beside: Sequence[Source] = (),
    scripts: Mapping[str, Source] | None = None,
    look: Look = _nothing_at_hand,
) -> Config:
    """Read files that belong together.

    :param scripts: the sources of Workers, by the files of their settings.
    :param beside: further files of the same module of Terraform, asked only for what its names stand for.
    :param look: finds the modules that these call.
    """
    config = Config()
    modules: list[hcl.File] = []
    trees: list[Value] = []
    variables: dict[str, Value] = {}
    exported = Zone("", Span.whole(sources[0].name))
    for source in sources:
        config.files[source.name] = source
        kind = recognise.kind_of(source.name, source.text)
        try:
            if kind in {"hcl", "tfvars"} or (not kind and source.name.endswith((".hcl", ".tofu"))):
                file = hcl.parse(source)
                config.comments += comments_of_hcl(file)
                if kind == "tfvars":
                    variables |= terraform.variables_of(file)
                else:
                    modules.append(file)
            else:
                _read(config, source, kind, trees, exported, (scripts or {}).get(source.name))
        except InvalidInput as error:
            config.problems += error.problems
    names = list(modules)
    for source in beside:
        try:
            file = hcl.parse(source)
        except InvalidInput as error:
            config.assumed.append(f"{source.name} is left out: {error.problems[0].message}")
            continue
        if source.name.endswith(".tfvars"):
            variables |= terraform.variables_of(file)
        else:
            names.append(file)
    home = posixpath.dirname(sources[0].name)
    enter = _Modules(config, look).enter
    config.resources += terraform.of_module(terraform.Module(home, modules, trees), variables, names, enter)
    config.zones += zones_of(config.resources)
    config.tunnels += (made for each in config.resources if (made := of_resource(each)) is not None)
    if exported.rules or exported.settings:
        config.zones.append(exported)
    if not config.zones and (config.tunnels or config.workers):
        config.assumed.append(
            f"{sources[0].name}: a tunnel or a Worker alone has no routes to explain: what is in force is the zone's; `lint` judges what is here"
        )
    _take_plan(config)
    for zone in config.zones:
        # Of a rule that a module makes for several zones it is one mistake.
        config.problems += (each for each in zone.problems if each not in config.problems)
    return config


class _Modules:
    """The modules that a config calls; each folder is read once, however often it is called."""

    def __init__(self, config: Config, look: Look) -> None:
        self._config = config
        self._look = look
        self._known: dict[str, terraform.Module | None] = {}

    def enter(self, source: str, span: Span, name: str) -> terraform.Module | None:
        """The module of a source; one that is not at hand is told."""
        folder = posixpath.normpath(posixpath.join(posixpath.dirname(span.file), source))
        if not source.startswith(("./", "../")):
            if _PROVIDER.fullmatch(source) is None:
                self._absent(span, name, source, "it lies elsewhere", "read what `terraform show -json` says of a plan")
            return None
        if folder not in self._known:
            self._known[folder] = None
            try:
                self._known[folder] = self._read(folder)
            except Unreadable as error:
                self._absent(span, name, source, str(error), "give a folder that both lie in, with --root DIR")
        return self._known[folder]

    def _absent(self, span: Span, name: str, source: str, why: str, instead: str) -> None:
        message = f"{name} ({source}) is not at hand, so what it sets up is not known: {why}"
        self._config.missing.append(Problem(span, message, instead, self._config.excerpt(span)))

    def _read(self, folder: str) -> terraform.Module:
        config, files, trees = self._config, list[hcl.File](), list[Value]()
        sources = self._look(folder)
        if not sources:
            raise Unreadable("no files of Terraform are there")
        config.modules.append(folder)
        for source in sources:
            config.files[source.name] = source
            try:
                if source.name.endswith(".json"):
                    _read(config, source, "tf.json", trees, Zone("", Span.whole(source.name)), None)
                else:
                    files.append(hcl.parse(source))
                    config.comments += comments_of_hcl(files[-1])
            except InvalidInput as error:
                config.problems += error.problems
        return terraform.Module(folder, files, trees)


_PROVIDER = re.compile(r"[\w-]+/[\w-]+/(?!cloudflare\b)[\w-]+(?://.*)?")
"""A module of the registry for another provider than Cloudflare's: what it sets up is nothing of a zone's."""


def _read(config: Config, source: Source, kind: str, trees: list[Value], exported: Zone, script: Source | None) -> None:
    """What is no HCL."""
    toml = source.name.endswith(".toml")
    read, language = (of_toml, "toml") if toml else _READ.get(kind, (of_json, "json"))
    tree = read(source)
    config.comments += comments(source, language)
    if kind == "tf.json":
        trees.append(tree)
    elif kind == "plan":
        config.resources += terraform.of_plan(tree) or []
        config.printed.add(source.name)
    elif kind == "tunnel":
        config.tunnels.append(of_file(tree))
    elif kind == "wrangler":
        config.workers.append(Worker(tree, script))
        if script is not None:
            config.files[script.name] = script
            config.comments += comments(script, "json")
    else:
        _of_export(exported, tree, source.name.rpartition("/")[2].partition(".")[0])


_READ: Mapping[str, tuple[Callable[[Source], Value], str]] = {
    "tunnel": (of_yaml, "yaml"),
}


def _of_export(zone: Zone, tree: Value, stem: str) -> None:
    """What the API gives: a ruleset or several, and settings."""
    if tree.kind == "map" and "result" in tree.data:
        tree = tree.data["result"].value
    for each in tree.items:
        rules = each.get("rules")
        if rules is not None:
            if each.text("kind") not in {None, "zone"}:
                continue
            zone.span = each.span if not zone.rules and not zone.settings else zone.span
            add_rules(zone, each.text("phase") or stem, rules)
            continue
        name, value = each.text("id"), each.get("value")
        if name and value is not None and each.get("editable") is not None:
            said = value.data if value.kind not in {"list", "map"} else "…"
            zone.settings[name] = Setting(value, value.span, f"{name} = {said}")


def _take_plan(config: Config) -> None:
    """The plan that a comment says, for the zones whose plan no resource says."""
    for comment in config.comments:
        found = PLAN.fullmatch(comment.text)
        if found is None:
            continue
        plan = facts.PLANS.get(found[1])
        if plan is None:
            config.problems.append(
                Problem(
                    comment.span,
                    f"`{found[1]}` is no plan",
                    suggest(found[1], list(facts.PLANS)),
                    config.excerpt(comment.span),
                )
            )
            continue
        for zone in config.zones:
            if zone.plan is None:
                zone.plan, zone.plan_said_by = plan, str(comment.span)


def notes_of(config: Config) -> Iterator[Comment]:
    """The comments that speak of rules and routes."""
    return (each for each in config.comments if PLAN.fullmatch(each.text) is None)
