"""The tables of nginx's directives and defaults: against themselves, crossplane, the documentation's defaults, and real nginx."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator

import pytest
from crossplane import analyzer

from proxycfg.targets.nginx import defaults, facts
from proxycfg.targets.nginx.directives import (
    ALSO_ARGUMENTS,
    CONTEXTS,
    FREE_FORM,
    Known,
    all_names,
    entries,
    is_directive,
    known,
    opens_line,
)
from tests import nginx_docs
from tests.engines import NGINX, Engine, EngineAbsent, need, required

NEWEST = (1, 31, 5)
EVERY = [entry for name in sorted(all_names()) for entry in entries(name)]
OWN = [entry for entry in EVERY if not entry.third_party and not entry.commercial]
"""Open source."""


def _first(name: str, context: str | None = None) -> Known:
    entry = known(name, context)
    assert entry, name
    return entry


# ---- the table itself ----


def test_the_table_is_in_the_order_in_which_it_is_searched() -> None:
    """By the bytes of the names, without a line twice."""
    lines = [line for line in nginx_docs.TABLE.read_text().splitlines() if not line.startswith("#")]
    names = [line.partition("\t")[0] for line in lines]

    assert names == sorted(names)
    assert len(set(lines)) == len(lines)


def test_each_line_comes_back_as_it_was_written() -> None:
    """What makes the table also reads it, so that lines can be kept when it is made anew."""
    for line in nginx_docs.TABLE.read_text().splitlines()[2:]:
        assert line == str(nginx_docs.read_row(line))


def test_the_table_is_about_as_large_as_nginx() -> None:
    """Its documentation has more than 800 names; a parser that misses a table of commands would show here."""
    assert len({entry.name for entry in OWN if entry.exists_in(NEWEST)}) >= 650
    assert len({entry.name for entry in EVERY if entry.commercial}) >= 100
    assert len({entry.name for entry in EVERY if entry.third_party}) >= 1300


def test_entries_of_one_name_share_no_context() -> None:
    """So that a name and a context lead to one entry."""
    for name in all_names():
        contexts = [context for entry in entries(name) for context in entry.contexts]

        assert len(contexts) == len(set(contexts)), name


def test_each_entry_is_whole() -> None:
    """A module, a context that exists, an arity in order; versions in order, too."""
    assert {context for entry in OWN for context in entry.contexts} == set(CONTEXTS)
    for entry in EVERY:
        assert entry.modules, entry
        assert entry.contexts, entry
        assert entry.arity[1] is None or entry.arity[0] <= entry.arity[1], entry
        assert not (entry.since and entry.removed) or entry.since < entry.removed, entry
        assert not (entry.third_party and (entry.commercial or entry.since)), entry
    assert all(entry.since and entry.merge for entry in OWN)


def test_a_name_means_what_its_context_says() -> None:
    """``server`` and ``keepalive_timeout`` are different directives inside ``upstream``."""
    assert [entry.takes_block for entry in entries("server")][:2] == [True, False]
    assert known("server", "upstream") == entries("server")[1]
    assert known("server", "location") is None
    assert _first("keepalive_timeout", "location").default == "75s"
    assert _first("keepalive_timeout", "upstream").default == "60s"
    assert _first("include", "if-in-location").arity == (1, 1)
    assert known("proxy_pas") is None
    assert not is_directive("proxy_pas")
    assert not is_directive("")


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("http2", "1.25.1"),
        ("proxy_pass_trailers", "1.27.2"),
        ("add_header_inherit", "1.29.3"),
        ("keepalive_min_timeout", "1.27.4"),
        ("tunnel_pass", "1.31.0"),
        ("proxy_request_buffering", "1.7.11"),
        ("early_hints", "1.29.0"),
        ("max_headers", "1.29.8"),
        ("grpc_pass", "1.13.10"),
        ("sticky", "1.29.6"),
    ],
)
def test_since_when(name: str, version: str) -> None:
    """The versions of nginx's change log."""
    entry = known(name)

    assert entry
    assert facts.parse(version) == entry.since
    assert entry.exists_in(facts.parse(version))
    assert not entry.exists_in((1, 7, 10))


def test_one_name_has_a_version_in_each_context() -> None:
    """``resolver`` came to ``upstream`` long after it came to ``http``; both are there before it was sold there."""
    assert [entry.since for entry in entries("resolver")][:2] == [(0, 6, 18), (1, 27, 3)]
    assert [entry.since for entry in entries("keepalive_timeout")] == [(0, 1, 0), (1, 15, 3)]


