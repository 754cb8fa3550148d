"""Which directives the reader passes over in silence, and which it must own up to.

Three fates of a line: it is modelled in :mod:`proxycfg.targets.nginx.properties`; it is known and changes none of our properties; or it may
change one and is not modelled, which a route says of itself. nginx's own directives are of the first two kinds but for a few; of other makers'
modules only those count as harmless that are listed here, and a name that nobody knows never does.
"""

from __future__ import annotations

from functools import lru_cache

from proxycfg.targets.nginx.directives import entries
from proxycfg.targets.nginx.syntax import Directive

MODELLED = frozenset(("brotli", "brotli_types", "zstd", "zstd_types", "sticky"))
"""Of other makers, what the reader takes into account."""

_OWN_THAT_MATTER = frozenset(
    ("perl", "post_action", "ntlm", "queue", "js_content", "js_body_filter", "js_header_filter", "js_access", "auth_oidc", "health_check_dynamic")
)  # fmt: skip
"""nginx's own, and its makers', that run programs over a request or change how connections are used."""

_HARMLESS_MODULES = frozenset(
    ("acme", "app-protect-dos", "array-var", "auth-digest", "auth-jwt", "auth-ldap", "auth-pam", "auth-spnego", "brotli", "cache-purge",
     "cookie-flag", "dav-ext", "dynamic-etag", "encrypted-session", "fancyindex", "geoip2", "healthcheck", "hmac-secure-link", "immutable",
     "length-hiding", "njs", "opentelemetry", "opentracing", "otel", "rtmp", "http-flv", "security-headers", "set-misc", "stream-sts", "sts",
     "sysguard", "upload-progress", "upstream-check", "vts", "zstd")
)  # fmt: skip
"""Modules that watch, count, sign or admit, and leave bodies, headers of the connection and timers alone."""

_HARMLESS = frozenset(("more_set_headers", "more_clear_headers"))
_HARMLESS_PREFIXES = (
    "lua_package", "lua_shared", "lua_code", "lua_ssl", "lua_socket", "lua_regex", "lua_max", "lua_capture", "lua_malloc", "lua_load",
    "lua_sa",
    "lua_thread", "lua_worker", "lua_use", "lua_upstream", "lua_http10", "lua_check", "lua_transform", "lua_kong", "init_by_lua",
    "init_worker_by_lua",
    "exit_worker_by_lua",
    "log_by_lua", "ssl_certificate_by_lua", "ssl_client_hello_by_lua", "ssl_session_", "set_by_lua", "modsecurity_",
    "coraza_", "datadog_", "brotli_", "zstd_", "vod_",
)  # fmt: skip
"""Settings of Lua, of firewalls and of handlers that another directive calls; what sets a variable shows where the variable is used."""

_OFF = frozenset({"off", "unplug", "no", "0"})


@lru_cache(8192)
def matters(name: str) -> bool:
    """Whether a directive of that name may change a property in a way that is not modelled."""
    if name in MODELLED or name in _HARMLESS:
        return False
    if name in _OWN_THAT_MATTER:
        return True
    found = entries(name)
    if not found:
        return True
    if any(not entry.third_party for entry in found):
        return False
    if name.startswith(_HARMLESS_PREFIXES):
        return False
    return not any(entry.third_party in _HARMLESS_MODULES for entry in found)


def not_understood(directive: Directive, context: str) -> bool:
    """Whether a directive that stands in that context has to be owned up to; one that is switched off has not."""
    if context == "main" or not matters(directive.name):
        return False
    return not (len(directive.args) == 1 and directive.args[0].lower() in _OFF)
