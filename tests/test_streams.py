"""What declarations, paths and upstreams tell about streams, by tables of real ones."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxycfg.applications import APPLICATIONS, PATHS
from proxycfg.protocols import protocols
from proxycfg.streams import (
    PROTOCOLS,
    Comment,
    application_at,
    declared_by_option,
    is_asset,
    paths_of_regex,
    read_comment,
    told_by_name,
    told_by_path,
)

TELLING = {
    "sse": """
        /events /events/ /api/events /api/v1/events /sse /sse/ /sse/updates /api/sse /stream /stream/ /api/stream /chat/stream /v1/chat/completions
        /v1/completions /v1/responses /v1/messages /openai/v1/chat/completions /openai/deployments/x/chat/completions /api/openai/v1/chat/completions
        /api/v1/chat/completions /chat/completions /mcp /mcp/ /app/mcp /eventsource /event-stream /events/stream /.well-known/mercure
        /api/realtime /__webpack_hmr /queue/join /gradio_api/queue/data /generate_stream /v1/events/* /events* /logs/stream /api/eventstream/x
        /v1beta/models/gemini:streamGenerateContent /notifications-sse /sse-gateway /hooks/sse/*
    """,
    "ndjson": "/api/generate /api/chat /ollama/api/chat /ollama/api/generate",
    "websocket": """
        /ws /ws/ /wss /ws/chat/ /ws/chat/room /api/ws /app/ws /websocket /websocket/ /websockets /api/websocket /api/v4/websocket /socket.io
        /socket.io/ /app/socket.io/ /engine.io/ /sockjs /sockjs-node /sockjs/info /signalr /signalr/ /hub /hubs/ /hubs/chat /chatHub /notificationHub
        /_blazor /_blazor/ /cable /cable/ /socket /socket/websocket /live/websocket /_stcore/stream /_stcore/health /websockify /api/kernels
        /api/kernels/ /user/*/api/kernels/*/channels /terminals/websocket /jupyter/api/kernels /api/live/ws /api/live/ /loki/api/v1/tail
        /api/v1/streaming /api/v1/streaming/ /realtime/v1/ /notifications/hub /v1/realtime /_next/webpack-hmr /chat-ws /ws-chat /colibri-ws/ /xmpp-websocket
        /vnc/websockify /mqtt /stomp /cool/*/ws /websocket-tunnel /terminal.ws /api/live_ws /graphql/ws /subscriptions/ws
    """,
    "long-poll": "/longpoll /long-poll /longpolling /longpolling/poll /http-bind /cometd /api/long_poll",
    "grpc-web": "/chat.v1.ChatService/ /helloworld.Greeter/SayHello /grpc.health.v1.Health/Check",
}
SILENT = """
    / /api /api/ /api/v1 /api/v1/ /static /static/ /assets/ /media/ /images/ /css/ /js/app.js /favicon.ico /robots.txt /index.php /wp-admin/
    /wp-json/ /wp-content/uploads/ /wp-login.php /xmlrpc.php /admin /admin/ /login /logout /users /users/ /api/users /api/v1/users/*/profile
    /orders /products /cart /checkout /search /graphql /health /healthz /live /livez /ready /readyz /ping /metrics /status /nginx_status /stub_status
    /.well-known/acme-challenge/ /.well-known/security.txt /phpmyadmin /blog/ /feed /feed/ /rss.xml /sitemap.xml /news /reviews /previews /windows
    /views /laws /draws /jaws.html /browse /newsletter/subscribe /subscriptions /notifications /updates /push /poll /polls /chat /messages
    /messages/ /api/messages /conversations /event /eventual /events/2024/summer /events/calendar.php /streams /streaming.mp4 /upstream /mainstream
    /streamer /ws/2 /ws/2/ /ws/v1/ /sse/v2/ /download /downloads/ /upload /uploads /files/ /backup /docs /docs/ /swagger-ui/ /openapi.json /v1 /v1/
    /hub/ /hub/* /v2/ /v2/library/nginx/manifests/latest /v1/models /v1/embeddings /v1/images/generations /api/tags /api/version /api/pull /hubspot /github
    /eventbrite /events.ics /session /oauth2/callback /auth /auth/realms/master /git/ /repo.git/info/refs /svn /kibana/ /prometheus/ /alertmanager/
    /grafana/ /jenkins/ /nexus/ /sonarqube /minio/ /solr/ /elasticsearch/ /_cat/indices /cgi-bin/ /server-status /watch /watch?v=1 /video/ /hls/
    /dash/ /player/ /thumbnails/ /crossdomain.xml /answers /flows /knows /shows/ /rows /throws
"""


@pytest.mark.parametrize(
    ("protocol", "path"), [(protocol, path) for protocol, paths in TELLING.items() for path in paths.split()]
)
def test_a_telling_path_names_its_protocol(protocol: str, path: str) -> None:
    """Whatever stands before it."""
    told = told_by_path(path)

    assert told is not None
    assert told.protocol == protocol
    assert told.why


@pytest.mark.parametrize("path", SILENT.split())
def test_an_ordinary_path_tells_nothing(path: str) -> None:
    """Sites of files, forms and REST stay silent."""
    assert told_by_path(path) is None


def test_there_are_enough_paths_of_both_kinds() -> None:
    """The tables above are the measure of precision."""
    assert sum(len(paths.split()) for paths in TELLING.values()) >= 110
    assert len(SILENT.split()) >= 140


@pytest.mark.parametrize(
    ("name", "port", "expected"),
    [
        ("ollama", None, "Ollama"),
        ("127.0.0.1", 11434, "Ollama"),
        ("my-ollama-1", 80, "Ollama"),
        ("ollama_backend", None, "Ollama"),
        ("vllm-router.models.svc.cluster.local", 80, "vLLM"),
        ("open-webui", 8080, "Open WebUI"),
        ("api.openai.com", 443, "the OpenAI API"),
        ("home-assistant", 8123, "Home Assistant"),
        ("homeassistant.local", 8123, "Home Assistant"),
        ("uptime-kuma", 3001, "Uptime Kuma"),
        ("10.0.0.5", 8065, "Mattermost"),
        ("rocket.chat", 3000, None),
        ("rocketchat", 3000, "Rocket.Chat"),
        ("code-server", None, "code-server"),
        ("127.0.0.1", 3000, None),
        ("127.0.0.1", 8000, None),
        ("127.0.0.1", 8080, None),
        ("127.0.0.1", 8888, None),
        ("clickhouse", 8123, None),
        ("localhost", 5000, None),
        ("backend", None, None),
        ("app", 9000, None),
        ("php-fpm", 9000, None),
        ("openai.com.example.org", 443, None),
        ("simplex", None, None),
        ("", None, None),
    ],
)
def test_an_application_is_known_by_name_or_by_a_port_of_its_own(
    name: str, port: int | None, expected: str | None
) -> None:
    """Ports that others use too tell nothing."""
    found = application_at(name, port)

    assert (found.name if found else None) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ws_backend", "websocket"),
        ("websocket", "websocket"),
        ("sse-gateway", "sse"),
        ("news", None),
        ("backend", None),
        ("aws.example.com", None),
    ],
)
def test_an_upstream_tells_by_its_name(name: str, expected: str | None) -> None:
    """A word between separators, never a part of one."""
    told = told_by_name(name)

    assert (told.protocol if told else None) == expected


@pytest.mark.parametrize(
    "path", ["/static/", "/assets", "/favicon.ico", "/js/*.js", "*.css", "/app/x.woff2", "/healthz"]
)
def test_files_are_no_streams(path: str) -> None:
    """Whatever headers a boilerplate sets there."""
    assert is_asset(path)


@pytest.mark.parametrize("path", ["/", "/api/", "/ws", "/static/live", "*"])
def test_what_may_be_anything_is_no_file(path: str) -> None:
    """An asset's word counts only at the end."""
    assert not is_asset(path)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"^/(events|ws)/", ["/events/", "/ws/"]),
        (r"/api/v[0-9]+/(users/)?websocket$", ["/api/v*/users/websocket", "/api/v*/websocket"]),
        (r"^/socket\.io/.*$", ["/socket.io/*"]),
        (r"ws$", ["*ws"]),
        (r"\.(js|css)$", ["*.js", "*.css"]),
        (
            r"^/api/(?:v1|v2)/stream(/.*)?$",
            ["/api/v1/stream/*", "/api/v1/stream", "/api/v2/stream/*", "/api/v2/stream"],
        ),
        (r"^/(?<tenant>[^/]+)/ws/?$", ["/*/ws/", "/*/ws"]),
        (r"^/(?!api)x", ["/x"]),
        (r"^/a{2}b\dc", ["/*b*c"]),
        (r"^/(unclosed", []),
        (r"^/[unclosed", []),
        (r"^/x(?#comment)", []),
        (r"a)b", []),
    ],
)
def test_a_simple_pattern_is_spread_into_paths(pattern: str, expected: list[str]) -> None:
    """One path for each alternative; what is open is a star, what is beyond us is nothing."""
    assert paths_of_regex(pattern) == expected


