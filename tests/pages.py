"""The pages under ``docs/`` that are made from the code: ``python -m tests.pages write`` makes them, ``check`` fails where one is out of date."""

from __future__ import annotations

import sys
import typing
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from proxycfg import settings, specfile, specmodel
from proxycfg.behavior import properties
from proxycfg.cli.rules import catalogue
from proxycfg.cli.typer_door import BY_HAND, Command, load, settable
from proxycfg.commands import COMMANDS
from proxycfg.faults import faults
from proxycfg.finding import Kind
from proxycfg.need import need_of
from proxycfg.protocols import protocols
from proxycfg.remarks import remarks
from proxycfg.rules import load as load_rule
from proxycfg.rules import present, row_of, rules
from proxycfg.source import Source
from proxycfg.units import show_duration, show_size

DOCS = Path(__file__).parent.parent / "docs"
NOTE = "<!-- Made by `make docs`; edit the code that it is made from. -->"


def pages() -> dict[str, str]:
    """File name → text of every generated page."""
    return {
        "spec.md": _spec_page(),
        "protocols.md": _protocols_page(),
        "properties.md": _properties_page(),
        "cli.md": _cli_page(),
        "configuration.md": _configuration_page(),
        "rules/README.md": _rules_page(),
        **{f"rules/{kind.name}.md": _kind_page(kind) for kind in catalogue().values()},
    }


# ---- the rules ----

INDEX = Path(__file__).parent.parent / "proxycfg" / "rules" / "index.py"


def index() -> str:
    """What is known of each rule before it is asked."""
    rows = "".join(f"    {name!r}: {row_of(load_rule(name))!r},\n" for name in present())
    text = f'"""What is known of each rule before its file is read. Made by `make docs`."""\n\nINDEX = {{\n{rows}}}\n'
    return text.replace("'", '"').replace("\n\nINDEX", "\n\n# fmt: off\n# ruff: noqa: E501\nINDEX")


def _rules_page() -> str:
    return "\n".join([
        "# Rules", "", NOTE, "",
        "`proxycfg rules RULE` prints the same pages. The severity is the highest that a rule gives: a route that only looks like a stream",
        "never yields an error.", "",
        "## What `proxycfg lint` finds in a config", "", *_table_of(rules()), "",
        "## What `proxycfg generate` says about a spec", "", *_table_of(remarks()), "",
        "## What `proxycfg probe` measures", "", *_table_of(faults()), "",
    ])  # fmt: skip


def _table_of(kinds: Mapping[str, Kind]) -> list[str]:
    return [
        "| rule | category | severity | what is wrong |",
        "| --- | --- | --- | --- |",
        *(
            f"| [`{name}`]({name}.md) | {kind.category} | {kind.severity} | {kind.summary} |"
            for name, kind in kinds.items()
        ),
    ]


def _kind_page(kind: Kind) -> str:
    about = f"Category `{kind.category}`, at most {kind.severity}; told by `proxycfg {kind.told_by}`."
    return f"# {kind.name}\n\n{NOTE}\n\n{about}\n\n{kind.page}\n"


# ---- the spec ----

_MODELS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("The file", specmodel.SpecFile),
    ("`listen`", specmodel.Listen),
    ("`listen.tls`", specmodel.Tls),
    ("`scale`", specmodel.Scale),
    ("`chain[]`", specmodel.Hop),
    ("`upstreams.NAME`", specmodel.Upstream),
    ("`upstreams.NAME.tls`", specmodel.UpstreamTls),
    ("`upstreams.NAME.affinity`", specmodel.Affinity),
    ("`routes[]`", specmodel.RouteEntry),
    ("`routes[].upload`", specmodel.Upload),
    ("`routes[].headers`", specmodel.Rewrites),
    ("`routes[].auth`", specmodel.Auth),
    ("`routes[].cors`", specmodel.Cors),
    ("`routes[].limits`", specmodel.Limits),
    ("`routes[].retry`", specmodel.Retry),
    ("`targets.nginx`", specmodel.NginxTarget),
    ("`targets.envoy`", specmodel.EnvoyTarget),
    ("`targets.cloudflare`", specmodel.CloudflareTarget),
)