def test_what_is_gone_and_what_does_nothing() -> None:
    """``ssl on`` fails since 1.25.1; HTTP/2's own timers and push warn and are ignored."""
    assert [entry.removed for entry in entries("ssl")] == [(1, 25, 1)] * 2
    assert {entry.name: entry.inert for entry in EVERY if entry.inert} == {
        "http2_idle_timeout": (1, 19, 7),
        "http2_max_concurrent_pushes": (1, 25, 1),
        "http2_max_field_size": (1, 19, 7),
        "http2_max_header_size": (1, 19, 7),
        "http2_max_requests": (1, 19, 7),
        "http2_push": (1, 25, 1),
        "http2_push_preload": (1, 25, 1),
        "http2_recv_timeout": (1, 19, 7),
    }


COMES_DOWN = {
    "plain": """
        proxy_buffering proxy_read_timeout proxy_http_version proxy_cache proxy_method gzip client_max_body_size keepalive_timeout limit_rate
        auth_request slice image_filter http2 root alias resolver internal add_header_inherit grpc_read_timeout""",
    "array": """
        proxy_set_header grpc_set_header fastcgi_param uwsgi_param scgi_param add_header add_trailer error_page access_log limit_conn limit_req
        allow deny sub_filter proxy_hide_header proxy_pass_header proxy_redirect proxy_cookie_path proxy_cache_valid proxy_no_cache
        proxy_cache_bypass mirror auth_request_set early_hints types gzip_types gzip_disable proxy_ssl_conf_command""",
    "bitmask": """
        proxy_next_upstream proxy_ignore_headers gzip_proxied proxy_cache_use_stale proxy_ssl_protocols keepalive_disable proxy_cache_methods""",
    "none": """
        proxy_pass grpc_pass fastcgi_pass uwsgi_pass scgi_pass memcached_pass tunnel_pass return rewrite set if break try_files limit_except
        location server_name listen""",
}


@pytest.mark.parametrize("merge", COMES_DOWN)
def test_how_directives_come_down(merge: str) -> None:
    """As nginx's merge functions do it; the commonest of each kind are measured."""
    names = COMES_DOWN[merge].split()

    assert dict.fromkeys(names, merge) == {name: _first(name).merge for name in names}


def test_modules_by_others_are_told_from_typing_errors() -> None:
    """Each of those that people meet, by one of its directives."""
    expected = {
        "content_by_lua_block": "lua",
        "more_set_headers": "headers-more",
        "brotli": "brotli",
        "zstd": "zstd",
        "modsecurity": "modsecurity",
        "vhost_traffic_status": "vts",
        "echo": "echo",
        "js_content": "njs",
        "geoip2": "geoip2",
        "upload_progress": "upload-progress",
        "SecRulesEnabled": "naxsi",
        "pagespeed": "pagespeed",
        "security_headers": "security-headers",
        "passenger_enabled": "passenger",
        "rtmp": "rtmp",
        "nchan_publisher": "nchan",
        "otel_trace": "otel",
        "acme_issuer": "acme",
    }

    assert expected == {name: _first(name).third_party for name in expected}
    assert _first("sticky").modules == ("ngx_http_upstream_module", "third-party:sticky")
    assert not _first("sticky").third_party


def test_what_is_sold_is_told_apart() -> None:
    """Names that nginx's documentation has, and its open source does not know."""
    assert {entry.name for entry in EVERY if entry.commercial} >= {
        "proxy_allow_upstream", "grpc_allow_upstream", "proxy_bind_dynamic", "proxy_request_dynamic", "proxy_cache_purge", "queue", "ntlm",
        "health_check", "match", "keyval", "auth_jwt", "api", "status_zone", "zone_sync", "oidc_provider", "mgmt", "state",
    }  # fmt: skip
    assert not any(
        entry.commercial
        for name in ("resolver", "sticky", "least_time")
        for entry in entries(name)
        if "upstream" in entry.contexts
    )


def test_blocks_of_data_are_blocks() -> None:
    """And every other block holds directives."""
    assert all(_first(name).takes_block for name in FREE_FORM)
    rest = {entry.name for entry in OWN if entry.takes_block and entry.exists_in(NEWEST)} - FREE_FORM
    assert rest == {"events", "http", "server", "location", "if", "limit_except", "upstream", "stream", "mail"}