def test_a_pattern_of_many_alternatives_stays_small() -> None:
    """They multiply; we do not."""
    assert len(paths_of_regex("^/" + "(a|b|c|d)" * 40)) <= 16


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("proxycfg: protocol=sse", Comment("sse")),
        (" proxycfg: protocol=sse heartbeat=15s ", Comment("sse", 15.0)),
        ("proxycfg: protocol=sse idle_timeout=5m", Comment("sse", None, 300.0)),
        ("proxycfg: heartbeat=1m30s, protocol=websocket", Comment("websocket", 90.0)),
        ("proxycfg: ignore[sse-response-buffered] it is small", None),
        ("a note about proxycfg: protocol=sse", None),
        ("", None),
    ],
)
def test_a_comment_declares_a_protocol(text: str, expected: Comment | None) -> None:
    """And what else it speaks of is not ours."""
    assert read_comment(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("proxycfg: protocol=see", "`see` is no protocol"),
        ("proxycfg: protocol", "`protocol` is nothing that a route can be declared with"),
        ("proxycfg: protocol=sse heartbeat=soon", "`soon` is not a duration"),
        ("proxycfg: protocol=sse idle=1h", "`idle=1h` is nothing"),
        ("proxycfg: heartbeat=15s", "heartbeat without a protocol"),
        ("proxycfg: idle_timeout=15s", "idle_timeout without a protocol"),
    ],
)
def test_a_comment_that_cannot_be_read_is_told(text: str, said: str) -> None:
    """A declaration with a slip would otherwise be no declaration, in silence."""
    with pytest.raises(ValueError, match=re.escape(said)):
        read_comment(text)


