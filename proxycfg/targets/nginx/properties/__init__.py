"""What a place does, property by property: one function for each, with the evidence for its answer.

Each looks at the settings in force at a :class:`~proxycfg.targets.nginx.place.Place`; nginx's sources and the measurements in
``tests/containers`` say how they play together.
"""

from __future__ import annotations

from collections.abc import Callable

from proxycfg.targets.nginx.place import Found, Place
from proxycfg.targets.nginx.properties.buffering import (
    caching,
    compression,
    forwards_x_accel_buffering,
    honors_x_accel_buffering,
    query_logged,
    request_buffering,
    response_buffering,
    stalls_on,
)
from proxycfg.targets.nginx.properties.headers import (
    accept_encoding_forwarded,
    client_http_versions,
    grpc,
    upgrade,
    upstream_connection_header,
    upstream_http_version,
)
from proxycfg.targets.nginx.properties.limits import (
    client_idle_timeout,
    connect_timeout,
    max_streams,
    request_body_limit,
    send_timeout,
    total_timeout,
    upstream_idle_timeout,
)
from proxycfg.targets.nginx.properties.origins import (
    abort_propagates,
    error_interception,
    retries,
    retries_non_idempotent,
    session_affinity,
)

PropertyReader = Callable[[Place], Found]

PROPERTIES: tuple[tuple[str, PropertyReader], ...] = tuple(
    (function.__name__, function)
    for function in (
        response_buffering, stalls_on, request_buffering, compression, caching, upstream_http_version, upgrade, upstream_connection_header,
        connect_timeout, upstream_idle_timeout, client_idle_timeout, send_timeout, total_timeout, request_body_limit, retries,
        retries_non_idempotent, error_interception, honors_x_accel_buffering, forwards_x_accel_buffering, accept_encoding_forwarded,
        client_http_versions, grpc, session_affinity, query_logged, abort_propagates, max_streams,
    )
)  # fmt: skip
"""Every property's reader, in the order of :class:`~proxycfg.behavior.Behavior`."""
READERS = dict(PROPERTIES)
