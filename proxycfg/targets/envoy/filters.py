"""HTTP filters: which are on for a route, and what each does to a stream.

A filter that is not known here may do anything: its effects are left open and it is listed as not understood. What is known was measured on
Envoy 1.40, or stands in the filter's source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from proxycfg.behavior import EITHER, NO, YES, Between
from proxycfg.record import field, record, replace
from proxycfg.targets.envoy.defaults import COMPRESSED
from proxycfg.targets.envoy.matchers import matches_text
from proxycfg.targets.envoy.tree import Field, Message

Entry = tuple[Message, Field, str]
"""A filter's settings of one route: the message, its field, and the kind of block that it stands in."""


class Filter(NamedTuple):
    """A filter of a chain, as a route has it.

    :param kind: the part of its type that names it: ``buffer``, ``ext_proc``; empty where its settings are not at hand.
    :param override: the route's own settings for it, and ``said`` the field, ``level`` the block that they stand in.
    """

    name: str
    kind: str
    config: Message
    place: Message
    override: Message | None = None
    said: Field | None = None
    level: str = ""

    @property
    def guards(self) -> bool:
        """Whether it asks who comes, or how often."""
        return self.kind in _GUARDS


_GUARDS = frozenset(
    ("ext_authz", "jwt_authn", "rbac", "oauth2", "basic_auth", "api_key_auth", "local_ratelimit", "ratelimit", "rate_limit_quota")
)  # fmt: skip


def entries_of(levels: Iterable[tuple[str, Message]]) -> dict[str, Entry]:
    """By filter name, the ``typed_per_filter_config`` that counts: that of the most specific level, which comes last."""
    found: dict[str, Entry] = {}
    for level, message in levels:
        table = message.message("typed_per_filter_config")
        if table is not None:
            found |= {name: (table.of(each).unwrapped(), each, level) for name, each in table.items()}
    return found


def chain_of(filters: Iterable[Message], entries: Mapping[str, Entry]) -> tuple[Filter, ...]:
    """The filters of a chain that are on."""
    return tuple(made for each in filters if (made := _filter(each, entries)) is not None)


def _filter(place: Message, entries: Mapping[str, Entry]) -> Filter | None:
    name = place.text("name") or ""
    config = place.any("typed_config")
    kind = "" if place.has("config_discovery") else _kind(config.type if config else "", name)
    made = Filter(name, kind, config or place, place)
    entry = entries.get(name)
    if entry is None:
        return None if place.flag("disabled") else made
    message, said, level = entry
    if message.flag("disabled"):
        return None
    if message.type.endswith("config.route.v3.FilterConfig"):
        inner = message.any("config")
        override = inner if inner is not None and inner.type else None
        if override is not None and override.flag("disabled"):
            return None
        return made._replace(override=override, said=said, level=level)
    return made._replace(override=message, said=said, level=level)


def _kind(kind: str, name: str) -> str:
    """The package of a type, such as ``buffer`` of ``envoy.extensions.filters.http.buffer.v3.Buffer``."""
    parts = kind.split(".")
    if len(parts) > 2:  # noqa: PLR2004 - package, version, message
        return parts[-3] if re.fullmatch(r"v\d+\w*", parts[-2]) else parts[-2]
    return name.rpartition(".")[2]


# ---- what a filter does ----


@record(slots=True)
class Effects:
    """What one filter does to requests that carry a protocol; None is nothing.

    :param holds_request: collects the body before the origin sees it, and ``holds_response`` the answer before the client does.
    :param stalls: holds small events back.
    :param limit: bytes of a request beyond which it refuses; ``limited`` says that it does so at the size of Envoy's buffer.
    :param blocks_handshake: a WebSocket handshake does not get through it.
    :param affinity: which origin a client comes back to.
    :param detours: sends requests without a body to the cluster by itself, past what stands behind it: filters, and the route's own settings.
    :param unknown: it may do anything.
    """

    holds_request: Between[bool] = NO
    holds_response: Between[bool] = NO
    stalls: Between[bool] = NO
    compresses: Between[bool] = NO
    caches: Between[bool] = NO
    takes_accept_encoding: Between[bool] = NO
    takes_x_accel_buffering: Between[bool] = NO
    replaces_errors: Between[bool] = NO
    blocks_handshake: Between[bool] = NO
    limit: float | None = None
    limited: bool = False
    affinity: str = ""
    detours: bool = False
    unknown: bool = False
    why: dict[str, Field] = field(default_factory=dict)
    """The field behind an effect, where it is another than the filter itself."""


Types = Sequence[str]
"""The content types of a stream; none where any is possible."""


def passed_by(of: Filter, found: Effects) -> Effects:
    """What a filter behind a detour does to requests that take it: only their answers come through it, if it waits for no request."""
    if of.kind in {"compressor", "gzip"}:
        return _NOTHING
    return replace(
        found, holds_request=NO, takes_accept_encoding=NO, blocks_handshake=NO, limit=None, limited=False, affinity="", detours=False
    )  # fmt: skip


