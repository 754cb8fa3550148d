"""Files about Cloudflare, read together: a module of Terraform, a plan, exports of the API."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from proxycfg.errors import InvalidInput, Problem, suggest
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
    """

    files: dict[str, Source] = field(default_factory=dict)
    zones: list[Zone] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    tunnels: list[Tunnel] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)

    def excerpt(self, span: Span) -> str:
        """The line on which a place begins."""
        lines = self.files[span.file].text.split("\n") if span.file in self.files else []
        return lines[span.line - 1] if 0 < span.line <= len(lines) else ""


def load(
    sources: Sequence[Source], beside: Sequence[Source] = (), scripts: Mapping[str, Source] | None = None
) -> Config:
    """Read files that belong together.

    :param scripts: the sources of Workers, by the files of their settings.
    :param beside: further files of the same module of Terraform, asked only for what its names stand for.
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
    config.resources += terraform.of_module(modules, trees, variables, names)
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
        config.problems += zone.problems
        if zone.plan is None:
            config.assumed.append(
                f"{zone.span}: nothing says the zone's plan, so what hangs on it is a range; `# proxycfg: plan=pro` says it"
            )
    return config


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
