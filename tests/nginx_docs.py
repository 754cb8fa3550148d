"""Makes the table of nginx's directives anew, from nginx's documentation and source: one command after each release of nginx.

    python -m tests.nginx_docs DOCS SOURCE [--modules FOLDER] [--doubts]

DOCS is a clone of github.com/nginx/nginx.org, SOURCE one of github.com/nginx/nginx with its tags; a bare one will do. FOLDER holds clones of
the modules of other makers, each under the name of its repository (``THIRD_PARTY`` below says which); without it their rows stay as they are.
``--doubts`` prints where the sources disagree, and writes nothing.

Where they do, the source is right: names, contexts, arity and versions come from the tables of commands (``ngx_command_t``) at every tag, how a
directive comes down from the merge functions. The documentation gives modules, defaults, and all that the open source does not have.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from proxycfg.targets.nginx import directives

TABLE = Path(directives.__file__).with_name("directives.tsv")
HEADER = """\
# Made by tests/nginx_docs.py from nginx's documentation and source, and from the source of the modules tagged third-party.
# name, modules, contexts, arguments ({ if a block follows), how it comes down, since, until (removed or inert from), default
"""

Version = tuple[int, ...]
Arity = tuple[int, int | None]

# ---- what stands for what ----

CONTEXTS = {
    "NGX_MAIN_CONF": "main",
    "NGX_EVENT_CONF": "events",
    "NGX_HTTP_MAIN_CONF": "http",
    "NGX_HTTP_SRV_CONF": "server",
    "NGX_HTTP_SIF_CONF": "if-in-server",
    "NGX_HTTP_LOC_CONF": "location",
    "NGX_HTTP_LIF_CONF": "if-in-location",
    "NGX_HTTP_LMT_CONF": "limit_except",
    "NGX_HTTP_UPS_CONF": "upstream",
    "NGX_STREAM_MAIN_CONF": "stream",
    "NGX_STREAM_SRV_CONF": "stream-server",
    "NGX_STREAM_UPS_CONF": "stream-upstream",
    "NGX_MAIL_MAIN_CONF": "mail",
    "NGX_MAIL_SRV_CONF": "mail-server",
    # Of modules by others.
    "NGX_RTMP_MAIN_CONF": "rtmp",
    "NGX_RTMP_SRV_CONF": "rtmp-server",
    "NGX_RTMP_APP_CONF": "application",
    "NGX_RTMP_REC_CONF": "recorder",
    "NGX_WASM_CONF": "wasm",
}
ORDER = [*CONTEXTS.values(), "mgmt", "oidc_provider", "acme_issuer"]

FAMILIES = {
    **dict.fromkeys(("http", "server", "if-in-server", "location", "if-in-location", "limit_except"), "http"),
    **dict.fromkeys(("stream", "stream-server"), "stream"),
    **dict.fromkeys(("mail", "mail-server"), "mail"),
    **dict.fromkeys(("rtmp", "rtmp-server", "application", "recorder"), "rtmp"),
}
"""Context → the contexts that share one meaning of a name; a context that is not listed stands for itself."""

ARGUMENTS = {
    "NGX_CONF_NOARGS": (0, 0),
    "NGX_CONF_FLAG": (1, 1),
    **{f"NGX_CONF_TAKE{n}": (n, n) for n in range(1, 8)},
    **{f"NGX_CONF_TAKE{a}{b}": (a, b) for a, b in ((1, 2), (1, 3), (2, 3), (3, 4))},
    "NGX_CONF_TAKE123": (1, 3),
    "NGX_CONF_TAKE1234": (1, 4),
    "NGX_CONF_ANY": (0, None),
    "NGX_CONF_1MORE": (1, None),
    "NGX_CONF_2MORE": (2, None),
}

NAMED = {"nginx": "ngx_core_module", "ngx_event": "ngx_core_module", "ngx_http": "ngx_http_core_module",
         "ngx_conf_file": "ngx_core_module", "ngx_event_openssl": "ngx_core_module", "ngx_log": "ngx_core_module",
         "ngx_regex": "ngx_core_module", "ngx_thread_pool": "ngx_core_module", "ngx_mail": "ngx_mail_core_module",
         "ngx_stream": "ngx_stream_core_module", "ngx_http_headers_filter_module": "ngx_http_headers_module",
         "ngx_http_upstream": "ngx_http_upstream_module", "ngx_stream_upstream": "ngx_stream_upstream_module"}  # fmt: skip
"""File of the source → the module as the documentation calls it, for directives that the documentation passes over."""

SEPARATE = {
    "ngx_http_js_module": "third-party:njs",
    "ngx_stream_js_module": "third-party:njs",
    "ngx_otel_module": "third-party:otel",
    "ngx_http_acme_module": "third-party:acme",
}
"""Modules in nginx's documentation that are not in its source: each has versions of its own."""

