"""``proxycfg lint``."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from proxycfg.cli.configs import (
    READ,
    AllowOutside,
    Chain,
    CloudflarePlan,
    EnvoyVersion,
    NginxBinary,
    NginxVersion,
    Root,
    Target,
    configs_or_chain,
    nginx_version,
    of_skipped,
    standard_input,
    state_plan,
)
from proxycfg.cli.options import Argument, Option
from proxycfg.cli.progress import Progress
from proxycfg.cli.shared import Shared, one_of
from proxycfg.commands import Exit
from proxycfg.errors import BadUsage, InvalidInput
from proxycfg.finding import Confidence, Severity
from proxycfg.fix import repair
from proxycfg.knowledge import Knowledge
from proxycfg.lint import Options, choose, lint
from proxycfg.record import replace
from proxycfg.report import Report
from proxycfg.roots import Search
from proxycfg.rules import rules
from proxycfg.source import Source, Span
from proxycfg.streams import Declared, declared_by_option
from proxycfg.targets.nginx import versions
from proxycfg.targets.nginx.scene import scene_of
from proxycfg.watch import Watch, unwatched

if TYPE_CHECKING:
    from proxycfg.kubernetes.lower import Lowered
    from proxycfg.need import Need
    from proxycfg.rule import Rule, Scene
    from proxycfg.spec import Spec
    from proxycfg.targets.cloudflare.config import Config as Cloudflare
    from proxycfg.targets.envoy.bootstrap import Config as Envoy
    from proxycfg.targets.nginx.config import Config

EXAMPLE = "proxycfg lint /etc/nginx --fail-on error"
FORMATS = ("text", "json", "sarif", "github", "gitlab", "junit", "markdown", "html")
SETTINGS = ("per-path-ignores",)
NOTHING: dict[str, object] = {"files": 0, "routes": 0, "findings": []}

_HELP = {
    "paths": "Config files, folders to search for them, or - for standard input.",
    "routes": "A spec that says which paths stream, and how.",
    "stream": "A path that streams, such as /events=sse; repeatable.",
    "select": "Only these rules or categories; repeatable, or with commas.",
    "ignore": "Not these rules or categories; repeatable, or with commas.",
    "fail_on": "Exit 1 on findings of this level: error, warning, info or never.",
    "least": "Only routes that are this surely streams: declared, explicit or inferred.",
    "no_ignores": "Report also what notes in the configs ignore.",
    "fix": "Repair what can be repaired without touching anything else.",
    "unsafe_fixes": "Repair also where other routes are affected: look at what it did.",
    "diff": "Show what --fix would change, and write nothing; exit 1 if anything would.",
    "baseline": "Report only what is not in this file.",
    "write_baseline": "Write all findings into the file of --baseline, to be known from then on.",
    "shard": "Only the I-th of N parts of the configs; `proxycfg merge` joins the JSON or SARIF of all.",
    "statistics": "Count findings by rule instead of listing them.",
}


def command(  # noqa: PLR0913, PLR0917 - one parameter an option
    shared: Shared,
    paths: Annotated[list[str] | None, Argument(metavar="PATH...", help=_HELP["paths"])] = None,
    chain: Chain = "",
    target: Target = "",
    routes: Annotated[str, Option("--routes", metavar="SPEC", help=_HELP["routes"])] = "",
    stream: Annotated[list[str] | None, Option("--stream", metavar="PATH=PROTOCOL", help=_HELP["stream"])] = None,
    select: Annotated[list[str] | None, Option("--select", metavar="RULE", help=_HELP["select"])] = None,
    ignore: Annotated[list[str] | None, Option("--ignore", metavar="RULE", help=_HELP["ignore"])] = None,
    fail_on: Annotated[str, Option("--fail-on", metavar="LEVEL", help=_HELP["fail_on"])] = "warning",
    min_confidence: Annotated[str, Option("--min-confidence", metavar="LEVEL", help=_HELP["least"])] = "inferred",
    no_ignores: Annotated[bool, Option("--no-ignores", help=_HELP["no_ignores"])] = False,
    version: NginxVersion = "",
    binary: NginxBinary = "",
    envoy_version: EnvoyVersion = "",
    plan: CloudflarePlan = "",
    fix: Annotated[bool, Option("--fix", help=_HELP["fix"])] = False,
    unsafe_fixes: Annotated[bool, Option("--unsafe-fixes", help=_HELP["unsafe_fixes"])] = False,
    diff: Annotated[bool, Option("--diff", help=_HELP["diff"])] = False,
    baseline_file: Annotated[str, Option("--baseline", metavar="FILE", help=_HELP["baseline"])] = "",
    write_baseline: Annotated[bool, Option("--write-baseline", help=_HELP["write_baseline"])] = False,
    shard: Annotated[str, Option("--shard", metavar="I/N", help=_HELP["shard"])] = "",
    statistics: Annotated[bool, Option("--statistics", help=_HELP["statistics"])] = False,
    root: Root = None,
    allow_outside: AllowOutside = False,
) -> int:
    """Lint.

    Which routes stream is said by --routes, --stream and comments such as `# proxycfg: protocol=sse heartbeat=15s`; it is read
    out of the configs where they say so, and guessed from paths and upstreams where they don't. A guess never is an error.
    `# proxycfg: ignore[RULE] reason` on a line, or on the one above, silences a rule there.
    """
    one_of("--fail-on", fail_on, (*Severity, "never"))
    one_of("--min-confidence", min_confidence, tuple(Confidence))
    if target:
        one_of("--target", target, READ)
    known = rules()
    progress = Progress(sys.stderr, quiet=shared.quiet)
    options = Options(
        rules=choose(known, _words(select), _words(ignore)),
        known=tuple(known),
        least=Confidence(min_confidence),
        notes=not no_ignores,
        leaves_out=_left_out(shared, known),
        watch=progress,
    )
    stated = nginx_version(version, binary, ()).number if version or binary else None
    knowledge = _knowledge(routes, stream or ())
    part, parts = _shard(shard)
    repairs = fix or unsafe_fixes or diff
    _refuse(chain if repairs else "", baseline_file if write_baseline else "-")
    named = configs_or_chain(paths, chain)
    stdin = standard_input(named)
    told: set[str] = set()

    def look(texts: Mapping[str, str]) -> list[Scene]:
        if chain:
            return [_of_chain(chain, knowledge)]
        search = Search(stdin=stdin, target=target, root=root, allow_outside=allow_outside, texts=texts, watch=progress)
        found = search.find(named)
        state_plan(plan, found.clouds)
        configs = [*found.configs, *found.loose]
        scenes = _scenes(configs[part::parts], stated, knowledge, progress)
        scenes += _of_envoys(found.envoys[part::parts], envoy_version, knowledge)
        scenes += _of_manifests(found.manifests[part::parts], envoy_version, stated, knowledge)
        scenes += _of_clouds(found.clouds[part::parts], knowledge)
        progress.clear()
        # Each thing is told once, however often the configs are read.
        absent = [*(each.missing for each in configs), *(each.missing for each in found.clouds)]
        missing = (f"{problem.span}: {problem.message}" for problems in absent for problem in problems)
        for text in (*map(of_skipped, found.skipped), *missing, *_nowhere(scenes)):
            if text not in told:
                told.add(text)
                shared.note(text)
        return scenes

    with progress:
        if repairs:
            report, texts, count = repair(look, options, unsafe=unsafe_fixes)
        else:
            report, texts, count = lint(look({}), options), {}, 0
    if repairs:
        changed = _put(texts, count, shared, stdin, diff=diff)
        if diff:
            return Exit.FOUND if changed else Exit.OK
    if baseline_file:
        report = _against(baseline_file, report, shared, write=write_baseline)
    text = _render(
        report, shared.format, color=shared.output == "-" and shared.colors(sys.stdout), statistics=statistics
    )
    # Of standard input that is repaired, the text goes to standard output.
    (sys.stderr if repairs and "-" in named else sys.stdout).write(text)
    if shared.format == "github":
        _summarise(report)
    for problem in report.errors:
        shared.say(str(problem))
    if report.errors:
        return Exit.USAGE
    return Exit.FOUND if fail_on != "never" and report.worst >= Severity(fail_on).rank else Exit.OK


def _refuse(repaired_chain: str, written_baseline: str) -> None:
    """Options that make no sense together."""
    if repaired_chain:
        raise BadUsage(
            "--chain: what hurts in company is not repaired: `proxycfg lint --fix` repairs each hop by itself"
        )
    if not written_baseline:
        raise BadUsage("--write-baseline: say where, with --baseline FILE")


def _of_chain(chain: str, knowledge: Knowledge) -> Scene:
    """A stack of hops, for the rules about several of them."""
    from proxycfg.cli.stacks import load_stack  # noqa: PLC0415 - a stack is YAML, which single configs do without
    from proxycfg.company import scene_of as scene_of_company  # noqa: PLC0415 - the same

    return scene_of_company(*load_stack(chain), knowledge)


def _nowhere(scenes: Sequence[Scene]) -> list[str]:
    """What was declared to stream and is in none of the configs."""
    if not scenes:
        return []
    first, *others = (scene.unmatched for scene in scenes)
    return [
        f"{each.said_by}: nothing that hands requests to an origin answers {each.path}"
        for each in first
        if all(each in other for other in others)
    ]


_BOM = "\ufeff"


def _put(texts: Mapping[str, str], count: int, shared: Shared, stdin: str, *, diff: bool) -> bool:
    """The new texts to where they belong, or the difference to standard output; whether there is any."""
    from proxycfg import outdir  # noqa: PLC0415

    named = [name for name in texts if name != "<stdin>"]
    before: dict[str, str | None] = {**outdir.read_existing(Path(), named), "<stdin>": stdin}
    # Envoy takes a byte order mark, and what reads its files does so without.
    texts = {
        name: _BOM + text.removeprefix(_BOM) if (before[name] or "").startswith(_BOM) else text
        for name, text in texts.items()
    }
    files = {name: texts[name] for name in named}
    if diff:
        text = outdir.diff(before, texts)
        sys.stdout.write(text)
        return bool(text)
    outdir.write(Path(), files)
    if "<stdin>" in texts:
        sys.stdout.write(texts["<stdin>"])
    if count:
        shared.note(f"{count} fix{'' if count == 1 else 'es'} made in {', '.join(texts)}")
    return bool(texts)


def _left_out(shared: Shared, known: Mapping[str, Rule]) -> Callable[[str, Rule], bool]:
    """What the settings leave out by path: ``per-path-ignores``, a table of masks, each with the rules or categories to leave out."""
    found = shared.settings.extra("lint", SETTINGS[0]) if shared.settings else None  # noqa: S610 - no Django here
    if not shared.settings or not found:
        return lambda _file, _rule: False
    table, path = found
    document, problems = shared.settings.document, []
    masks: list[tuple[str, set[str]]] = []
    for mask, value in table.items() if isinstance(table, dict) else [("", None)]:
        names = [value] if isinstance(value, str) else value
        span = document.span_of((*path, mask) if mask else path)
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            instead = f'write {SETTINGS[0]} = {{"legacy/**" = ["sse-response-buffered"]}}'
            problems.append(document.problem(span, f"`{SETTINGS[0]}` must be a table of masks and rules", instead))
            continue
        try:
            masks.append((mask, {rule.name for rule in choose(known, names, ())}))
        except BadUsage as error:
            problems.append(document.problem(span, str(error).partition(" ")[2]))
    if problems:
        raise InvalidInput(problems)
    folder = Path(shared.settings.file).parent
    return lambda file, rule: any(
        rule.name in names and fnmatchcase(os.path.relpath(file, folder), mask) for mask, names in masks
    )


def _words(texts: Iterable[str] | None) -> list[str]:
    return [word for text in texts or () for word in (part.strip() for part in text.split(",")) if word]


def _scenes(configs: Sequence[Config], stated: str | None, knowledge: Knowledge, watch: Watch) -> list[Scene]:
    """Configs as the rules see them, each for the version that is stated, or that it says itself."""
    scenes: list[Scene] = []
    for config in configs:
        if len(configs) > 1:
            watch("judging configs", len(configs))
        main = next(iter(config.files.values())).text
        found = versions.find([Source(main.name, main.text)])
        version = stated or (found.number if found.known else None)
        scenes.append(scene_of(config, version, knowledge, unwatched if len(configs) > 1 else watch))
    return scenes


def _of_envoys(configs: Sequence[Envoy], stated: str, knowledge: Knowledge) -> list[Scene]:
    """Envoys likewise."""
    if not configs:
        return []
    from proxycfg.cli import configs as named  # noqa: PLC0415 - its function has the name of an option
    from proxycfg.targets.envoy.scene import scene_of as scene_of_envoy  # noqa: PLC0415 - nginx is read more often

    return [scene_of_envoy(config, named.envoy_version(stated, [config]).number, knowledge) for config in configs]


def _of_manifests(lowered: Sequence[Lowered], stated: str, of_nginx: str | None, knowledge: Knowledge) -> list[Scene]:
    """What manifests come to likewise."""
    if not lowered:
        return []
    from proxycfg.cli import configs as named  # noqa: PLC0415 - its function has the name of an option
    from proxycfg.kubernetes.scene import scenes_of  # noqa: PLC0415 - as above

    def version_of(config: Envoy) -> str:
        return named.envoy_version(stated, [config]).number

    return [scene for each in lowered for scene in scenes_of(each, version_of, of_nginx, knowledge)]


def _of_clouds(configs: Sequence[Cloudflare], knowledge: Knowledge) -> list[Scene]:
    """Cloudflare's likewise."""
    if not configs:
        return []
    from proxycfg.targets.cloudflare.scene import scene_of as scene_of_cloudflare  # noqa: PLC0415 - as above

    return [scene_of_cloudflare(config, knowledge) for config in configs]