def effects(of: Filter, protocol: str | None, types: Types) -> Effects:
    """What a filter does."""
    if of.kind in HARMLESS:
        return _NOTHING
    known = _EFFECTS.get(of.kind)
    if known is None:
        return Effects(
            holds_request=EITHER, holds_response=EITHER, stalls=EITHER, takes_accept_encoding=EITHER, blocks_handshake=EITHER, unknown=True
        )  # fmt: skip
    return known(of, protocol, types)


_NOTHING = Effects()

HARMLESS = frozenset(
    ("router", "cors", "csrf", "grpc_web", "grpc_stats", "rbac", "jwt_authn", "local_ratelimit", "ratelimit", "rate_limit", "rate_limit_quota",
     "health_check", "fault", "bandwidth_limit", "connect_grpc_bridge", "ip_tagging", "gcp_authn", "header_to_metadata", "on_demand", "original_src",
     "tap", "adaptive_concurrency", "admission_control", "alternate_protocols_cache", "api_key_auth", "basic_auth", "cdn_loop",
     "credential_injector", "decompressor", "dynamic_forward_proxy", "geoip", "oauth2", "set_filter_state", "set_metadata", "sse_to_metadata",
     "thrift_to_metadata", "upstream_codec", "kill_request", "squash", "dynamo", "header_rewrite", "peer_metadata", "istio_stats", "stats", "alpn")
)  # fmt: skip
"""Filters that let bodies through piece by piece, and leave headers that matter here alone."""


def _buffer(of: Filter, _protocol: str | None, _types: Types) -> Effects:
    said = (of.override.field("buffer", "max_request_bytes") if of.override else None) or of.config.field(
        "max_request_bytes"
    )
    limit = (of.override.number("buffer", "max_request_bytes") if of.override else None) or of.config.number(
        "max_request_bytes"
    )
    return Effects(
        holds_request=YES, blocks_handshake=YES, limit=None if limit is None else float(limit), why={"limit": said} if said else {}
    )  # fmt: skip


def _body_size_limit(of: Filter, _protocol: str | None, _types: Types) -> Effects:
    found = next(
        (each for each in (of.override, of.config) if each is not None and each.has("max_request_bytes")), None
    )
    limit = found.number("max_request_bytes") if found is not None else None
    said = found.field("max_request_bytes") if found is not None else None
    return Effects(limit=None if limit is None else float(limit), why={"limit": said} if said else {})


def _compressor(of: Filter, _protocol: str | None, types: Types) -> Effects:
    response = of.config.message("response_direction_config")
    common = (response.message("common_config") if response is not None else None) or of.config
    stripped = (
        of.override.flag("overrides", "response_direction_config", "remove_accept_encoding_header")
        if of.override
        else None
    )
    if stripped is None:
        stripped = (response or of.config).flag("remove_accept_encoding_header")
    # Settings of a route for answers switch it on, whatever they say.
    on = of.override is not None and of.override.has("overrides", "response_direction_config")
    if common.flag("enabled", "default_value") is False and not on:
        # Switched off, it leaves the header as well.
        return _NOTHING
    found = Effects(takes_accept_encoding=YES if stripped else NO)
    found.compresses = _takes(common, types)
    decided_by = common.field("content_type_matcher") or common.field("content_type") or of.config.field("content_type")
    if decided_by is not None:
        found.why["compresses"] = decided_by
    library = of.config.any("compressor_library", "typed_config")
    if library is not None and library.type.endswith(".Zstd") and found.compresses.high:
        # It flushes nothing before the end, but of the encodings that browsers accept it is the last to be chosen.
        found.stalls = EITHER
        said = of.config.field("compressor_library")
        if said is not None:
            found.why["stalls"] = said
    return found


def _takes(common: Message, types: Types) -> Between[bool]:
    """Whether a compressor takes the stream's content type."""
    if not types:
        return EITHER
    matchers = common.messages("content_type_matcher")
    if matchers:
        found = [any(matches_text(matcher, each) for matcher in matchers) for each in types]
    else:
        listed = {each.value.raw.lower() for each in common.texts("content_type")} or COMPRESSED
        found = [each in listed for each in types]
    return Between(all(found), any(found))


_MODES = {
    "0": "NONE",
    "1": "STREAMED",
    "2": "BUFFERED",
    "3": "BUFFERED_PARTIAL",
    "4": "FULL_DUPLEX_STREAMED",
    "5": "GRPC",
}


