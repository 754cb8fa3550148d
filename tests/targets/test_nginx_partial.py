"""What is concluded from silence where a file that a location includes is not at hand."""

from __future__ import annotations

import pytest

from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.scene import scene_of

PASS = "proxy_pass http://127.0.0.1:9000;"


def shortfalls_of(server: str, **snippets: str) -> set[str]:
    """The properties in which the one stream of a server falls short."""
    text = f"events {{}}\nhttp {{\nserver {{\nlisten 80;\n{server}\n}}\n}}\n"
    config = load_texts({"nginx.conf": text} | {f"{name}.conf": body for name, body in snippets.items()})
    (case,) = scene_of(config, "1.30").cases
    return set(case.shortfalls)


def test_silence_counts_where_everything_is_at_hand() -> None:
    """The headers of a handshake are nowhere."""
    assert "upgrade" in shortfalls_of(f"location /ws {{\n{PASS}\n}}")


@pytest.mark.parametrize(
    "server",
    [
        f"location /ws {{\n{PASS}\ninclude gone.conf;\n}}",
        f"location /ws {{\n{PASS}\ninclude there.conf;\n}}",
        f"location /ws {{\nlocation /ws/x {{\nreturn 204;\n}}\ninclude gone.conf;\n{PASS}\n}}",
    ],
)
def test_silence_tells_nothing_where_a_part_is_missing(server: str) -> None:
    """The file may hold just these headers."""
    assert shortfalls_of(server, there="proxy_http_version 1.1;\ninclude gone.conf;\n") == set()


@pytest.mark.parametrize(
    "server",
    [
        f"include gone.conf;\nlocation /ws {{\n{PASS}\n}}",
        f"location /ws {{\n{PASS}\nlocation /ws/x {{\ninclude gone.conf;\nreturn 204;\n}}\n}}",
        f"location /ws {{\n{PASS}\ninclude /etc/nginx/fastcgi_params;\n}}",
        f"location /other {{\ninclude gone.conf;\n}}\nlocation /ws {{\n{PASS}\n}}",
    ],
)
def test_a_file_that_is_missing_elsewhere_changes_nothing(server: str) -> None:
    """Certificates of the server, another location's settings."""
    assert "upgrade" in shortfalls_of(server)


def test_what_is_written_stands() -> None:
    """Nothing that is missing can take it back."""
    assert "upstream_http_version" in shortfalls_of(
        f"location /ws {{\n{PASS}\nproxy_http_version 1.0;\ninclude gone.conf;\n}}"
    )