@pytest.mark.parametrize(("word", "opens"), [("proxy_pass", True), ("listen", True), ("access_by_lua_file", True), ("http2", False), ("ssl", False),
                                             ("timeout", False), ("push", False), ("example", False)])  # fmt: skip
def test_what_opens_a_line(word: str, opens: bool) -> None:
    """No word that is an argument elsewhere, as in ``listen 443`` with ``ssl http2`` on the next line."""
    assert opens == opens_line(word)
    assert all(is_directive(word) for word in ALSO_ARGUMENTS)


# ---- the script that makes it ----


@pytest.mark.parametrize(
    ("syntax", "arity"),
    [
        ("on | off", (1, 1)),
        ("", (0, 0)),
        ("connections [local]", (1, 2)),
        ("address ... [valid=time] [ipv4=on|off]", (1, None)),
        ("zone=name:size [timeout=time] [type=string|number] [evict]", (1, 4)),
        ("$variable module.function [nocache]", (2, 3)),
        ("alg[:size] | file", (1, 1)),
        ("path | off", (1, 1)),
    ],
)
def test_arity_from_syntax(syntax: str, arity: tuple[int, int | None]) -> None:
    """Of directives that have no table of commands to look at."""
    assert arity == nginx_docs.arity_of(syntax)


def test_entries_of_a_table_of_commands() -> None:
    """Names and masks, also behind constants, conditions of the preprocessor and comments."""
    text = """
        #define NAME_T "CheckRule"
        static ngx_command_t commands[] = {
            { ngx_string("plain"), NGX_HTTP_MAIN_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12, set, NGX_HTTP_LOC_CONF_OFFSET, offsetof(conf_t, one), NULL },
        #if (NGX_SSL)
            /* a block */ { ngx_string(NAME_T), /* { */ NGX_STREAM_MAIN_CONF
              | NGX_CONF_BLOCK | NGX_CONF_1MORE, block, 0, 0, NULL },
        #endif
            { "mine", everywhere | NGX_CONF_FLAG, set, 0, 0, NULL },
            ngx_null_command };
    """
    found = list(
        nginx_docs.commands("x.c", text, {"NAME_T": "CheckRule", "everywhere": "NGX_HTTP_SRV_CONF | NGX_HTTP_LIF_CONF"})
    )

    assert [(entry.name, sorted(entry.contexts), entry.arity, entry.block, entry.field) for entry in found] == [
        ("plain", ["http", "location"], (1, 2), False, "one"),
        ("CheckRule", ["stream"], (1, None), True, ""),
        ("mine", ["if-in-location", "server"], (1, 1), False, ""),
    ]


def test_since_and_until_follow_the_mainline() -> None:
    """A stable release between two mainline ones neither begins nor ends a directive; a name that comes back begins anew."""
    past = nginx_docs.History([(0, 9, 0), (1, 17, 0), (1, 18, 0), (1, 19, 0), (1, 19, 1), (1, 20, 0)])
    past.present["back", "http"] = {(0, 9, 0), (1, 19, 0), (1, 19, 1), (1, 20, 0)}
    past.present["gone", "http"] = {(0, 9, 0), (1, 17, 0), (1, 18, 0)}

    assert past.span(("back", "http")) == ((1, 19, 0), None)
    assert past.span(("gone", "http")) == ((0, 9, 0), (1, 19, 0))


# ---- crossplane ----

CROSSPLANE = {
    "main": analyzer.NGX_MAIN_CONF,
    "events": analyzer.NGX_EVENT_CONF,
    "http": analyzer.NGX_HTTP_MAIN_CONF,
    "server": analyzer.NGX_HTTP_SRV_CONF,
    "if-in-server": analyzer.NGX_HTTP_SIF_CONF,
    "location": analyzer.NGX_HTTP_LOC_CONF,
    "if-in-location": analyzer.NGX_HTTP_LIF_CONF,
    "limit_except": analyzer.NGX_HTTP_LMT_CONF,
    "upstream": analyzer.NGX_HTTP_UPS_CONF,
    "stream": analyzer.NGX_STREAM_MAIN_CONF,
    "stream-server": analyzer.NGX_STREAM_SRV_CONF,
    "stream-upstream": analyzer.NGX_STREAM_UPS_CONF,
    "mail": analyzer.NGX_MAIL_MAIN_CONF,
    "mail-server": analyzer.NGX_MAIL_SRV_CONF,
}