def _ext_proc(of: Filter, _protocol: str | None, _types: Types) -> Effects:
    if of.config.flag("observability_mode"):
        return _NOTHING
    mode = (of.override.message("overrides", "processing_mode") if of.override else None) or of.config.message(
        "processing_mode"
    )
    found = Effects()
    if mode is not None:
        for name, effect in (("request_body_mode", "holds_request"), ("response_body_mode", "holds_response")):
            said = mode.field(name)
            word = said.value.raw.upper() if said is not None else "NONE"
            if said is not None and _MODES.get(word, word) in {"BUFFERED", "BUFFERED_PARTIAL"}:
                # The processor may ask for another mode, stream by stream.
                setattr(found, effect, EITHER if of.config.flag("allow_mode_override") else YES)
                found.why[effect] = said
                found.limited |= effect == "holds_request" and _MODES.get(word, word) == "BUFFERED"
    # What follows a 101 is no body that ends.
    found.blocks_handshake = _either(found.holds_request, found.holds_response)
    if found.holds_request.high:
        found.why["limit"] = found.why["holds_request"]
    return found


def _either(one: Between[bool], other: Between[bool]) -> Between[bool]:
    return Between(one.low or other.low, one.high or other.high)


def _ext_authz(of: Filter, _protocol: str | None, _types: Types) -> Effects:
    settings = of.override.message("check_settings") if of.override else None
    if settings is not None and settings.flag("disable_request_body_buffering"):
        return _NOTHING
    where = settings if settings is not None and settings.has("with_request_body") else of.config
    said = where.field("with_request_body")
    if said is None:
        return _NOTHING
    limit = where.number("with_request_body", "max_request_bytes")
    partial = where.flag("with_request_body", "allow_partial_message")
    return Effects(
        holds_request=YES, blocks_handshake=EITHER, limit=None if partial or limit is None else float(limit),
        why={"holds_request": said, "limit": said, "blocks_handshake": said},
    )  # fmt: skip


_COMMENT = re.compile(r"--\[(=*)\[.*?\]\1\]|--[^\n]*", re.DOTALL)
_FUNCTION = re.compile(r"^(?:local\s+)?function\s+([\w.:]+)", re.MULTILINE)


def _lua(of: Filter, _protocol: str | None, _types: Types) -> Effects:
    script, said = _script(of)
    if script is None:
        return Effects(holds_request=EITHER, holds_response=EITHER, blocks_handshake=EITHER, unknown=True)
    code = _COMMENT.sub("", script)
    starts = [*_FUNCTION.finditer(code)]
    ends = [*(match.start() for match in starts), len(code)][1:]
    parts = {match[1]: code[match.start() : end] for match, end in zip(starts, ends, strict=False)}
    request, response = parts.pop("envoy_on_request", ""), parts.pop("envoy_on_response", "")
    others = "".join(parts.values())
    found = Effects(holds_request=_whole_body(request, others), holds_response=_whole_body(response, others))
    # One that answers by itself, and looks into the bodies of answers, answers from a store.
    if ":respond(" in code and re.search(r":body(?:Chunks)?\(", response) and "getBytes(" in code:
        found.caches = YES
    if re.search(r":(?:remove|replace)\(\s*[\"']accept-encoding", request, re.IGNORECASE):
        found.takes_accept_encoding = YES
    found.blocks_handshake = _either(found.holds_request, found.holds_response)
    found.limited = found.holds_request.high
    if said is not None:
        found.why = dict.fromkeys(("holds_request", "holds_response", "caches", "limit", "blocks_handshake"), said)
    return found


def _script(of: Filter) -> tuple[str | None, Field | None]:
    """A filter's script, where it is at hand, and its place."""
    if of.override is not None:
        if of.override.has("source_code"):
            return of.override.text("source_code", "inline_string"), of.override.field("source_code", "inline_string")
        name = of.override.text("name")
        if name is not None:
            return of.config.text("source_codes", name, "inline_string"), of.config.field(
                "source_codes", name, "inline_string"
            )
    for path in (("inline_code",), ("default_source_code", "inline_string")):
        if of.config.has(*path):
            return of.config.text(*path), of.config.field(*path)
    # Without a script of its own the filter does nothing for a route.
    return ("", None) if not of.config.has("default_source_code") else (None, None)


def _whole_body(part: str, others: str) -> Between[bool]:
    """Whether a part of a script asks for a body as a whole: surely, unless a condition stands before it."""
    at = part.find(":body(")
    if at < 0:
        return EITHER if ":body(" in others else NO
    return EITHER if re.search(r"\b(?:if|for|while|return)\b", part[:at]) else YES


def _grpc_json_transcoder(of: Filter, protocol: str | None, _types: Types) -> Effects:
    settings = of.override or of.config
    if protocol in {"grpc", "grpc-web", "websocket"} or (of.override is not None and not settings.texts("services")):
        return _NOTHING
    # Which methods it takes, and which of them stream, is in a descriptor.
    return Effects(holds_request=EITHER, holds_response=EITHER)