@given(st.sampled_from(PROTOCOLS), *[st.none() | st.integers(1, 10**8).map(lambda millis: millis / 1000)] * 2)
def test_a_comment_is_read_as_it_is_written(protocol: str, heartbeat: float | None, idle_timeout: float | None) -> None:
    """Generated configs declare their routes by what the linter reads."""
    comment = Comment(protocol, heartbeat, idle_timeout)

    assert read_comment(str(comment)) == comment


def test_an_option_declares_a_path() -> None:
    """The last equals sign parts path and protocol, as paths may hold one, too."""
    declared = declared_by_option("/a=b/events=sse")

    assert (declared.path, declared.protocol, declared.examples) == ("/a=b/events", "sse", ("/a=b/events",))


@pytest.mark.parametrize("text", ["/events", "=sse", "/events=", "/events=htttp"])
def test_an_option_that_cannot_be_read_is_refused(text: str) -> None:
    """With what to write."""
    with pytest.raises(ValueError, match="write"):
        declared_by_option(text)


def test_the_protocols_of_declarations_are_those_that_we_know() -> None:
    """The list stands there so that it need not be loaded."""
    assert set(PROTOCOLS) == set(protocols())


def test_every_row_has_a_source_and_a_protocol() -> None:
    """Data without a source is an opinion."""
    for path in PATHS:
        assert path.protocol in PROTOCOLS, path
        assert path.source.startswith("https://"), path
        assert path.segments == tuple(segment.lower() for segment in path.segments), path
    for application in APPLICATIONS:
        assert application.source.startswith("https://"), application
        assert application.streams, application
        assert all(path.startswith("/") and protocol in PROTOCOLS for path, protocol in application.streams), (
            application
        )


def test_no_name_or_port_is_of_two_applications() -> None:
    """Each tells one thing."""
    names = [name for application in APPLICATIONS for name in application.names]
    ports = [port for application in APPLICATIONS for port in application.ports]

    assert len(names) == len(set(names))
    assert len(ports) == len(set(ports))