ONLY_CROSSPLANE = {
    "memcached_force_ranges": "in the change log of 1.7.7, and in no version of the source",
    "sticky_cookie_insert": "of NGINX Plus before sticky, and no longer documented",
}
NEWER_THAN_CROSSPLANE = {
    **dict.fromkeys(("auth_jwt", "auth_jwt_key_file", "auth_jwt_key_request"), "documented for limit_except, too"),
    "include": "nginx's NGX_ANY_CONF has the bits of if and limit_except; crossplane's has not",
    "proxy_protocol": "mail since 1.19.8",
    **dict.fromkeys(("resolver", "resolver_timeout"), "upstream since 1.27.3"),
    **dict.fromkeys(
        ("server_name", "server_names_hash_bucket_size", "server_names_hash_max_size"), "stream since 1.25.5"
    ),
    "set": "stream since 1.19.3",
    "set_real_ip_from": "mail since 1.19.8",
    **dict.fromkeys(
        ("ssl_stapling", "ssl_stapling_file", "ssl_stapling_responder", "ssl_stapling_verify"), "stream since 1.27.2"
    ),
}
OTHER_ARGUMENTS = {
    "keepalive": "`local` since 1.29.7",
    "keyval_zone": "documented with five at most",
    "limit_req_zone": "`sync` of NGINX Plus is a fourth",
    "sticky": "a way and its parameters, in the open source",
    "zone_sync_ssl_protocols": "documented as all optional",
}


def test_crossplane_knows_nothing_that_we_do_not() -> None:
    """Its table is from nginx's source of 2020, and from the documentation of NGINX Plus."""
    assert ONLY_CROSSPLANE.keys() == {name for name in analyzer.DIRECTIVES if not is_directive(name)}


def test_crossplane_lacks_what_came_since() -> None:
    """The reason for a table of our own."""
    names = {entry.name for entry in EVERY if not entry.third_party and (not entry.removed or entry.removed > (1, 18))}

    assert len(names - analyzer.DIRECTIVES.keys()) >= 150


def test_contexts_and_arguments_agree_with_crossplane() -> None:
    """Two readings of nginx's masks."""
    wider, other = set(), set()
    for name, masks in analyzer.DIRECTIVES.items():
        own = [entry for entry in entries(name) if not entry.third_party]
        theirs = {context for context, bit in CROSSPLANE.items() if any(mask & bit for mask in masks)}
        ours = {context for entry in own for context in entry.contexts} & CROSSPLANE.keys()
        if not own:
            # njs, which has moved on.
            continue
        assert theirs <= ours, name
        if theirs < ours:
            wider.add(name)
        if not all(_same_arguments(entry, masks) for entry in own):
            other.add(name)

    assert NEWER_THAN_CROSSPLANE.keys() == wider
    assert OTHER_ARGUMENTS.keys() == other


def _same_arguments(entry: Known, masks: list[int]) -> bool:
    bits = [CROSSPLANE[context] for context in entry.contexts if context in CROSSPLANE]
    masks = [mask for mask in masks if any(mask & bit for bit in bits)]
    least, most = entry.arity
    ours = {count for count in range(12) if least <= count and (most is None or count <= most)}
    theirs = {count for count in range(12) if any(_takes(mask, count) for mask in masks)}
    return not masks or (
        ours == theirs and all(bool(mask & analyzer.NGX_CONF_BLOCK) == entry.takes_block for mask in masks)
    )


def _takes(mask: int, count: int) -> bool:
    few = count <= 7 and mask >> count & 1
    one = mask & analyzer.NGX_CONF_FLAG and count == 1
    many = (
        mask & analyzer.NGX_CONF_ANY
        or (mask & analyzer.NGX_CONF_1MORE and count >= 1)
        or (mask & analyzer.NGX_CONF_2MORE and count >= 2)
    )
    return bool(few or one or many)


# ---- defaults ----

WRONG_PAGES = {
    "proxy_set_header": "still has Connection close, which is no longer sent since 1.29.7",
    "tunnel_buffer_size": "16k, and one memory page in the source",
}


def _of_row(name: str, *, upstream: bool) -> Known:
    return next(entry for entry in entries(name) if ("upstream" in entry.contexts) == upstream)