def _of_native_grpc(_: Filter, protocol: str | None, _types: Types) -> Effects:
    return Effects(holds_response=YES, holds_request=YES) if protocol == "grpc" else _NOTHING


def _grpc_http1_bridge(_: Filter, protocol: str | None, _types: Types) -> Effects:
    # For clients of HTTP/1.1 alone.
    return Effects(holds_response=EITHER) if protocol == "grpc" else _NOTHING


def _json_to_metadata(of: Filter, _protocol: str | None, types: Types) -> Effects:
    settings = of.override or of.config
    found = Effects()
    for name, effect in (("request_rules", "holds_request"), ("response_rules", "holds_response")):
        rules = settings.message(name)
        said = settings.field(name)
        if rules is None or said is None:
            continue
        allowed = {each.value.raw.lower() for each in rules.texts("allow_content_types")} or {"application/json"}
        of_types = [each in allowed for each in types] if effect == "holds_response" else []
        setattr(found, effect, Between(all(of_types), any(of_types)) if of_types else EITHER)
        found.why[effect] = said
    return found


def _file_system_buffer(of: Filter, _protocol: str | None, _types: Types) -> Effects:
    settings = of.override or of.config
    found = Effects()
    for name, effect in (("request", "holds_request"), ("response", "holds_response")):
        how = settings.message(name, "behavior")
        said = settings.field(name, "behavior")
        if how is not None and said is not None and any(key.startswith("fully_buffer") for key, _ in how.items()):
            setattr(found, effect, YES)
            found.why[effect] = said
    found.blocks_handshake = found.holds_request
    return found


def _cache(of: Filter, _protocol: str | None, _types: Types) -> Effects:
    return _NOTHING if of.config.flag("disabled") else Effects(caches=YES, detours=True)


def _aws_lambda(_: Filter, _protocol: str | None, _types: Types) -> Effects:
    return Effects(holds_request=YES, holds_response=YES, blocks_handshake=YES)


def _aws_request_signing(of: Filter, _protocol: str | None, _types: Types) -> Effects:
    settings = (of.override.message("aws_request_signing") if of.override else None) or of.config
    return _NOTHING if settings.flag("use_unsigned_payload") else Effects(holds_request=YES, blocks_handshake=EITHER)


def _custom_response(_: Filter, _protocol: str | None, _types: Types) -> Effects:
    return Effects(replaces_errors=EITHER)


def _stateful_session(of: Filter, _protocol: str | None, _types: Types) -> Effects:
    settings = (of.override.message("stateful_session") if of.override else None) or of.config
    state = settings.any("session_state", "typed_config")
    kind = state.type.rpartition(".")[2] if state is not None else ""
    said = settings.field("session_state")
    affinity = {"CookieBasedSessionState": "cookie", "HeaderBasedSessionState": "header"}.get(kind, "")
    return Effects(
        affinity=affinity, unknown=not affinity and state is not None, why={"affinity": said} if said else {}
    )


def _header_mutation(of: Filter, _protocol: str | None, _types: Types) -> Effects:
    found = Effects()
    for settings in (of.config, of.override):
        for name, header, effect in (
            ("request_mutations", "accept-encoding", "takes_accept_encoding"),
            ("response_mutations", "x-accel-buffering", "takes_x_accel_buffering"),
        ):
            for mutation in settings.messages("mutations", name) if settings is not None else []:
                said = mutation.field("remove")
                if said is not None and said.value.raw.lower() == header:
                    setattr(found, effect, YES)
                    found.why[effect] = said
    return found


def _message_extraction(_: Filter, protocol: str | None, _types: Types) -> Effects:
    return Effects(holds_request=EITHER) if protocol == "grpc" else _NOTHING


_EFFECTS: Mapping[str, Callable[[Filter, str | None, Types], Effects]] = {
    "buffer": _buffer,
    "body_size_limit": _body_size_limit,
    "compressor": _compressor,
    "gzip": _compressor,
    "ext_proc": _ext_proc,
    "ext_authz": _ext_authz,
    "lua": _lua,
    "grpc_json_transcoder": _grpc_json_transcoder,
    "grpc_http1_reverse_bridge": _of_native_grpc,
    "grpc_http1_bridge": _grpc_http1_bridge,
    "json_to_metadata": _json_to_metadata,
    "file_system_buffer": _file_system_buffer,
    "cache": _cache,
    "cache_v2": _cache,
    "aws_lambda": _aws_lambda,
    "aws_request_signing": _aws_request_signing,
    "custom_response": _custom_response,
    "stateful_session": _stateful_session,
    "header_mutation": _header_mutation,
    "grpc_json_reverse_transcoder": _message_extraction,
    "grpc_field_extraction": _message_extraction,
    "proto_message_extraction": _message_extraction,
}
