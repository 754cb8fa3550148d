"""What telling paths and well-known applications stream, as data: a row each, with the page that says so.

Precision counts: a word stands here only if ordinary sites do not use it for something else, a port only if one application alone is known
for it. Nothing is computed here; :mod:`proxycfg.streams` puts it to use.
"""

from __future__ import annotations

from typing import NamedTuple


class TellingPath(NamedTuple):
    """Segments of a path that say what flows there.

    ``segments`` are lower case. They count at the end of a path, below whatever prefix; with ``inside`` also with more behind them.
    """

    segments: tuple[str, ...]
    protocol: str
    what: str
    source: str
    inside: bool = False
    heartbeat: float | None = None
    """Seconds between signs of life, by the library's own default."""
    not_below: str = ""
    """A segment below which they mean something else."""
    unbuffers: bool = False
    """Whether each of its answers asks for no buffering, by ``X-Accel-Buffering``: its own code says so."""
    bare: bool = False
    """Whether they mean something else with a slash behind them: pages, of which this would be the folder."""


class Application(NamedTuple):
    """An application, how it is recognised, and which of its paths stream.

    :param names: what its hosts and upstreams are called, lower case, ``_`` for every separator.
    :param ports: of those on which nothing else is known to listen.
    :param streams: path and protocol, the most important first; ``x`` stands for any segment.
    """

    name: str
    names: tuple[str, ...]
    ports: tuple[int, ...]
    streams: tuple[tuple[str, str], ...]
    source: str
    heartbeat: float | None = None
    """Seconds between signs of life, by its own default."""
    unbuffers: bool = False
    """As of a path."""


_SSE = "https://html.spec.whatwg.org/multipage/server-sent-events.html"
_WEBSOCKET = "https://www.rfc-editor.org/rfc/rfc6455"
_SOCKET_IO = "https://socket.io/docs/v4/reverse-proxy/"
_SIGNALR = "https://learn.microsoft.com/aspnet/core/signalr/scale"
_OPENAI = "https://platform.openai.com/docs/api-reference/streaming"
_MCP = "https://modelcontextprotocol.io/specification/2025-06-18/basic/transports"
_WEBPACK = "https://webpack.js.org/configuration/dev-server/#devserverwebsocketserver"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.strip("/").split("/"))


