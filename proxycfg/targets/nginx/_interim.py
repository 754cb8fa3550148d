"""Until defaults.py is there."""
from __future__ import annotations
from proxycfg.targets.nginx import facts
_ON = {"gzip": "off", "gzip_types": "text/html", "client_body_timeout": "60s", "send_timeout": "60s", "client_max_body_size": "1m",
  "worker_connections": "512", "keepalive_timeout": "75s", "mirror_request_body": "on", "limit_conn_dry_run": "off", "proxy_pass_trailers": "off"}
for m in ("proxy", "grpc", "fastcgi", "uwsgi", "scgi", "memcached", "tunnel"):
    _ON |= {f"{m}_buffering": "on", f"{m}_request_buffering": "on", f"{m}_cache": "off", f"{m}_pass_request_headers": "on", f"{m}_pass_request_body": "on",
      f"{m}_connect_timeout": "60s", f"{m}_read_timeout": "60s", f"{m}_next_upstream": "error timeout", f"{m}_next_upstream_tries": "0",
      f"{m}_intercept_errors": "off", f"{m}_ignore_client_abort": "off"}
def default(name: str, version: str) -> str | None:
    if name == "proxy_http_version":
        return "1.1" if facts.has(version, "keepalive_by_default") else "1.0"
    return _ON[name]