THIRD_PARTY = {
    "njs": "njs",
    # OpenResty's bundle.
    "lua": "lua-nginx-module",
    "stream-lua": "stream-lua-nginx-module",
    "echo": "echo-nginx-module",
    "headers-more": "headers-more-nginx-module",
    "set-misc": "set-misc-nginx-module",
    "memc": "memc-nginx-module",
    "redis2": "redis2-nginx-module",
    "srcache": "srcache-nginx-module",
    "encrypted-session": "encrypted-session-nginx-module",
    "array-var": "array-var-nginx-module",
    "form-input": "form-input-nginx-module",
    "iconv": "iconv-nginx-module",
    "xss": "xss-nginx-module",
    "rds-json": "rds-json-nginx-module",
    "replace-filter": "replace-filter-nginx-module",
    "drizzle": "drizzle-nginx-module",
    # What gateways add to OpenResty.
    "kong": "lua-kong-nginx-module",
    "apisix": "apisix-nginx-module",
    "wasm": "ngx_wasm_module",
    # Compression, headers, caches.
    "brotli": "ngx_brotli",
    "zstd": "zstd-nginx-module",
    "pagespeed": "incubator-pagespeed-ngx",
    "security-headers": "ngx_security_headers",
    "cookie-flag": "nginx_cookie_flag_module",
    "cache-purge": "ngx_cache_purge",
    "slowfs-cache": "ngx_slowfs_cache",
    "substitutions": "ngx_http_substitutions_filter_module",
    "length-hiding": "nginx-length-hiding-filter-module",
    "concat": "nginx-http-concat",
    "dynamic-etag": "ngx_dynamic_etag",
    "immutable": "ngx_immutable",
    # Guards.
    "modsecurity": "ModSecurity-nginx",
    "coraza": "coraza-nginx",
    "naxsi": "naxsi",
    "testcookie": "testcookie-nginx-module",
    "auth-digest": "nginx-http-auth-digest",
    "auth-jwt": "ngx-http-auth-jwt-module",
    "auth-ldap": "nginx-auth-ldap",
    "auth-pam": "ngx_http_auth_pam_module",
    "auth-spnego": "spnego-http-auth-nginx-module",
    "shibboleth": "nginx-http-shibboleth",
    "hmac-secure-link": "ngx_http_hmac_secure_link_module",
    "sysguard": "nginx-module-sysguard",
    # Watching.
    "vts": "nginx-module-vts",
    "sts": "nginx-module-sts",
    "stream-sts": "nginx-module-stream-sts",
    "opentracing": "nginx-opentracing",
    "opentelemetry": "opentelemetry-cpp-contrib",
    "datadog": "nginx-datadog",
    "json-log": "ngx_http_json_log_module",
    "geoip2": "ngx_http_geoip2_module",
    # Origins.
    "upstream-check": "nginx_upstream_check_module",
    "healthcheck": "ngx_healthcheck_module",
    "upstream-fair": "nginx-upstream-fair",
    "sticky": "nginx-sticky-module-ng",
    "upsync": "nginx-upsync-module",
    "dyups": "ngx_http_dyups_module",
    "proxy-connect": "ngx_http_proxy_connect_module",
    "passenger": "passenger",
    "postgres": "ngx_postgres",
    # Uploads, files, media, messages.
    "upload": "nginx-upload-module",
    "upload-progress": "nginx-upload-progress-module",
    "dav-ext": "nginx-dav-ext-module",
    "fancyindex": "ngx-fancyindex",
    "nchan": "nchan",
    "push-stream": "nginx-push-stream-module",
    "rtmp": "nginx-rtmp-module",
    "http-flv": "nginx-http-flv-module",
    "vod": "nginx-vod-module",
    # Last: only what is in none of the above.
    "tengine": "tengine",
}
"""Tag → repository."""