PATHS: tuple[TellingPath, ...] = (
    # Application programming interfaces of language models.
    TellingPath(_words("chat/completions"), "sse", "chat completions of the OpenAI API", _OPENAI),
    TellingPath(_words("v1/completions"), "sse", "completions of the OpenAI API", _OPENAI),
    TellingPath(_words("v1/responses"), "sse", "responses of the OpenAI API", _OPENAI),
    TellingPath(_words("v1/realtime"), "websocket", "the realtime API of OpenAI",
                "https://platform.openai.com/docs/guides/realtime-websocket"),
    TellingPath(_words("v1/messages"), "sse", "messages of the Anthropic API",
                "https://docs.anthropic.com/en/api/messages-streaming"),
    TellingPath(_words("api/generate"), "ndjson", "the generate call of Ollama",
                "https://github.com/ollama/ollama/blob/main/docs/api.md"),
    TellingPath(_words("api/chat"), "ndjson", "the chat call of Ollama",
                "https://github.com/ollama/ollama/blob/main/docs/api.md"),
    TellingPath(_words("generate_stream"), "sse", "the stream of Text Generation Inference",
                "https://huggingface.co/docs/text-generation-inference/en/basic_tutorials/consuming_tgi"),
    # LibreChat and DeerFlow keep the settings of their servers at /api/mcp.
    TellingPath(_words("mcp"), "sse", "the Model Context Protocol's endpoint", _MCP, not_below="api"),
    # Server-sent events.
    TellingPath(_words("sse"), "sse", "server-sent events by its name", _SSE, inside=True),
    TellingPath(_words("events"), "sse", "an event stream by its name", _SSE),
    TellingPath(_words("stream"), "sse", "a stream by its name", _SSE),
    TellingPath(_words("eventsource"), "sse", "an EventSource by its name", _SSE, inside=True),
    TellingPath(_words("eventstream"), "sse", "an event stream by its name", _SSE, inside=True),
    TellingPath(_words("event-stream"), "sse", "an event stream by its name", _SSE, inside=True),
    TellingPath(_words("event_stream"), "sse", "an event stream by its name", _SSE, inside=True),
    TellingPath(_words("events-stream"), "sse", "an event stream by its name", _SSE, inside=True),
    TellingPath(_words("server-sent-events"), "sse", "server-sent events by its name", _SSE, inside=True),
    TellingPath(_words(".well-known/mercure"), "sse", "a Mercure hub",
                "https://github.com/dunglas/mercure/blob/main/subscribe.go", heartbeat=40.0, unbuffers=True),
    TellingPath(_words("api/realtime"), "sse", "PocketBase's realtime API", "https://pocketbase.io/docs/api-realtime/"),
    TellingPath(_words("__webpack_hmr"), "sse", "webpack's hot reload",
                "https://github.com/webpack-contrib/webpack-hot-middleware"),
    TellingPath(_words("queue/join"), "sse", "Gradio's queue",
                "https://www.gradio.app/guides/running-gradio-on-your-web-server-with-nginx"),
    TellingPath(_words("queue/data"), "sse", "Gradio's queue",
                "https://www.gradio.app/guides/running-gradio-on-your-web-server-with-nginx", heartbeat=15.0),
    TellingPath(_words("turbo-stream"), "sse", "Turbo's streams", "https://turbo.hotwired.dev/handbook/streams"),
    # WebSocket.
    TellingPath(_words("ws"), "websocket", "a WebSocket by its name", _WEBSOCKET, inside=True),
    TellingPath(_words("wss"), "websocket", "a WebSocket by its name", _WEBSOCKET, inside=True),
    TellingPath(_words("websocket"), "websocket", "a WebSocket by its name", _WEBSOCKET, inside=True),
    TellingPath(_words("websockets"), "websocket", "WebSockets by its name", _WEBSOCKET, inside=True),
    TellingPath(_words("socket.io"), "websocket", "Socket.IO's path", _SOCKET_IO, inside=True, heartbeat=25.0),
    TellingPath(_words("engine.io"), "websocket", "Engine.IO's path", _SOCKET_IO, inside=True, heartbeat=25.0),
    TellingPath(_words("sockjs"), "websocket", "SockJS's path", "https://github.com/sockjs/sockjs-node", inside=True, heartbeat=25.0),
    TellingPath(_words("sockjs-node"), "websocket", "the hot reload of webpack's server", _WEBPACK, inside=True),
    TellingPath(_words("_next/webpack-hmr"), "websocket", "the hot reload of Next.js",
                "https://nextjs.org/docs/architecture/fast-refresh"),
    TellingPath(_words("signalr"), "websocket", "SignalR's path", _SIGNALR, inside=True, heartbeat=15.0),
    TellingPath(_words("hub"), "websocket", "a SignalR hub by its name", _SIGNALR, heartbeat=15.0, bare=True),
    TellingPath(_words("hubs"), "websocket", "SignalR hubs by their name", _SIGNALR, inside=True, heartbeat=15.0),
    TellingPath(_words("chathub"), "websocket", "a SignalR hub by its name", _SIGNALR, inside=True, heartbeat=15.0),
    TellingPath(_words("notificationhub"), "websocket", "a SignalR hub by its name", _SIGNALR, inside=True, heartbeat=15.0),
    TellingPath(_words("_blazor"), "websocket", "Blazor's circuit",
                "https://learn.microsoft.com/aspnet/core/blazor/host-and-deploy/server/", inside=True, heartbeat=15.0),
    TellingPath(_words("cable"), "websocket", "Action Cable's path",
                "https://guides.rubyonrails.org/action_cable_overview.html", heartbeat=3.0),
    TellingPath(_words("socket/websocket"), "websocket", "Phoenix's socket",
                "https://github.com/phoenixframework/phoenix/blob/main/assets/js/phoenix/socket.js", heartbeat=30.0),
    TellingPath(_words("socket"), "websocket", "a socket by its name",
                "https://hexdocs.pm/phoenix/channels.html"),
    TellingPath(_words("_stcore"), "websocket", "Streamlit's stream",
                "https://docs.streamlit.io/develop/concepts/architecture/architecture", inside=True),
    TellingPath(_words("_stcore/stream"), "websocket", "Streamlit's stream",
                "https://docs.streamlit.io/develop/concepts/architecture/architecture"),
    TellingPath(_words("websockify"), "websocket", "websockify, as noVNC uses it",
                "https://github.com/novnc/noVNC/wiki/Proxying-with-nginx", inside=True),
    TellingPath(_words("websocket-tunnel"), "websocket", "Guacamole's tunnel",
                "https://guacamole.apache.org/doc/gug/reverse-proxy.html"),
    TellingPath(_words("api/kernels"), "websocket", "Jupyter's kernels",
                "https://jupyter-server.readthedocs.io/en/latest/developers/rest-api.html", inside=True, heartbeat=30.0),
    TellingPath(_words("terminals/websocket"), "websocket", "Jupyter's terminals",
                "https://jupyter-server.readthedocs.io/en/latest/developers/rest-api.html", inside=True, heartbeat=30.0),
    TellingPath(_words("api/live"), "websocket", "Grafana Live",
                "https://grafana.com/docs/grafana/latest/setup-grafana/set-up-grafana-live/", heartbeat=25.0),
    TellingPath(_words("api/live/ws"), "websocket", "Grafana Live",
                "https://grafana.com/docs/grafana/latest/setup-grafana/set-up-grafana-live/", heartbeat=25.0),
    TellingPath(_words("loki/api/v1/tail"), "websocket", "Loki's tail",
                "https://github.com/grafana/loki/blob/main/pkg/querier/http.go", heartbeat=1.0),
    TellingPath(_words("xmpp-websocket"), "websocket", "Jitsi Meet's XMPP over WebSocket",
                "https://github.com/jitsi/lib-jitsi-meet/blob/master/modules/xmpp/strophe.ping.js", heartbeat=10.0),
    # Its clients look every five seconds whether they heard nothing for fifteen.
    TellingPath(_words("cryptpad_websocket"), "websocket", "CryptPad's socket",
                "https://github.com/cryptpad/netflux-websocket/blob/master/netflux-client.js", heartbeat=20.0),
    TellingPath(_words("api/v1/streaming"), "websocket", "Mastodon's streaming API",
                "https://docs.joinmastodon.org/methods/streaming/", inside=True, heartbeat=30.0),
    TellingPath(_words("realtime/v1"), "websocket", "Supabase Realtime",
                "https://supabase.com/docs/guides/realtime/protocol", inside=True),
    TellingPath(_words("notifications/hub"), "websocket", "Vaultwarden's notifications",
                "https://github.com/dani-garcia/vaultwarden/wiki/Enabling-WebSocket-notifications", heartbeat=15.0),
    TellingPath(_words("mqtt"), "websocket", "MQTT over WebSocket",
                "https://docs.oasis-open.org/mqtt/mqtt/v5.0/os/mqtt-v5.0-os.html#_Toc3901285"),
    TellingPath(_words("stomp"), "websocket", "STOMP over WebSocket",
                "https://docs.spring.io/spring-framework/reference/web/websocket/stomp.html"),
    # Calls of gRPC within, whose servers ping connections that are idle for five seconds.
    TellingPath(_words("ws-proxy/signal"), "websocket", "NetBird's signal server",
                "https://github.com/netbirdio/netbird/blob/main/signal/cmd/run.go", heartbeat=5.0),
    TellingPath(_words("ws-proxy/management"), "websocket", "NetBird's management server",
                "https://github.com/netbirdio/netbird/blob/main/management/internals/server/boot.go", heartbeat=5.0),
    # Long polling.
    TellingPath(_words("longpoll"), "long-poll", "long polling by its name", "https://www.rfc-editor.org/rfc/rfc6202"),
    TellingPath(_words("long-poll"), "long-poll", "long polling by its name", "https://www.rfc-editor.org/rfc/rfc6202"),
    TellingPath(_words("long_poll"), "long-poll", "long polling by its name", "https://www.rfc-editor.org/rfc/rfc6202"),
    TellingPath(_words("longpolling"), "long-poll", "Odoo's long polling",
                "https://www.odoo.com/documentation/18.0/administration/on_premise/deploy.html", inside=True),
    TellingPath(_words("http-bind"), "long-poll", "XMPP over BOSH", "https://xmpp.org/extensions/xep-0206.html"),
    TellingPath(_words("cometd"), "long-poll", "CometD's path", "https://docs.cometd.org/", inside=True),
    TellingPath(_words("comet"), "long-poll", "Comet by its name", "https://www.rfc-editor.org/rfc/rfc6202"),
)  # fmt: skip
"""Specific paths and telling words. Not among them, as ordinary sites have them too: live, notifications, subscribe, updates, feed, push,
poll, graphql, watch, messages, chat, api."""