@pytest.mark.parametrize(("name", "upstream"), sorted(defaults.table()))
def test_defaults_are_those_of_the_documentation(name: str, upstream: bool) -> None:
    """Those of the newest version; of ``4k|8k`` the first, and items of a list apart."""
    entry = _of_row(name, upstream=upstream)
    value = defaults.default(name, "1.31", "upstream" if upstream else "location")
    assert value
    page = [item.partition("|")[0].split() for item in (entry.default or "").split("; ")]

    agrees = page == [list(value)] or page == [item.split() for item in value]
    assert agrees == (name not in WRONG_PAGES)


def test_rows_are_in_order_and_begin_with_the_directive() -> None:
    """No default before the directive, none missing after; every row has a source."""
    earlier = {"fastcgi_param", "uwsgi_param", "scgi_param", "keepalive"}
    for (name, upstream), rows in defaults.table().items():
        entry = _of_row(name, upstream=upstream)
        assert [row.since for row in rows] == sorted({row.since for row in rows})
        assert all(
            re.match(r"doc: ngx_\w+_module$|changes 1\.\d+\.\d+$|source: src/[\w/]+\.c$", row.source) for row in rows
        ), name
        assert entry.since
        if name not in earlier:
            assert rows[0].since == (entry.since if entry.since > (1, 18) else ()), name