ASIDE = r"^docs?/|/deps/|^modules/(ngx_http_xquic|mod_|ngx_http_tfs|ngx_ingress|ngx_debug|ngx_slab|ngx_backtrace|ngx_http_lua)"
"""Paths in those repositories that are left out: parts of Tengine that only its makers run."""

BY_HAND = """\
app_protect_compressed_requests_action third-party:app-protect http 1
app_protect_cookie_seed third-party:app-protect http 1
app_protect_cpu_thresholds third-party:app-protect http 1+
app_protect_custom_log_attribute third-party:app-protect http,server,location 2
app_protect_dos_access_file third-party:app-protect http,server,location 1
app_protect_dos_api third-party:app-protect location 0
app_protect_dos_enable third-party:app-protect http,server,location 1
app_protect_dos_liveness third-party:app-protect http 1+
app_protect_dos_monitor third-party:app-protect http,server,location 1+
app_protect_dos_name third-party:app-protect http,server,location 1
app_protect_dos_policy_file third-party:app-protect http,server,location 1
app_protect_dos_readiness third-party:app-protect http 1+
app_protect_dos_security_log third-party:app-protect http,server,location 2
app_protect_dos_security_log_enable third-party:app-protect http,server,location 1
app_protect_enable third-party:app-protect http,server,location 1
app_protect_enforcer_address third-party:app-protect http 1
app_protect_failure_mode_action third-party:app-protect http 1
app_protect_physical_memory_util_thresholds third-party:app-protect http 1+
app_protect_policy_file third-party:app-protect http,server,location 1
app_protect_reconnect_period_seconds third-party:app-protect http 1
app_protect_request_buffer_overflow_action third-party:app-protect http 1
app_protect_security_log third-party:app-protect http,server,location 2
app_protect_security_log_enable third-party:app-protect http,server,location 1
app_protect_user_defined_signatures third-party:app-protect http 1
"""
"""Modules without source, from the documentation of F5 (github.com/nginx/documentation)."""

LIST = frozenset({
    "access_log", "add_header", "add_trailer", "allow", "ancient_browser", "ancient_browser_value", "auth_http_header", "auth_request_set",
    "deny", "error_log", "error_page", "gzip_disable", "imap_capabilities", "index", "limit_conn", "limit_req", "mirror", "modern_browser",
    "modern_browser_value", "pop3_capabilities", "proxy_cookie_domain", "proxy_cookie_flags", "proxy_cookie_path", "proxy_redirect",
    "set_real_ip_from", "smtp_capabilities", "sub_filter", "types", "valid_referers", "xslt_param", "xslt_string_param", "xslt_stylesheet",
})  # fmt: skip
"""Lists, by their own merge functions: what no pattern finds."""

STAY = frozenset({
    "break", "empty_gif", "fastcgi_pass", "flv", "grpc_pass", "if", "limit_except", "location", "memcached_pass", "mp4", "proxy_pass", "return",
    "rewrite", "scgi_pass", "set", "stub_status", "try_files", "tunnel_pass", "uwsgi_pass",
})  # fmt: skip
"""What holds only where it stands, by the same functions."""

LIST_SETTERS = {"ngx_conf_set_str_array_slot", "ngx_conf_set_keyval_slot", "ngx_http_types_slot", "ngx_http_file_cache_valid_set_slot",
                "ngx_http_upstream_param_set_slot", "ngx_http_set_predicate_slot"}  # fmt: skip
"""Functions that add an item for each directive."""


# ---- git ----


class Clone:
    """A clone, bare or not, of which files are read at any commit."""

    def __init__(self, path: Path) -> None:
        """``path`` is what ``git -C`` takes."""
        self.path = path

    def git(self, *arguments: str) -> str:
        """What git says."""
        command = ["git", "-C", str(self.path), *arguments]
        return subprocess.run(command, capture_output=True, text=True, errors="replace", check=True).stdout

    def files(self, commit: str, pattern: str) -> Iterator[tuple[str, str]]:
        """Path and blob of the files whose path matches."""
        for line in self.git("ls-tree", "-r", commit).splitlines():
            about, path = line.split("\t", 1)
            mode, kind, blob = about.split()
            if kind == "blob" and mode != "120000" and re.search(pattern, path):
                yield path, blob

    def text(self, blob: str) -> str:
        """A file."""
        return self.git("cat-file", "blob", blob)