WORDS: tuple[tuple[str, str], ...] = (
    ("ws", "websocket"), ("wss", "websocket"), ("websocket", "websocket"), ("websockets", "websocket"), ("socketio", "websocket"),
    ("sockjs", "websocket"), ("sse", "sse"), ("eventstream", "sse"), ("eventsource", "sse"),
)  # fmt: skip
"""Words that tell wherever they stand alone between separators: in ``chat-ws``, in an upstream called ``ws_backend``."""

_LLM = (("/v1/chat/completions", "sse"), ("/v1/completions", "sse"))

APPLICATIONS: tuple[Application, ...] = (
    # Language models.
    Application("Ollama", ("ollama",), (11434,), (("/api/chat", "ndjson"), ("/api/generate", "ndjson"), *_LLM),
                "https://github.com/ollama/ollama/blob/main/docs/api.md"),
    Application("vLLM", ("vllm",), (), _LLM, "https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html"),
    Application("SGLang", ("sglang",), (), _LLM, "https://docs.sglang.ai/basic_usage/openai_api.html"),
    Application("llama.cpp", ("llamacpp", "llama_cpp", "llama_server"), (), _LLM,
                "https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md"),
    Application("LiteLLM", ("litellm",), (), _LLM, "https://docs.litellm.ai/docs/proxy/user_keys"),
    Application("LocalAI", ("localai", "local_ai"), (), _LLM, "https://localai.io/features/text-generation/"),
    Application("Text Generation Inference", ("tgi", "text_generation_inference"), (), (("/generate_stream", "sse"), *_LLM),
                "https://huggingface.co/docs/text-generation-inference/en/basic_tutorials/consuming_tgi"),
    Application("LM Studio", ("lmstudio", "lm_studio"), (), _LLM, "https://lmstudio.ai/docs/app/api/endpoints/openai"),
    Application("the OpenAI API", ("api.openai.com",), (), _LLM, _OPENAI),
    Application("the Anthropic API", ("api.anthropic.com",), (), (("/v1/messages", "sse"),),
                "https://docs.anthropic.com/en/api/messages-streaming"),
    Application("the Mistral API", ("api.mistral.ai",), (), _LLM, "https://docs.mistral.ai/api/"),
    Application("the DeepSeek API", ("api.deepseek.com",), (), (("/chat/completions", "sse"), *_LLM), "https://api-docs.deepseek.com/"),
    Application("the Groq API", ("api.groq.com",), (), (("/openai/v1/chat/completions", "sse"),), "https://console.groq.com/docs/text-chat"),
    Application("OpenRouter", ("openrouter.ai",), (), (("/api/v1/chat/completions", "sse"),),
                "https://openrouter.ai/docs/api-reference/streaming"),
    Application("Open WebUI", ("open_webui", "openwebui"), (), (("/ws/socket.io/", "websocket"), ("/api/chat/completions", "sse")),
                "https://docs.openwebui.com/tutorials/https/nginx/", 25.0),
    Application("LibreChat", ("librechat",), (), (("/api/ask", "sse"),), "https://www.librechat.ai/docs/remote/nginx"),
    Application("Dify", ("dify", "dify_api"), (), (("/v1/chat-messages", "sse"), ("/console/api/apps/x/chat-messages", "sse")),
                "https://docs.dify.ai/en/openapi-api-access-readme"),
    Application("Langflow", ("langflow",), (), (("/api/v1/build/x/events", "sse"),), "https://docs.langflow.org/api-build"),
    Application("Flowise", ("flowise",), (), (("/api/v1/prediction/x", "sse"),), "https://docs.flowiseai.com/using-flowise/streaming"),
    Application("Gradio", ("gradio",), (7860,), (("/gradio_api/queue/data", "sse"), ("/queue/data", "sse"), ("/queue/join", "sse")),
                "https://www.gradio.app/guides/running-gradio-on-your-web-server-with-nginx", 15.0),
    Application("Streamlit", ("streamlit",), (), (("/_stcore/stream", "websocket"),),
                "https://docs.streamlit.io/develop/concepts/architecture/architecture"),
    Application("ComfyUI", ("comfyui",), (8188,), (("/ws", "websocket"),), "https://docs.comfy.org/development/comfyui-server/comms_routes"),
    # Notebooks, editors, terminals, desktops.
    Application("Jupyter", ("jupyter", "jupyterlab", "jupyter_lab", "jupyter_notebook"), (),
                (("/api/kernels/x/channels", "websocket"), ("/terminals/websocket/1", "websocket")),
                "https://jupyter-server.readthedocs.io/en/latest/operators/public-server.html", 30.0),
    Application("Superset's notifications", ("superset_websocket",), (), (("/ws", "websocket"),),
                "https://github.com/apache/superset/blob/master/superset-websocket/src/config.ts", 20.0),
    Application("JupyterHub", ("jupyterhub",), (), (("/user/x/api/kernels/x/channels", "websocket"),),
                "https://jupyterhub.readthedocs.io/en/stable/howto/configuration/config-proxy.html", 30.0),
    Application("RStudio", ("rstudio", "rstudio_server"), (), (("/p/x/", "websocket"),),
                "https://docs.posit.co/ide/server-pro/access_and_security/running_with_a_proxy.html"),
    Application("Shiny Server", ("shiny", "shiny_server"), (), (("/x/websocket/", "websocket"),),
                "https://support.posit.co/hc/en-us/articles/213733868-Running-Shiny-Server-with-a-Proxy"),
    Application("code-server", ("code_server", "codeserver"), (), (("/stable-x", "websocket"),), "https://coder.com/docs/code-server/guide"),
    Application("ttyd", ("ttyd",), (7681,), (("/ws", "websocket"),), "https://github.com/tsl0922/ttyd/wiki/Nginx-reverse-proxy"),
    Application("WeTTY", ("wetty",), (), (("/wetty/socket.io/", "websocket"),), "https://github.com/butlerx/wetty/blob/main/docs/nginx.md", 25.0),
    Application("noVNC", ("novnc", "websockify"), (6080,), (("/websockify", "websocket"),),
                "https://github.com/novnc/noVNC/wiki/Proxying-with-nginx"),
    Application("Guacamole", ("guacamole",), (), (("/websocket-tunnel", "websocket"), ("/guacamole/websocket-tunnel", "websocket")),
                "https://guacamole.apache.org/doc/gug/reverse-proxy.html"),
    # Consoles.
    Application("Portainer", ("portainer",), (), (("/api/websocket/exec", "websocket"),), "https://docs.portainer.io/advanced/reverse-proxy/nginx"),
    Application("Cockpit", ("cockpit",), (), (("/cockpit/socket", "websocket"),),
                "https://github.com/cockpit-project/cockpit/wiki/Proxying-Cockpit-over-NGINX"),
    Application("Proxmox VE", ("proxmox", "pve"), (8006,), (("/api2/json/nodes/x/vncwebsocket", "websocket"),),
                "https://pve.proxmox.com/wiki/Web_Interface_Via_Nginx_Proxy"),
    Application("AWX", ("awx",), (), (("/websocket/", "websocket"),), "https://github.com/ansible/awx"),
    # Homes and media.
    Application("Home Assistant", ("homeassistant", "home_assistant", "hass"), (), (("/api/websocket", "websocket"),),
                "https://www.home-assistant.io/integrations/http/#reverse-proxies", 55.0),
    Application("Node-RED", ("nodered", "node_red"), (1880,), (("/comms", "websocket"),), "https://nodered.org/docs/faq/"),
    Application("ESPHome", ("esphome",), (6052,), (("/logs", "websocket"),), "https://esphome.io/guides/getting_started_command_line/"),
    Application("Zigbee2MQTT", ("zigbee2mqtt",), (), (("/api", "websocket"),), "https://www.zigbee2mqtt.io/guide/configuration/frontend.html"),
    Application("Frigate", ("frigate",), (), (("/ws", "websocket"), ("/live/jsmpeg/x", "websocket")),
                "https://docs.frigate.video/guides/reverse_proxy/"),
    Application("Jellyfin", ("jellyfin",), (8096,), (("/socket", "websocket"),),
                "https://jellyfin.org/docs/general/post-install/networking/reverse-proxy/nginx/"),
    Application("Emby", ("emby",), (), (("/embywebsocket", "websocket"),), "https://emby.media/support/articles/Secure-Your-Server.html"),
    Application("Plex", ("plex",), (32400,), (("/:/websockets/notifications", "websocket"),),
                "https://support.plex.tv/articles/201638786-plex-media-server-url-commands/"),
    Application("Sonarr", ("sonarr",), (8989,), (("/signalr/messages", "websocket"),),
                "https://wiki.servarr.com/sonarr/installation/reverse-proxy", 15.0),
    Application("Radarr", ("radarr",), (7878,), (("/signalr/messages", "websocket"),),
                "https://wiki.servarr.com/radarr/installation/reverse-proxy", 15.0),
    Application("Immich", ("immich", "immich_server"), (2283,), (("/api/socket.io/", "websocket"),),
                "https://immich.app/docs/administration/reverse-proxy/", 25.0),
    Application("Audiobookshelf", ("audiobookshelf",), (13378,), (("/socket.io/", "websocket"),),
                "https://www.audiobookshelf.org/docs/#reverse-proxy", 25.0),
    Application("Foundry VTT", ("foundry", "foundryvtt"), (), (("/socket.io/", "websocket"),), "https://foundryvtt.com/article/nginx/", 25.0),
    # Chat, meetings, collaboration.
    Application("Mattermost", ("mattermost",), (8065,), (("/api/v4/websocket", "websocket"),),
                "https://docs.mattermost.com/deploy/server/setup-nginx-proxy.html", 60.0),
    Application("Rocket.Chat", ("rocketchat", "rocket_chat"), (), (("/websocket", "websocket"), ("/sockjs/x/x/websocket", "websocket")),
                "https://docs.rocket.chat/docs/deploy-with-docker-docker-compose"),
    Application("Zulip", ("zulip",), (), (("/json/events", "long-poll"), ("/api/v1/events", "long-poll")),
                "https://zulip.readthedocs.io/en/latest/production/reverse-proxies.html"),
    Application("Jitsi Meet", ("jitsi", "jitsi_meet"), (), (("/xmpp-websocket", "websocket"), ("/http-bind", "long-poll")),
                "https://jitsi.github.io/handbook/docs/devops-guide/devops-guide-manual/"),
    Application("Mastodon's streaming server", ("mastodon_streaming",), (), (("/api/v1/streaming", "websocket"),),
                "https://docs.joinmastodon.org/methods/streaming/", 30.0),
    Application("Misskey", ("misskey",), (), (("/streaming", "websocket"),), "https://misskey-hub.net/en/docs/for-admin/install/resources/nginx/"),
    Application("Nextcloud's notify_push", ("notify_push",), (7867,), (("/ws", "websocket"),), "https://github.com/nextcloud/notify_push"),
    Application("Collabora Online", ("collabora", "coolwsd"), (9980,), (("/cool/x/ws", "websocket"),),
                "https://sdk.collaboraonline.com/docs/installation/Proxy_settings.html"),
    Application("ONLYOFFICE Docs", ("onlyoffice", "documentserver"), (), (("/doc/x/c/", "websocket"),),
                "https://helpcenter.onlyoffice.com/docs/installation/docs-community-proxy.aspx"),
    Application("Etherpad", ("etherpad",), (), (("/socket.io/", "websocket"),),
                "https://github.com/ether/etherpad-lite/wiki/How-to-put-Etherpad-Lite-behind-a-reverse-Proxy", 25.0),
    Application("HedgeDoc", ("hedgedoc",), (), (("/socket.io/", "websocket"),), "https://docs.hedgedoc.org/guides/reverse-proxy/", 25.0),
    Application("Outline", ("outline",), (), (("/realtime/", "websocket"), ("/collaboration", "websocket")),
                "https://docs.getoutline.com/s/hosting/doc/nginx-6htaRboR57"),
    Application("Vaultwarden", ("vaultwarden",), (), (("/notifications/hub", "websocket"),),
                "https://github.com/dani-garcia/vaultwarden/wiki/Proxy-examples", 15.0),
    Application("Uptime Kuma", ("uptime_kuma", "uptimekuma"), (), (("/socket.io/", "websocket"),),
                "https://github.com/louislam/uptime-kuma/wiki/Reverse-Proxy", 25.0),
    Application("Penpot", ("penpot", "penpot_backend"), (), (("/ws/notifications", "websocket"),),
                "https://github.com/penpot/penpot/blob/develop/backend/src/app/util/websocket.clj", 5.0),
    Application("ntfy", ("ntfy",), (), (("/x/ws", "websocket"), ("/x/sse", "sse"), ("/x/json", "ndjson")),
                "https://docs.ntfy.sh/config/#behind-a-proxy-tls-etc", 45.0),
    Application("Gotify", ("gotify",), (), (("/stream", "websocket"),), "https://gotify.net/docs/nginx", 45.0),
    Application("n8n", ("n8n",), (5678,), (("/rest/push", "websocket"),),
                "https://docs.n8n.io/hosting/configuration/environment-variables/endpoints/"),
    Application("Odoo's gevent worker", ("odoochat", "odoo_chat", "odoo_im"), (8072,),
                (("/websocket", "websocket"), ("/longpolling/poll", "long-poll")),
                "https://www.odoo.com/documentation/18.0/administration/on_premise/deploy.html"),
    # Brokers of messages.
    Application("Centrifugo", ("centrifugo",), (),
                (("/connection/websocket", "websocket"),),
                "https://centrifugal.dev/docs/server/load_balancing", 25.0),
    Application("Mercure", ("mercure",), (), (("/.well-known/mercure", "sse"),),
                "https://github.com/dunglas/mercure/blob/main/subscribe.go", 40.0, unbuffers=True),
    Application("Soketi", ("soketi",), (), (("/app/x", "websocket"),),
                "https://docs.soketi.app/getting-started/ssl-configuration/nginx-configuration"),
    Application("Laravel Reverb", ("reverb", "laravel_reverb"), (), (("/app/x", "websocket"),), "https://laravel.com/docs/12.x/reverb#web-server"),
    Application("Supabase Realtime", ("supabase_realtime",), (), (("/socket/websocket", "websocket"),),
                "https://supabase.com/docs/guides/realtime/protocol"),
    Application("EMQX", ("emqx",), (), (("/mqtt", "websocket"),), "https://docs.emqx.com/en/emqx/latest/deploy/cluster/lb-nginx.html"),
)  # fmt: skip
"""Applications that stream. Ports that others use too are not here: 3000, 5000, 8000, 8080, 8123 (ClickHouse), 8501 (TensorFlow), 8888, 9000,
9090."""