def _knowledge(routes: str, stream: Sequence[str]) -> Knowledge:
    declared: list[Declared] = []
    for text in stream:
        try:
            declared.append(declared_by_option(text))
        except ValueError as error:
            raise BadUsage(f"--stream: {error}") from None
    if not routes:
        return Knowledge(declared)
    from proxycfg.cli.specs import load_spec  # noqa: PLC0415 - a spec takes longer to read than most configs take to lint

    return knowledge_of(load_spec(routes), declared)


def knowledge_of(spec: Spec, declared: list[Declared]) -> Knowledge:
    """What a spec says of its routes, beside what options declare."""
    from proxycfg.need import need_of  # noqa: PLC0415 - as above

    needs: dict[Span, Need] = {}
    for route in spec.routes:
        hosts = tuple(host for host in route.hosts if host != "*")
        said = route.declaration
        declared.append(
            Declared(
                path=route.path, protocol=said.protocol, kind=route.kind, hosts=hosts, heartbeat=said.heartbeat,
                idle_timeout=said.idle_timeout, said_by=f"{route.span}", span=route.span,
            )
        )  # fmt: skip
        needs[route.span] = need_of(route)
    return Knowledge(declared, needs)


def _render(report: Report, form: str, *, color: bool, statistics: bool) -> str:
    if form == "text":
        from proxycfg.reports.lint_text import report_to_text  # noqa: PLC0415

        return report_to_text(report, color=color, statistics=statistics)
    text: str = importlib.import_module(f"proxycfg.reports.lint_{form}").render(report)
    return text