# ---- the source ----


class Command(NamedTuple):
    """An entry of a table of commands."""

    name: str
    path: str
    contexts: frozenset[str]
    arity: Arity
    block: bool
    setter: str
    field: str
    text: str
    """Of the file."""


_NOISE = re.compile(r"/\*.*?\*/|//[^\n]*|^[ \t]*#[^\n]*", re.DOTALL | re.MULTILINE)
_ENTRY = re.compile(
    r"""\{\s*(?:ngx_string\(\s*)?(?:"(?P<name>[^"\s]+)"|(?P<constant>[A-Z][A-Z_]+))\s*\)?\s*,
        \s*(?P<mask>[\w|\s()]*?NGX_\w*CONF_?\w*[\w|\s()]*?)\s*,
        \s*&?(?P<setter>[\w:<>]+)\s*,\s*\w+\s*,\s*(?:offsetof\s*\(\s*\w+\s*,\s*(?P<field>[\w.]+)\s*\)|[^,{}]+)\s*,""",
    re.VERBOSE,
)
_DEFINED = re.compile(
    r"""^[ \t]*\#define[ \t]+(?P<name>[A-Z][A-Z_]+)[ \t\\\n]+(?:"(?P<value>[^"\n]+)"|(?P<macro>\(?[ \t]*NGX_[A-Z0-9_|\s\\]*CONF[A-Z0-9_|\s\\]*\)?)\n)|
        constexpr\s+ngx_uint_t\s+(?P<mask>\w+)\s*=(?P<flags>[^;]+);""",
    re.MULTILINE | re.VERBOSE,
)


def commands(path: str, text: str, words: dict[str, str]) -> Iterator[Command]:
    """The entries of the tables in one file; ``words`` are constants that stand for names and masks."""
    if "NGX_" not in text:
        return
    for found in _ENTRY.finditer(_NOISE.sub("", text)):
        name = found["name"] or words.get(found["constant"], "")
        mask = found["mask"]
        for _ in range(2):
            mask = re.sub(r"\b(?!NGX_)\w+", lambda word: words.get(word[0], word[0]), mask)
        flags = set(re.findall(r"NGX_\w+", mask))
        arities = [ARGUMENTS[flag] for flag in flags if flag in ARGUMENTS]
        if not name or not arities:
            continue
        contexts = (
            frozenset(CONTEXTS.values())
            if "NGX_ANY_CONF" in flags
            else frozenset(CONTEXTS[flag] for flag in flags if flag in CONTEXTS)
        )
        block = "NGX_CONF_BLOCK" in flags
        yield Command(name, path, contexts, _widest(arities), block, found["setter"], found["field"] or "", text)


def _widest(arities: Iterable[Arity]) -> Arity:
    """What any of them allows."""
    arities = list(arities)
    most = [most for _, most in arities if most is not None]
    return min(least for least, _ in arities), max(most) if len(most) == len(arities) else None


def family(contexts: Iterable[str]) -> str:
    """The contexts that share a meaning; those of ``include`` are a family of their own."""
    families = {FAMILIES.get(context, context) for context in contexts}
    return families.pop() if len(families) == 1 else "any"


def apart(command: Command) -> list[Command]:
    """The same command once for each family."""
    if len(command.contexts) > 10:
        return [command]
    grouped = defaultdict(set)
    for context in command.contexts:
        grouped[FAMILIES.get(context, context)].add(context)
    return [command._replace(contexts=frozenset(contexts)) for contexts in grouped.values()]


Key = tuple[str, str]
"""Name and family."""


