"""Where the fixes of nginx configs go: the value of ``Connection`` in the handshake of a WebSocket comes from a map that everybody shares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from proxycfg.fix import repair
from proxycfg.lint import Options
from proxycfg.rule import Scene
from proxycfg.rules import load
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.scene import scene_of

RULE = load("upgrade-headers-missing")
MAP = "    map $http_upgrade $connection_upgrade {\n        default upgrade;\n        '' '';\n    }\n\n"
WS = "location /ws {\n    proxy_pass http://127.0.0.1:1;\n}\n"


def repaired(texts: Mapping[str, str]) -> Mapping[str, str]:
    """The texts after the rule's fixes; a second run must change nothing, and find nothing."""

    def look(changed: Mapping[str, str]) -> Sequence[Scene]:
        return [scene_of(load_texts({**texts, **changed}, is_directive=opens_line), "1.30")]

    options = Options(rules=[RULE], known=(RULE.name,))
    _, changed, _ = repair(look, options, unsafe=False)
    after = {**texts, **changed}
    report, again, count = repair(lambda new: look({**changed, **new}), options, unsafe=False)
    assert ((), {}, 0) == (report.findings, again, count)
    return after


def whole(inside: str) -> str:
    """A config with one block."""
    return f"events {{}}\nhttp {{\n    default_type text/plain;\n{inside}}}\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"    server {{\n{WS}    }}\n", f"{MAP}    server {{\n%s    }}\n"),
        (f"    # The site.\n    # Chat.\n    server {{\n{WS}    }}\n", f"{MAP}    # The site.\n    # Chat.\n    server {{\n%s    }}\n"),
        (f"    upstream a {{ server b; }}\n    server {{\n{WS}    }}\n", f"{MAP}    upstream a {{ server b; }}\n    server {{\n%s    }}\n"),
        (f"    gzip off; server {{\n{WS}    }}\n", "    gzip off; map $http_upgrade $connection_upgrade { default upgrade; '' ''; } server {\n%s    }\n"),
    ],
    ids=["server", "comments", "upstream", "one line"],
)  # fmt: skip
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_new_map_stands_before_the_servers(before: str, after: str, ends: str) -> None:
    """And before what comments say of the first one, with the line ends of the file."""
    headers = "    proxy_set_header Upgrade $http_upgrade;\n    proxy_set_header Connection $connection_upgrade;\n"
    fixed = WS.replace("}", f"{headers}}}")

    texts = repaired({"nginx.conf": whole(before).replace("\n", ends)})
    assert whole(after % fixed).replace("\n", ends) == texts["nginx.conf"]


def test_two_sites_share_one_map_in_the_file_of_the_http_block() -> None:
    """Before the include that brings them; the sites get the headers alone."""
    site = f"server {{\n{WS}}}\n"
    texts = repaired({"nginx.conf": whole("    include sites/*;\n"), "sites/a": site, "sites/b": site})

    assert whole(f"{MAP}    include sites/*;\n") == texts["nginx.conf"]
    for name in ("sites/a", "sites/b"):
        assert "proxy_set_header Connection $connection_upgrade;" in texts[name]


def test_without_a_place_before_servers_it_stands_at_the_top() -> None:
    """Where a single file is included that holds them, nothing tells it from others."""
    texts = repaired({"nginx.conf": whole("    include site;\n"), "site": f"server {{\n{WS}}}\n"})

    assert "http {\n    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }\n" in texts["nginx.conf"]


@pytest.mark.parametrize(
    ("lines", "used"),
    [
        ("map $http_upgrade $ws { default Upgrade; '' close; }", "$ws"),
        ("map $http_upgrade $x { default 1; '' 0; }\nmap $http_upgrade $ws { websocket upgrade; }", "$ws"),
        ("map $http_upgrade $connection_upgrade { default close; }", "$connection_upgrade_2"),
        ("map $host $connection_upgrade { default upgrade; }", "$connection_upgrade_2"),
    ],
    ids=["any name", "the one that upgrades", "taken", "of another variable"],
)
def test_a_map_that_is_there_is_used(lines: str, used: str) -> None:
    """By whatever name, if it surely gives handshakes their word; a name that stands for something else is left alone."""
    text = repaired({"nginx.conf": whole(f"{lines}\nserver {{\n{WS}}}\n")})["nginx.conf"]

    assert f"proxy_set_header Connection {used};" in text
    assert text.count("map $http_upgrade") == lines.count("map $http_upgrade") + used.endswith("_2")


def test_beside_a_site_alone_the_word_has_to_do() -> None:
    """Which maps the http block around it has is not known."""
    assert 'proxy_set_header Connection "upgrade";' in repaired({"site.conf": f"server {{\n{WS}}}\n"})["site.conf"]


def test_a_word_that_upgrades_stays() -> None:
    """If only `Upgrade` is missing, only that is written."""
    location = WS.replace("}", '    proxy_set_header Connection "Upgrade";\n}')
    text = repaired({"nginx.conf": whole(f"server {{\n{location}}}\n")})["nginx.conf"]

    assert 'proxy_set_header Connection "Upgrade";\n    proxy_set_header Upgrade $http_upgrade;\n' in text
    assert "map" not in text