WHY_DEFAULTS: dict[str, str] = {
    "version": "There is one format so far.",
    "hosts": "A spec that is tried on a laptop answers whatever name is used; in production, name them: an unknown host then gets a 404.",
    "listen.address": "A proxy is there for other machines. `::` has to be asked for: where a machine has no IPv6, the proxy would not start.",
    "listen.port": "A port that needs no root.",
    "listen.tls": "A certificate cannot be made up, and most proxies stand behind something that has one.",
    "listen.tls.hsts": "Without it whoever is between can lead a browser to plain HTTP. A year, as scanners ask for, and the host alone, since what is below it may "
    "be somebody else's. Browsers heed it only behind a certificate that they trust, and an origin that says it itself counts for more.",
    "listen.http": "Browsers open six HTTP/1.1 connections to a host, and each event stream takes one; HTTP/3 needs UDP, which firewalls often drop.",
    "scale.streams": "A busy service on one machine (Envoy's heap is limited to about 2 GB then). The proxies' own defaults end far below: 512 "
    "connections on nginx, 1,024 requests on Envoy.",
    "trusted_proxies": "Whoever is believed can forge the address that limits and logs go by, so nobody is unless named.",
    "chain": "A target that stands alone needs no word about others.",
    "chain[].nginx": "A hop is one target.",
    "chain[].envoy": "The same.",
    "chain[].cloudflare": "The same.",
    "chain[].at": "On a machine of its own, or in a container, a hop has a name; 8080 is where clients come.",
    "targets": "nginx and Envoy, which everybody can run, so that they can be compared; Cloudflare where it is named.",
    "targets.nginx.version": "The newest stable line; an older one lacks directives, so state it.",
    "targets.nginx.layout": "File limits and the time for old workers stand in the main file alone, and streams need them.",
    "targets.nginx.resolver": "nginx knows no DNS server by itself, and with one that does not answer it reaches no origin.",
    "targets.envoy.version": "The newest that the configs are tried on.",
    "targets.cloudflare.plan": "The plan with the shortest timers: what it keeps, all keep.",
    "targets.cloudflare.zone": "The configs are the same for every zone; without it Terraform asks for the id.",
    "targets.cloudflare.account": "Rules belong to the zone; wrangler asks for the account of a Worker.",
    "targets.cloudflare.worker": "A Worker costs money for each request.",
    "targets.cloudflare.tunnel": "Most origins can be reached.",
    "upstreams.NAME.http": "What the scheme says: gRPC exists over HTTP/2 alone, and every other server speaks 1.1.",
    "upstreams.NAME.tls.verify": "Unchecked TLS hides a stream from nobody who can stand in between.",
    "upstreams.NAME.tls.ca": "Public certificates are checked against the system's.",
    "upstreams.NAME.tls.sni": "The certificate is for the name in the URL.",
    "upstreams.NAME.affinity": "Streams last, so taking turns piles them up; where sessions live in a server's memory, only the spec can know.",
    "upstreams.NAME.max_connections": "A stream holds a connection for its whole life, and only the origin's owner knows how many it bears.",
    "upstreams.NAME.keepalive": "Enough that short requests need no handshake, and few enough not to fill an origin's own limit with silence.",
    "routes[].protocol": "Of a route that says nothing, nothing special is known.",
    "routes[].upstream": "A route has to name one, by itself or through `defaults`.",
    "routes[].methods": "The application knows which it takes.",
    "routes[].hosts": "Most specs are about one application.",
    "routes[].heartbeat": "Not every origin sends one; state it, and a dead stream is found in minutes instead of an hour.",
    "routes[].idle_timeout": "Two heartbeats may be lost before a stream is given up. Without one, an hour is longer than any model thinks; a long poll is "
    "answered within a minute or two; an ordinary request is not silent for longer than a minute.",
    "routes[].max_duration": "A stream that talks is not to be ended by a proxy.",
    "routes[].upload.stream": "Calls that talk both ways would hang; other requests are complete before the answer begins, and collecting them keeps slow "
    "clients off the origin.",
    "routes[].upload.max_bytes": "Prompts with pictures pass (nginx's own 1 MiB refuses them), and one client cannot fill the disk; a limit on a stream would "
    "count all of it and end it.",
    "routes[].strip_prefix": "An origin gets what the client asked for.",
    "routes[].headers": "What the client and the origin say passes, apart from what the proxy vouches for.",
    "routes[].auth": "Queries are left out of the access log in any case.",
    "routes[].cors": "Other sites' pages may not call a route unless it says so.",
    "routes[].limits": "How many streams one address may hold depends on how many people are behind it; a loop that polls is stopped, an office is not.",
    "routes[].limits.burst": "A page that loads asks for several things at once.",
    "routes[].retry": "An origin that failed may have begun on the request, and a prompt that runs twice is paid twice.",
    "routes[].retry.attempts": "One more server; with more of them a client waits longer for the same failure.",
    "routes[].cache": "A second is not seen in a status page, and takes a thousand polls a second down to one. Who sends a credential gets an own answer. Each worker of Envoy keeps its own, and there a burst that meets no answer at all passes whole ([why](decisions/0005-cache-on-envoy.md)).",
}
"""Field that may be left out → why its default is what it is."""


