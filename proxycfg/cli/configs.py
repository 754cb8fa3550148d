"""Configs as command lines name them: files, folders, standard input; and the version of the proxy that they are for."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from proxycfg.cli.options import Option
from proxycfg.cli.shared import one_of
from proxycfg.errors import BadUsage, InvalidInput, Problem
from proxycfg.source import Source, Span
from proxycfg.units import counted

if TYPE_CHECKING:
    from proxycfg.cli.shared import Shared
    from proxycfg.roots import Found
    from proxycfg.targets.cloudflare.config import Config as Cloudflare
    from proxycfg.targets.envoy.bootstrap import Config as Envoy
    from proxycfg.targets.nginx.config import Config
    from proxycfg.version import Version

NginxVersion = Annotated[
    str,
    Option(
        "--nginx-version",
        metavar="X.Y.Z",
        help="The nginx that runs it, 1.18 to 1.31. Default: what a comment such as `# nginx 1.22` says, or the newest stable.",
    ),
]
NginxBinary = Annotated[
    str,
    Option(
        "--nginx-binary",
        metavar="PROGRAM",
        help="Run `PROGRAM -v`, and take the version that it says.",
    ),
]
READ = ("nginx", "envoy", "cloudflare", "kubernetes")
"""The targets whose configs are read, and manifests that are lowered to them."""
Target = Annotated[
    str,
    Option(
        "--target",
        metavar="T",
        help="What the configs are for: nginx, envoy, cloudflare or kubernetes. Default: found out from each file.",
    ),
]
EnvoyVersion = Annotated[
    str,
    Option(
        "--envoy-version",
        metavar="X.Y.Z",
        help="The Envoy that runs it, 1.24 to 1.40. Default: what a dump or a comment such as `# envoy 1.36` says, or the newest known.",
    ),
]
CloudflarePlan = Annotated[
    str,
    Option(
        "--cloudflare-plan",
        metavar="PLAN",
        help="The plan of the zones: free, pro, business or enterprise. Default: what a resource or a comment such as `# proxycfg: plan=pro` says.",
    ),
]
Root = Annotated[
    Path | None,
    Option(
        "--root",
        metavar="DIR",
        help="Files outside this folder are not opened, and site files include from here. Default: the config's own.",
    ),
]
Chain = Annotated[
    str,
    Option(
        "--chain",
        metavar="STACK",
        help="Several hops as one: a stack.yaml that names them, outermost first, and where the config of each lies.",
    ),
]
AllowOutside = Annotated[bool, Option("--allow-outside", help="Follow includes anywhere on this machine.")]


def configs_or_chain(configs: Sequence[str] | None, chain: str) -> list[str]:
    """The configs of a command line that names either them or a stack.

    :raises BadUsage: if it names neither, or both.
    """
    if configs and chain:
        raise BadUsage("--chain: the configs are those of its hops: leave the others out")
    if not configs and not chain:
        raise BadUsage("which configs? Give their paths, or a stack of hops with --chain")
    return list(configs or ())


def standard_input(paths: Sequence[str]) -> str:
    """The text of standard input if it is among the paths, else nothing.

    :raises InvalidInput: if it is closed.
    """
    from proxycfg.confdir import decode  # noqa: PLC0415

    if "-" not in paths:
        return ""
    if sys.stdin is None:
        raise InvalidInput([Problem(Span.whole("<stdin>"), "cannot read: it is closed", "pipe a config in")])
    return decode(sys.stdin.buffer.read())


def of_skipped(problem: Problem) -> str:
    """What to say of a file that is not read."""
    return f"{problem.span.file}: skipped: {problem.message}"


def tell_read(shared: Shared, sources: Sequence[Source], configs: Sequence[Config], version: Version) -> None:
    """For ``-v``: the files that were read, those that others include, and what had to be assumed."""
    given = {source.name for source in sources}
    for config in configs:
        for name, tree in config.files.items():
            included = "" if name in given else ", included"
            shared.detail(f"read {name}: {counted(tree.text.text.count(chr(10)), 'line')}{included}")
    _tell_version(shared, "nginx", version, configs)


def nginx_version(stated: str, binary: str, sources: Sequence[Source]) -> Version:
    """The version: as stated, else as the binary says, else as the files say, else the newest stable one.

    :raises BadUsage: if it is none, or none that is known; if the binary does not say.
    """
    from proxycfg.targets.nginx import versions  # noqa: PLC0415

    if stated and binary:
        raise BadUsage("--nginx-version and --nginx-binary both say the version: leave one out")
    if stated:
        try:
            return versions.KNOWN.stated(stated, "--nginx-version")
        except ValueError as error:
            raise BadUsage(f"--nginx-version: {error}") from None
    if not binary:
        return versions.find(sources)
    import subprocess  # noqa: PLC0415 - dear, and nearly never needed

    try:
        # The user names the program, and asks for it to be run.
        done = subprocess.run([binary, "-v"], capture_output=True, text=True, errors="replace", timeout=10, check=False)  # noqa: S603
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        said = "it does not end" if isinstance(error, subprocess.TimeoutExpired) else getattr(error, "strerror", error)
        raise BadUsage(f"--nginx-binary {binary}: cannot run it: {said}") from None
    try:
        return versions.KNOWN.stated(versions.printed_by_nginx(done.stdout + done.stderr), f"`{binary} -v`")
    except ValueError as error:
        raise BadUsage(f"--nginx-binary {binary}: {error}") from None


def version_that_reads(found: Found, stated: str, binary: str = "") -> Version:
    """The same for all that a search found: ingress-nginx brings its own along."""
    said = nginx_version(stated, binary, found.sources)
    if said.known or found.configs or found.loose or not found.ingresses:
        return said
    from proxycfg.kubernetes import ingress_nginx  # noqa: PLC0415 - read when it is needed
    from proxycfg.version import Version  # noqa: PLC0415 - the same

    return Version(ingress_nginx.NGINX, f"what {ingress_nginx.NAME} brings along")


def tell_envoys(shared: Shared, configs: Sequence[Envoy], version: Version) -> None:
    """The same for configs of Envoy."""
    for config in configs:
        for name, trees in config.files.items():
            shared.detail(f"read {name}: {counted(len(trees.lines), 'line')}")
    _tell_version(shared, "Envoy", version, configs)


def _tell_version(shared: Shared, of: str, version: Version, configs: Sequence[Config | Envoy]) -> None:
    shared.detail(f"{of} {version.number}, said by {version.said_by}")
    for sentence in (version.assumed, *(line for config in configs for line in config.assumed)):
        if sentence:
            shared.detail(f"assumed: {sentence}")


def envoy_version(stated: str, configs: Sequence[Envoy]) -> Version:
    """The version: as stated, else as the first of the configs says that does, else the newest one.

    :raises BadUsage: if it is none, or none that is known.
    """
    from proxycfg.targets.envoy import versions  # noqa: PLC0415

    if stated:
        try:
            return versions.KNOWN.stated(stated, "--envoy-version")
        except ValueError as error:
            raise BadUsage(f"--envoy-version: {error}") from None
    found = [versions.find(config) for config in configs]
    return next((each for each in found if each.known), found[0])


def headers_of(lines: Sequence[str]) -> dict[str, str]:
    """Request headers from ``Name: value``, by their names in lower case.

    :raises BadUsage: if one is not of that form.
    """
    made: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise BadUsage(f"--header {line!r}: write `Name: value`")
        made[name.lower()] = value.strip()
    return made


def state_plan(stated: str, configs: Sequence[Cloudflare]) -> None:
    """Take the zones for ones of the plan that is stated, whatever the files say.

    :raises BadUsage: if there is no such plan.
    """
    if not stated:
        return
    from proxycfg.targets.cloudflare import facts  # noqa: PLC0415 - nginx is read more often

    one_of("--cloudflare-plan", stated, tuple(facts.PLANS))
    for zone in (zone for config in configs for zone in config.zones):
        zone.plan, zone.plan_said_by = facts.PLANS[stated], "--cloudflare-plan"