def _summarise(report: Report) -> None:
    """The job's summary, where GitHub wants one: https://docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    if name:
        from proxycfg.reports.lint_markdown import render  # noqa: PLC0415

        try:
            with Path(name).open("a", encoding="utf-8") as stream:
                stream.write(render(report))
        except OSError as error:
            raise BadUsage(f"GITHUB_STEP_SUMMARY: cannot write {name}: {error.strerror}") from None


def _against(name: str, report: Report, shared: Shared, *, write: bool) -> Report:
    """The report without what a baseline knows; or, to write it, that baseline."""
    from proxycfg import baseline, outdir  # noqa: PLC0415
    from proxycfg.sourcefile import read_source  # noqa: PLC0415

    if write:
        outdir.write(Path(name).parent, {Path(name).name: baseline.to_text(report)})
        shared.note(f"{name}: {len(report.findings)} findings are known from now on")
        return replace(report, findings=(), known=len(report.findings))
    known = baseline.read(read_source(name, _BASELINE_BYTES, instead="write one with --write-baseline"))
    report, gone = known.hide(report)
    if gone:
        shared.note(f"{name}: {gone} of the findings that it holds are gone; write it anew with --write-baseline")
    return report


_BASELINE_BYTES = 2**26


def _shard(text: str) -> tuple[int, int]:
    """``i/n`` as the place of this part, from 0, and how many there are; one part if nothing is said."""
    match = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text or "1/1")
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise BadUsage(f"--shard {text}: write 1/4 for the first of four parts")
    return int(match[1]) - 1, int(match[2])