def _spec_page() -> str:
    lines = [
        "# The spec: `routes.yaml`", "", NOTE, "",
        "`proxycfg init` writes a commented one; `proxycfg schema` prints its JSON Schema, for completion in editors. Unknown fields,",
        "wrong types and references to nothing are errors, all of them in one run, each with its line and column.", "",
        "Durations are `500ms`, `30s`, `5m`, `1h30m`, `1d`, or a number of seconds; sizes `64KiB`, `16MiB`, `16MB`, or a number of bytes.",
        "", "Among routes of one host, exact paths are tried first, then regular expressions in the order of the file, then prefixes from",
        "the longest to the shortest. A route of a wildcard host also answers for the hosts it covers; the more specific host wins.", "",
    ]  # fmt: skip
    for title, model in _MODELS:
        lines += [f"## {title}", "", (model.__doc__ or "").strip().splitlines()[0], ""]
        lines += ["| field | value | default | meaning |", "| --- | --- | --- | --- |"]
        lines += [f"| `{name}` | {kind} | {default} | {told} |" for name, kind, default, told in _fields(model)]
        lines.append("")
    lines += [
        "## Why these defaults",
        "",
        "| field | why it is what it is where the spec says nothing |",
        "| --- | --- |",
    ]
    lines += [f"| `{name}` | {why} |" for name, why in WHY_DEFAULTS.items()]
    return "\n".join([*lines, ""])


def optional_fields() -> Iterator[str]:
    """Every field that may be left out, by its path."""
    for title, model in _MODELS:
        above = "" if model is specmodel.SpecFile else f"{title.strip('`')}."
        for name, info in model.model_fields.items():
            if not info.is_required():
                yield f"{above}{name}"


def _fields(model: type[BaseModel]) -> Iterator[tuple[str, str, str, str]]:
    for name, info in model.model_fields.items():
        default = info.default if info.default is not PydanticUndefined else None
        if info.is_required():
            shown = "required"
        elif default in (None, []) or isinstance(default, BaseModel):
            shown = "—"
        else:
            shown = f"`{str(default).lower() if isinstance(default, bool) else default}`".replace("'", '"')
        yield name, _kind(info.annotation).replace("|", "or"), shown, (info.description or "").replace("|", "or")


_KINDS = {"str": "text", "float": "number", "int": "whole number", "bool": "true or false", "NoneType": ""}