@dataclass
class History:
    """What the tables said at each version, the unreleased one included."""

    versions: list[Version] = field(default_factory=list)
    present: dict[Key, set[Version]] = field(default_factory=lambda: defaultdict(set))
    inert: dict[Key, set[Version]] = field(default_factory=lambda: defaultdict(set))
    last: dict[Key, list[Command]] = field(default_factory=dict)
    """The entries of the newest version that has the directive."""

    def span(self, key: Key) -> tuple[Version, Version | None]:
        """Since when it is there without a break, and from when it is not; in the line of mainline releases."""
        line = [version for version in self.versions if version < (1, 0) or version[1] % 2]
        there = [version in self.present[key] for version in line]
        if not any(there):
            raise ValueError(f"{key} is only in stable releases")
        end = len(there) - there[::-1].index(True)
        start = end
        while start and there[start - 1]:
            start -= 1
        return line[start], line[end] if end < len(line) else None

    def inert_since(self, key: Key) -> Version | None:
        """From when it does nothing but warn."""
        mainline = [version for version in self.inert[key] if version[1] % 2]
        return min(mainline) if mainline else None


def version_of(text: str) -> Version:
    """``1.27.4`` as numbers."""
    return tuple(int(part) for part in text.split("."))


def history(source: Clone) -> History:
    """Read every release, and the newest commit."""
    tags = {
        version_of(tag[8:]): tag for tag in source.git("tag").split() if re.fullmatch(r"release-\d+\.\d+\.\d+", tag)
    }
    number = int(re.search(r"nginx_version\s+(\d+)", source.git("show", "HEAD:src/core/nginx.h"))[1])  # type: ignore[index]
    head = (number // 1_000_000, number // 1000 % 1000, number % 1000)
    tags.setdefault(head, "HEAD")
    made = History(sorted(tags))
    read: dict[str, list[Command]] = {}
    for version in made.versions:
        now: dict[Key, list[Command]] = defaultdict(list)
        for path, blob in source.files(tags[version], r"^src/(?!mysql/).*\.c$"):
            if blob not in read:
                read[blob] = [one for command in commands(path, source.text(blob), {}) for one in apart(command)]
            for command in read[blob]:
                now[command.name, family(command.contexts)].append(command)
        for key, entries in now.items():
            made.present[key].add(version)
            if all("obsolete" in entry.setter or "spdy_deprecated" in entry.setter for entry in entries):
                made.inert[key].add(version)
        made.last.update(now)
    return made


def comes_down(command: Command) -> str:
    """How an inner level takes over what an outer one says, by the setter and the merge function of the module."""
    if command.name in STAY or "obsolete" in command.setter:
        return "none"
    levels = command.contexts & {"http", "server", "location", "stream", "stream-server", "mail", "mail-server"}
    if len(levels) < 2 and "location" not in levels:
        return "none"
    merged = (
        re.search(rf"ngx_conf_merge_(\w+)\(\s*\w+->{re.escape(command.field)}\s*,", command.text)
        if command.field
        else None
    )
    if command.setter == "ngx_conf_set_bitmask_slot" or (merged and merged[1] == "bitmask_value"):
        return "bitmask"
    if command.name in LIST or command.setter in LIST_SETTERS:
        return "array"
    return "plain"


# ---- the documentation ----


@dataclass(frozen=True)
class Page:
    """What the documentation says of a directive in one family of contexts."""

    name: str
    module: str
    contexts: frozenset[str]
    arity: Arity
    block: bool
    since: Version | None
    default: str
    commercial: bool
    listed: bool
    """Whether the page says that it comes down as a list."""
    gone: Version | None
    """From when even those who pay do not have it."""


def documented(docs: Clone) -> dict[Key, Page]:
    """Every directive in the English documentation."""
    pages: dict[Key, Page] = {}
    for path, blob in docs.files("HEAD", r"^xml/en/docs/.*ngx_\w+_module\.xml$"):
        text = re.sub(r"<!DOCTYPE[^>]*>", "", docs.text(blob))
        root = ET.fromstring(re.sub(r"&(?!amp;|lt;|gt;|quot;|apos;|#)\w+;", " ", text))  # a clone of ours
        module = Path(path).stem
        summary = root.find("section[@id='summary']")
        whole = _says(summary, r"This module (?:is|was) available as part of our commercial")
        gone = _says(summary, r"This module was available as part of our commercial subscription until ([\d.]+\d)")
        for one in root.iter("directive"):
            contexts = frozenset(
                context for name in one.findall("context") for context in _context(module, name.text or "")
            )
            for group in {FAMILIES.get(context, context) for context in contexts} if len(contexts) < 10 else {"any"}:
                own = frozenset(c for c in contexts if group == "any" or FAMILIES.get(c, c) == group)
                page = _page(one, module, own, commercial=bool(whole), gone=version_of(gone[1]) if gone else None)
                pages[page.name, group] = _both(pages[page.name, group], page) if (page.name, group) in pages else page
    return pages


def _page(one: ET.Element, module: str, contexts: frozenset[str], *, commercial: bool, gone: Version | None) -> Page:
    since = [
        version_of(match[0])
        for text in one.findall("appeared-in")
        if (match := re.search(r"[\d.]+\d", text.text or ""))
    ]
    return Page(
        name=one.attrib["name"],
        module=module,
        contexts=contexts,
        arity=_widest(arity_of("".join(syntax.itertext())) for syntax in one.findall("syntax")),
        block=any(syntax.get("block") == "yes" for syntax in one.findall("syntax")),
        since=min(since) if since else None,
        default="; ".join(filter(None, (" ".join((default.text or "").split()) for default in one.findall("default")))),
        commercial=commercial
        or bool(_says(one, "This (?:directive|functionality) is available as part of our commercial")),
        listed=bool(_says(one, "inherited from the previous configuration level if and only if")),
        gone=gone,
    )


def _both(one: Page, other: Page) -> Page:
    return replace(one, module=f"{one.module},{other.module}", contexts=one.contexts | other.contexts)


def _says(element: ET.Element | None, pattern: str) -> re.Match[str] | None:
    return None if element is None else re.search(pattern, " ".join("".join(element.itertext()).split()))


def _context(module: str, name: str) -> list[str]:
    """A context of the documentation in our words: ``server`` is one of three, by the module."""
    name = " ".join(name.split())
    if name in {"any", ""}:
        return list(CONTEXTS.values())
    if module.startswith(("ngx_stream", "ngx_mail")) and name in {"server", "upstream"}:
        return [f"{module.split('_')[1]}-{name}"]
    if name == "server" and module == "ngx_core_module":
        # error_log, the only one.
        return ["server", "stream-server", "mail-server"]
    if name == "server" and module == "ngx_http_api_module":
        # status_zone, by its text.
        return ["server", "stream-server"]
    return {
        "if": ["if-in-server", "if-in-location"],
        "if in location": ["if-in-location"],
        "if in server": ["if-in-server"],
    }.get(name, [name])


def arity_of(syntax: str) -> Arity:
    """How many arguments a line of syntax allows; rather too many than too few."""
    syntax = re.sub(r"\s+", " ", syntax).strip()
    inner = re.compile(r"([^\s\[\]]*)\[([^\[\]]*)\]([^\s\[\]]*)")
    optional = 0
    endless = "..." in syntax or "parameters" in syntax
    while found := inner.search(syntax):
        before, within, behind = found.groups()
        if not before and not behind:
            optional += arity_of(within)[1] or 1
        syntax = syntax[: found.start()] + before + behind + syntax[found.end() :]
    counts = [len(part.replace("...", " ").split()) for part in syntax.split("|")] if syntax.strip() else [0]
    if len(counts) > 1:
        # `name | off` is one word, `$variable on | off` two: words before the first choice belong to all.
        first = counts[0] - 1
        counts = [counts[0], *(first + count for count in counts[1:])] if max(counts[1:]) == 1 else counts
    return min(counts), None if endless else max(counts) + optional


# ---- modules by others ----


def others(folder: Path, taken: dict[Key, Row]) -> dict[Key, Row]:
    """The rows of modules by others; a name that is nginx's own keeps its row, which gains the tag."""
    rows: dict[Key, Row] = {}
    for tag, repository in THIRD_PARTY.items():
        for command in _third_party(Clone(folder / repository)):
            key = (command.name, family(command.contexts))
            if key in taken:
                own = taken[key]
                if tag not in {"tengine", "njs", "pagespeed"}:
                    modules = dict.fromkeys((*own.modules, f"third-party:{tag}"))
                    taken[key] = replace(own, modules=tuple(modules))
                elif tag == "njs":
                    taken[key] = replace(own, contexts=command.contexts, arity=command.arity, block=command.block)
            elif key in rows:
                row = rows[key]
                if tag != "tengine":
                    widest = _widest([row.arity, command.arity])
                    modules = dict.fromkeys((*row.modules, f"third-party:{tag}"))
                    rows[key] = replace(
                        row, modules=tuple(modules), contexts=row.contexts | command.contexts, arity=widest
                    )
            else:
                rows[key] = Row(command.name, (f"third-party:{tag}",), command.contexts, command.arity, command.block)
    for line in BY_HAND.splitlines():
        name, module, contexts, arguments = line.split()
        row = read_row(f"{name}\t{module}\t{contexts}\t{arguments}\t\t\t\t")
        rows.setdefault((name, family(row.contexts)), row)
    return rows


def _third_party(clone: Clone) -> Iterator[Command]:
    texts = {
        path: clone.text(blob)
        for path, blob in clone.files("HEAD", r"\.(c|cc|cpp|h|hpp)$")
        if not re.search(ASIDE, path)
    }
    words: dict[str, str] = {}
    for text in texts.values():
        for found in _DEFINED.finditer(text):
            words[found["name"] or found["mask"]] = found["value"] or found["macro"] or found["flags"]
    for path, text in texts.items():
        for command in commands(path, text, words):
            if re.fullmatch(r"[A-Za-z_]\w+", command.name):
                yield from (one for one in apart(command) if one.contexts)


# ---- rows ----


@dataclass(frozen=True)
class Row:
    """A line of the table."""

    name: str
    modules: tuple[str, ...]
    contexts: frozenset[str]
    arity: Arity
    block: bool
    merge: str = ""
    since: Version | None = None
    until: str = ""
    default: str = ""

    def __str__(self) -> str:
        least, most = self.arity
        arguments = (
            f"{least}+" if most is None else f"{least}" if least == most else f"{least}-{most}"
        ) + "{" * self.block
        contexts = "any" if len(self.contexts) > 10 else ",".join(sorted(self.contexts, key=ORDER.index))
        since = ".".join(map(str, self.since or ()))
        return "\t".join(
            (self.name, ",".join(self.modules), contexts, arguments, self.merge, since, self.until, self.default)
        )


def read_row(line: str) -> Row:
    """A line as :meth:`Row.__str__` writes it."""
    name, modules, contexts, arguments, merge, since, until, default = line.split("\t")
    least, _, most = arguments.rstrip("{").rstrip("+").partition("-")
    return Row(
        name,
        tuple(modules.split(",")),
        frozenset(CONTEXTS.values()) if contexts == "any" else frozenset(contexts.split(",")),
        (int(least), None if "+" in arguments else int(most or least)),
        arguments.endswith("{"),
        merge,
        version_of(since) if since else None,
        until,
        default,
    )


def own_rows(past: History, pages: dict[Key, Page]) -> dict[Key, Row]:
    """The rows of nginx itself, and of what is sold with it."""
    rows: dict[Key, Row] = {}
    for key, entries in past.last.items():
        since, gone = past.span(key)
        if gone and gone < (1, 2):
            continue
        inert = past.inert_since(key)
        page = pages.get(key)
        first = entries[0]
        rows[key] = Row(
            name=key[0],
            modules=tuple(page.module.split(","))
            if page
            else tuple(dict.fromkeys(_module(entry.path) for entry in entries)),
            contexts=frozenset[str]().union(*(entry.contexts for entry in entries)),
            arity=_widest(entry.arity for entry in entries),
            block=first.block,
            merge=comes_down(first),
            since=since,
            until=f"removed {_dotted(gone)}" if gone else f"inert {_dotted(inert)}" if inert else "",
            default=page.default if page else "",
        )
    for key, page in pages.items():
        if key not in rows:
            rows[key] = _only_documented(page)
    return rows


def _only_documented(page: Page) -> Row:
    module = page.module.split(",")[0]
    tag = SEPARATE.get(module)
    levels = page.contexts & {"http", "server", "location", "stream", "stream-server"}
    stays = len(levels) < 2 and "location" not in levels
    return Row(
        name=page.name,
        modules=(tag, page.module) if tag else (*page.module.split(","), "commercial"),
        contexts=page.contexts,
        arity=page.arity,
        block=page.block,
        merge="array" if page.listed else "none" if stays else "",
        since=None if tag else page.since,
        until=f"removed {_dotted(page.gone)}" if page.gone else "",
        default=page.default,
    )


def _module(path: str) -> str:
    stem = Path(path).stem
    return NAMED.get(stem, stem)


def _dotted(version: Version | None) -> str:
    return ".".join(map(str, version or ()))


def table(rows: Iterable[Row]) -> str:
    """The file's text."""

    # By the bytes of the name, for directives.py looks names up by halving; nginx's own before that of others.
    def place(row: Row) -> tuple[str, bool, int]:
        return (
            row.name,
            row.modules[0].startswith("third-party:"),
            min(ORDER.index(context) for context in row.contexts),
        )

    ordered = sorted(rows, key=place)
    return HEADER + "".join(f"{row}\n" for row in ordered)


# ---- doubts ----


def doubts(past: History, pages: dict[Key, Page], rows: dict[Key, Row]) -> Iterator[str]:
    """Where documentation and source disagree, one line each."""
    for key, row in sorted(rows.items()):
        page, entries = pages.get(key), past.last.get(key)
        what = f"{key[0]} ({key[1]})"
        if entries and not page and not row.until:
            yield f"{what}: not documented"
        if page and not entries and "commercial" in row.modules and not page.commercial:
            yield f"{what}: documented as open source, and not in it"
        if not page or not entries:
            continue
        if page.commercial:
            yield f"{what}: documented as commercial, and in the open source since {_dotted(row.since)}"
        if page.contexts != row.contexts:
            yield f"{what}: contexts: docs also {sorted(page.contexts - row.contexts)}, source also {sorted(row.contexts - page.contexts)}"
        if page.block != row.block:
            yield f"{what}: documented {'with' if page.block else 'without'} a block"
        if page.since and page.since != row.since:
            yield f"{what}: since {_dotted(page.since)} by the docs, {_dotted(row.since)} by the tags"
        if not page.since and row.since and row.since >= (1, 18):
            yield f"{what}: since {_dotted(row.since)} by the tags, no version in the docs"
        if page.arity != row.arity:
            yield f"{what}: arguments {page.arity} by the docs' syntax, {row.arity} by the source"
        if page.listed and row.merge != "array":
            yield f"{what}: a list by the docs, {row.merge} by the source"
    for key in past.present:
        if (
            key in rows
            and (since := rows[key].since)
            and any((1, 16) <= version < since for version in past.present[key])
        ):
            yield f"{key}: also in {[_dotted(v) for v in sorted(past.present[key]) if (1, 16) <= v < since]}"


@cache
def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("docs", type=Path)
    parser.add_argument("source", type=Path)
    parser.add_argument("--modules", type=Path, help="a folder with clones of the modules by others")
    parser.add_argument("--doubts", action="store_true", help="print where the sources disagree, write nothing")
    return parser.parse_args()


def _kept(rows: dict[Key, Row]) -> dict[Key, Row]:
    """The rows of modules by others as they stand in the table; nginx's own rows keep the tags they have there."""
    kept: dict[Key, Row] = {}
    for line in TABLE.read_text().splitlines():
        if line.startswith("#"):
            continue
        row = read_row(line)
        key = (row.name, family(row.contexts))
        if row.modules[0].startswith("third-party:"):
            kept[key] = row
            if key in rows:
                # What the module's own source said, where the documentation speaks of it, too.
                rows[key] = replace(rows[key], contexts=row.contexts, arity=row.arity, block=row.block)
        elif key in rows and any(module.startswith("third-party:") for module in row.modules):
            rows[key] = replace(rows[key], modules=tuple(dict.fromkeys((*rows[key].modules, *row.modules))))
    return kept


def main() -> None:
    """Write the table, or print doubts."""
    given = _arguments()
    past, pages = history(Clone(given.source)), documented(Clone(given.docs))
    rows = own_rows(past, pages)
    if given.doubts:
        sys.stdout.writelines(f"{doubt}\n" for doubt in doubts(past, pages, rows))
        return
    foreign = others(given.modules, rows) if given.modules else _kept(rows)
    TABLE.write_text(table({**rows, **{key: row for key, row in foreign.items() if key not in rows}}.values()))


if __name__ == "__main__":
    main()