@pytest.mark.parametrize(
    ("name", "context", "before", "version", "after"),
    [
        ("proxy_http_version", "location", ("1.0",), "1.29.7", ("1.1",)),
        ("proxy_set_header", "location", ("Host $proxy_host", "Connection close"), "1.29.7", ("Host $proxy_host",)),
        ("keepalive", "upstream", None, "1.29.7", ("32", "local")),
        ("keepalive_requests", "location", ("100",), "1.19.10", ("1000",)),
        ("keepalive_requests", "upstream", ("100",), "1.19.10", ("1000",)),
        ("sendfile_max_chunk", "location", ("0",), "1.21.4", ("2m",)),
        ("ssl_protocols", "location", ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"), "1.27.3", ("TLSv1.2", "TLSv1.3")),
        ("fastcgi_param", "location", None, "1.29.5", ("HTTP_HOST $host$is_request_port$request_port",)),
        ("proxy_pass_trailers", "location", None, "1.27.2", ("off",)),
    ],
)
def test_defaults_that_changed(
    name: str, context: str, before: tuple[str, ...] | None, version: str, after: tuple[str, ...]
) -> None:
    """In the version that the change log gives, and not in the one before."""
    major, minor, patch = facts.parse(version)

    assert before == defaults.default(name, f"{major}.{minor}.{patch - 1}", context)
    assert after == defaults.default(name, version, context)
    assert after == defaults.default(name, "1.31", context)
    assert defaults.source(name, version, context)


def test_defaults_that_did_not() -> None:
    """From the oldest version to the newest."""
    for version in ("1.18", "1.22", "1.26", "1.30", "1.31"):
        assert defaults.default("proxy_read_timeout", version) == ("60s",)
        assert defaults.default("client_max_body_size", version) == ("1m",)
        assert defaults.default("http2_max_concurrent_streams", version) == ("128",)
        assert defaults.default("proxy_buffers", version) == ("8", "4k")
        assert defaults.default("keepalive_timeout", version) == ("75s",)
        assert defaults.default("keepalive_timeout", version, "upstream") == ("60s",)
        assert defaults.default("proxy_pass", version) is None
        assert defaults.default("grpc_buffering", version) is None
        # A word is a condition here, and `off` one that holds.
        assert defaults.default("early_hints", version) is None
        assert defaults.default("client_body_early_read", version) is None


# ---- the real nginx ----

AROUND = {
    "main": "{}\nevents {{}}",
    "events": "events {{ {} }}",
    "http": "events {{}} http {{ {} }}",
    "server": "events {{}} http {{ server {{ {} }} }}",
    "if-in-server": "events {{}} http {{ server {{ if ($host) {{ {} }} }} }}",
    "location": "events {{}} http {{ server {{ location / {{ {} }} }} }}",
    "if-in-location": "events {{}} http {{ server {{ location / {{ if ($host) {{ {} }} }} }} }}",
    "limit_except": "events {{}} http {{ server {{ location / {{ limit_except GET {{ {} }} }} }} }}",
    "upstream": "events {{}} http {{ upstream u {{ {} }} }}",
    "stream": "events {{}} stream {{ {} }}",
    "stream-server": "events {{}} stream {{ server {{ {} }} }}",
    "stream-upstream": "events {{}} stream {{ upstream u {{ {} }} }}",
    "mail": "events {{}} mail {{ {} }}",
    "mail-server": "events {{}} mail {{ server {{ {} }} }}",
}

_ASKED_FOR = """
    http_ssl http_v2 http_v3 http_realip http_addition http_xslt http_image_filter http_geoip http_sub http_dav http_flv http_mp4 http_gunzip
    http_gzip_static http_auth_request http_random_index http_secure_link http_degradation http_slice http_stub_status http_perl
    google_perftools stream_ssl stream_realip stream_geoip stream_ssl_preread mail_ssl"""
WITH = {f"ngx_{name}_module" for name in _ASKED_FOR.split()}
"""Modules that nginx has only if asked for; the others, unless asked not to."""

ELSEWHERE = {"ngx_kqueue_module", "ngx_devpoll_module", "ngx_eventport_module", "ngx_iocp_module", "ngx_rtsig_module"}
"""Modules of other systems."""

BACKPORTED = {"max_headers": "Debian's security updates of 1.22 and 1.26 have it"}
"""Directives that a distribution's nginx may have before its version says so."""


def _batch(engine: Engine, script: str) -> str:
    """What a shell with that nginx says; one start of a container."""
    shell = ["sh", "-s"]
    command = (
        ["docker", "run", "--rm", "--interactive", "--network=host", "--entrypoint=sh", engine.image, "-s"]
        if engine.image
        else shell
    )
    path = f"{engine.binary.parent}:{os.environ['PATH']}" if engine.binary else os.environ["PATH"]
    done = subprocess.run(
        command,
        input=script,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
        env={**os.environ, "PATH": path},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _compiled(entry: Known, options: set[str]) -> bool:
    """Whether an nginx made with these options has the directive, as far as its version goes."""
    blocks = {context.partition("-")[0] for context in entry.contexts}
    if blocks <= {"stream", "mail"} and not all(f"--with-{block}" in options for block in blocks):
        return False
    if entry.name in {"stream", "mail"}:
        return f"--with-{entry.name}" in options
    for module in entry.modules:
        option = module.removeprefix("ngx_")
        if module in ELSEWHERE or (
            f"--with-{option}" not in options if module in WITH else f"--without-{option}" in options
        ):
            return False
    return True


def _questions() -> Iterator[tuple[Known, str]]:
    """Each directive of nginx, in one context where it may stand."""
    for entry in EVERY:
        context = next((context for context in AROUND if context in entry.contexts), None)
        if not entry.third_party and context:
            yield entry, context


@pytest.mark.engine
@pytest.mark.parametrize("engine", [pytest.param(engine, marks=pytest.mark.xdist_group(engine)) for engine in NGINX])
def test_nginx_knows_what_its_version_has(engine: str) -> None:
    """What the version has, and the modules that were compiled in, `nginx -t` takes for a directive; all else it does not know."""
    try:
        found = need(engine)
    except EngineAbsent as absent:
        if required():
            pytest.fail(str(absent))
        pytest.skip(str(absent))
    questions = list(_questions())
    ask = 'ask() { printf "%s" "$1" >"$conf"; nginx -t -q -c "$conf" -e stderr 2>&1; echo @@; }\n'
    configs = [AROUND[context].format(f"{entry.name};") for entry, context in questions]
    lines = "".join(f"ask '{config}'\n" for config in configs)
    said = _batch(found, f'conf=$(mktemp)\nnginx -V 2>&1; echo @@\n{ask}{lines}rm "$conf"\n').split("@@\n")
    version = facts.parse((re.search(r"nginx/([\d.]+)", said[0]) or pytest.fail(said[0]))[1])
    options = set(re.findall(r"--with\S+", said[0]))
    assert len(said) == len(questions) + 2

    wrong = []
    for (entry, context), answer in zip(questions, said[1:], strict=False):
        # A namesake elsewhere makes it known and not allowed here; without the module its block is unknown, too.
        is_known = "unknown directive" not in answer and f'"{entry.name}" directive is not allowed here' not in answer
        expected = not entry.commercial and entry.exists_in(version) and _compiled(entry, options)
        if is_known != expected and not (is_known and entry.name in BACKPORTED):
            wrong.append(f"{entry.name} in {context}: {answer.strip() or 'known'}")
    assert not wrong