def _kind(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is typing.Annotated:
        return _kind(arguments[0])
    if origin is list:
        return f"list of {_kind(arguments[0])}"
    if origin is dict:
        return f"mapping of {_kind(arguments[0])} to {_kind(arguments[1])}"
    if arguments:
        return " or ".join(dict.fromkeys(filter(None, map(_kind, arguments))))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return _KINDS.get(getattr(annotation, "__name__", ""), str(annotation))


# ---- protocols ----


def _protocols_page() -> str:
    lines = [
        "# Protocols", "", NOTE, "",
        "What each protocol asks of every hop, and what its routes have where the spec says nothing.", "",
        "| protocol | what it is | silence allowed | uploads stream | largest request |", "| --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for protocol in protocols().values():
        limit = "unlimited" if protocol.body_limit is None else show_size(protocol.body_limit)
        uploads = "yes" if protocol.uploads else "no"
        silence = show_duration(protocol.idle_timeout)
        lines.append(
            f"| [`{protocol.name}`](#{protocol.name}) | {protocol.summary} | {silence} | {uploads} | {limit} |"
        )
    lines += [
        "", "With a `heartbeat`, silence is allowed for three of them, and at least a minute: two may be lost before the stream is given up.",
        "`poll` routes share answers for a second among requests without a credential, and allow 50 requests a second of one client. Retries are off",
        "unless a route asks for them: an origin that failed may have begun on the request, and a proxy cannot always tell.", "",
    ]  # fmt: skip
    for protocol in protocols().values():
        lines += [f"## {protocol.name}", "", f"{protocol.summary}.", ""]
        lines += ["| property | wanted | otherwise |", "| --- | --- | --- |"]
        lines += [f"| `{name}` | {wanted} | {why} |" for name, wanted, why in _wants(protocol.name)]
        lines += ["", f"Sources: {', '.join(f'<{source}>' for source in protocol.sources)}", ""]
    return "\n".join(lines)


def _wants(name: str) -> Iterator[tuple[str, str, str]]:
    scheme = "grpc" if name in {"grpc", "grpc-web"} else "http"
    text = f"upstreams: {{it: {scheme}://it:1}}\nroutes: [{{path: /it, protocol: {name}, upstream: it}}]"
    route = specfile.load(Source("routes.yaml", text)).routes[0]
    for prop, want in need_of(route).wants.items():
        low, high = want.accepted.low, want.accepted.high
        if want.accepted.exact:
            shown = _value(low)
        elif high == float("inf") or isinstance(low, frozenset):
            shown = f"at least {_value(low)}"
        else:
            shown = f"{_value(low)} to {_value(high)}"
        if (low, high) != (False, True):
            yield prop, shown, want.why


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, frozenset):
        return ", ".join(sorted(value)) or "none"
    if value == float("inf"):
        return "no limit"
    return f"{value:g}" if isinstance(value, float) else str(value)


# ---- properties ----


def _properties_page() -> str:
    lines = [
        "# Properties", "", NOTE, "",
        "The traits of a route on a hop that matter to a stream: one name everywhere, in code, JSON and docs. Durations are seconds; `null` is",
        'never, no limit, or not set; what a config leaves open is `{"between": [low, high]}`.', "",
        "| property | unit | what it says | along a chain |", "| --- | --- | --- | --- |",
    ]  # fmt: skip
    for name, prop in properties().items():
        joins = (prop.along.__doc__ or "").strip().rstrip(".").lower() if prop.along else ""
        along = ", ".join(filter(None, (joins, prop.walked)))
        lines.append(f"| `{name}` | {prop.unit or '—'} | {prop.doc} | {along} |")
    return "\n".join([*lines, ""])


# ---- the command line ----


def _cli_page() -> str:
    lines = [
        "# The command line", "", NOTE, "",
        "| exit status | meaning |", "| --- | --- |",
        "| 0 | done, and nothing at or above `--fail-on` |",
        "| 1 | findings at or above `--fail-on`, drift (`generate --diff`), or a check that failed |",
        "| 2 | bad usage, or input that is unreadable or invalid: said on standard error as `file:line:column: what is wrong`, with what to write |",
        "| 3 | the machine lacks what the command needs (no container engine, no image): said with what to install |", "",
        "Standard output holds the result alone; all else goes to standard error. The common options may stand before the command or after it, or",
        "in a [file](configuration.md):", "",
        "- `--format FORMAT`: each command says which it has. JSON begins with `version` (1) and `tool`; where the input is invalid it has `errors`,",
        "  each with `file`, `line`, `column`, `message` and `instead`, and the exit status is 2.",
        "- `--output FILE`: the result goes into the file when it is complete, and replaces what was there at once; nothing is written where the",
        "  command fails. `-` is standard output.",
        "- `--color`, `--no-color`: else `NO_COLOR`, then `FORCE_COLOR` or `CLICOLOR_FORCE`, then whether it is a terminal.",
        "- `-q` leaves results and errors; `-v` tells on standard error what was read, assumed and decided.",
        "- A `lint` of more than a second shows at a terminal, on standard error, how far it is.",
        "- `--config FILE`: the settings to use instead of those that would be found.", "",
        "## What `generate` writes", "",
        "`--out DIR` gets a folder for each target:", "",
        "| file | is |", "| --- | --- |",
        "| `DIR/nginx/nginx.conf` | a whole configuration: `nginx -c` it, or copy it to `/etc/nginx/nginx.conf` |",
        "| `DIR/nginx/site.conf` | with `targets: {nginx: {layout: site}}`: a file to include in `http`, as `conf.d/` is, beside other sites |",
        "| `DIR/envoy/envoy.yaml` | a bootstrap: `envoy -c` it |", "",
        "A site file cannot set what belongs into the main `nginx.conf`, such as file limits and `worker_shutdown_timeout`: a finding says which lines",
        "that file needs.", "",
        "The heading of each file has its checksum, and the command that makes it again. The same spec gives the same bytes, whatever DIR is called and",
        "wherever it is run from, as long as the spec lies at the same place as seen from DIR. A file that was edited by hand, or that is not",
        "ours, is not written over without `--force`.", "",
        "`--diff` writes nothing: it prints a patch from what is there to what the spec says, and exits with 1 if there is any. Files that an earlier run",
        "left behind, with another layout or for a target that the spec names no more, are a part of it; with `--target`, only that target's are.", "",
        "Findings of severity `error` mean that a config does not keep what the spec asks. The files are written all the same, which is said, and the exit",
        "status is 1 unless `--fail-on never`.", "",
        "`--format json` lists `files`, each with `path`, `status` (`created`, `changed`, `unchanged`; `stale` for one left behind), `changed`, `bytes` and",
        "`sha256`, with `--diff` its `diff`; `written` says whether it was done; `findings` are as everywhere.", "",
    ]  # fmt: skip
    for name in COMMANDS:
        command = load(name)
        context = click.Context(command, info_name=f"proxycfg {name}", terminal_width=100, **command.context_settings)
        text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
        lines += [f"## `proxycfg {name}`", "", "```text", text, "```", ""]
    return "\n".join(lines)


# ---- settings ----


def _configuration_page() -> str:
    commands = {name: load(name) for name in COMMANDS}
    names = [f"`{name}`" for name in settings.NAMES]
    lines = [
        "# Settings in a file", "", NOTE, "",
        f"Options that a project always gives can stand in a file: {', '.join(names[:-1])}, or `[tool.proxycfg]` in {names[-1]}. The nearest one",
        "counts, from the working folder upwards to the root of the repository; in one folder, the first of these three. `--config FILE` names",
        "another, and then no other is read. `-v` says which file was.", "",
        "A key is an option without its dashes: at the top for every command that has the option, in a table with a command's name for that one,",
        "which wins. The command line wins over the file. An option that may be repeated is a list. Paths are relative to the file.", "",
        "A file may come with a project that somebody else wrote. What decides which programs are run, what is written over, or what is opened",
        f"elsewhere is for the command line alone: {', '.join(f'`{name}`' for name in sorted(BY_HAND))}.", "",
        "```toml", "# .proxycfg.toml; in pyproject.toml the tables are [tool.proxycfg] and [tool.proxycfg.generate]", "color = false", "",
        "[generate]", 'target = ["nginx"]', 'out = "deploy"', 'fail-on = "warning"', "```", "",
        "An unknown key, or a value of the wrong kind, is an error with its place:", "",
        "```text", ".proxycfg.toml:5:1: unknown setting `targt`", '  | targt = ["nginx"]', "  | ^^^^^", "  = did you mean `target`?", "```", "",
        "## Every command", "",
    ]  # fmt: skip
    # A command that has one of the common options as its own does not list it among them.
    common = max(commands.values(), key=lambda command: len(command.common))
    lines += _settings_table(common, shared=True)
    for name, command in commands.items():
        if len(table := _settings_table(command, shared=False)) > 2:
            lines += ["", f"## `[{name}]`", "", *table]
    return "\n".join([*lines, ""])


_SETTING_KINDS = {"switch": "true or false", "number": "whole number", "text": "text", "texts": "list of texts"}


def _settings_table(command: Command, *, shared: bool) -> list[str]:
    lines = ["| key | value | meaning |", "| --- | --- | --- |"]
    for name, (param, option) in settable(command).items():
        if (param in command.common) is shared:
            told = "How to report: the command's help has its formats." if (shared and name == "format") else param.help
            lines.append(f"| `{name}` | {_SETTING_KINDS[option.kind]} | {(told or '').replace('|', 'or')} |")
    return lines


def main() -> int:
    """Write the pages, or check them; 1 if one is out of date."""
    if sys.argv[1:] == ["write"]:
        INDEX.write_text(index())
        for name, text in pages().items():
            (DOCS / name).parent.mkdir(exist_ok=True)
            (DOCS / name).write_text(text)
        return 0
    if INDEX.read_text() != index():
        sys.stderr.write("proxycfg/rules/index.py is out of date: run `make docs`\n")
        return 1
    stale = [name for name, text in pages().items() if not (DOCS / name).exists() or (DOCS / name).read_text() != text]
    for name in stale:
        sys.stderr.write(f"docs/{name} is out of date: run `make docs`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
