"""What linting costs."""

from __future__ import annotations

import json

import pytest

from proxycfg.lint import Options, lint
from proxycfg.rules import rules
from proxycfg.targets.envoy import scene as envoy
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.scene import scene_of
from tests.bench import configs
from tests.targets.envoy_configs import WEBSOCKET, bootstrap, config_of
from tests.work import calls

SITE = """server {{
    server_name s{0}.example.com;
    proxy_set_header Upgrade $http_upgrade;
    location /events {{
        # proxycfg: protocol=sse
        proxy_pass http://127.0.0.1:8000;
    }}
    location /ws {{
        proxy_pass http://127.0.0.1:9000;
        proxy_set_header Host $host;
    }}
    location / {{ proxy_pass http://127.0.0.1:7000; }}
}}
"""


def _work(text: str, findings: int) -> int:
    """The calls that it takes to find at least so many."""
    files = {"nginx.conf": text, **{f"snippets/{name}": snippet for name, snippet in configs.SNIPPETS.items()}}
    options = Options(rules=list(rules().values()), known=tuple(rules()))

    def linted() -> None:
        report = lint([scene_of(load_texts(files), None)], options)
        assert len(report.findings) >= findings
        assert all(finding.span.line for finding in report.findings)

    linted()
    return calls(linted)


def test_work_grows_with_the_number_of_sites_alone() -> None:
    """Faulty ones, each with fixes: twice the sites, twice the work."""

    def sites(count: int) -> int:
        text = f"events {{}} http {{ {''.join(SITE.format(number) for number in range(count))} }}"
        return _work(text, 2 * count)

    once, twice = sites(40), sites(80)

    assert twice < 2.1 * once


SOCKET = "proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_read_timeout 20s; proxy_pass http://10.0.0.1:80;"
SHAPES = [shape for shape, _ in configs.SHAPES.values() if shape not in {configs.flat, configs.entries}]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_work_grows_with_the_number_of_streams_alone(shape: configs.Shape) -> None:
    """Thousands of locations of one server, each a socket that is cut: four times as many, four times the work and little more."""

    def streams(count: int) -> int:
        return _work(
            shape(count).replace("proxy_pass http://10.0.0.1:80;", SOCKET), 1 if shape is configs.includes else count
        )

    once, four_times = streams(100), streams(400)

    assert four_times < 4.2 * once


def test_work_grows_with_the_number_of_routes_of_envoy_alone() -> None:
    """Thousands of routes of one virtual host, each a socket whose clients vanish: four times as many, four times the work and little more."""

    def routes(count: int) -> int:
        action = {"cluster": "origin", "idle_timeout": "0s", "upgrade_configs": WEBSOCKET}
        text = json.dumps(
            bootstrap(routes=[{"match": {"prefix": f"/ws/{at}/"}, "route": action} for at in range(count)])
        )
        options = Options(rules=list(rules().values()), known=tuple(rules()))

        def linted() -> None:
            assert len(lint([envoy.scene_of(config_of(text), None)], options).findings) >= count

        linted()
        return calls(linted)

    once, four_times = routes(100), routes(400)

    assert four_times < 4.2 * once


def test_streams_that_are_alike_are_judged_once() -> None:
    """What is worked out of the first of a kind is not worked out again, for the newest version or for the older one."""

    def streams(*timeouts: int) -> int:
        body = SOCKET.replace("20s", "{}s")
        places = (f"location /ws/{at} {{ {body.format(timeout)} }}" for at, timeout in enumerate(timeouts))
        return _work(f"events {{}} http {{ server {{ {' '.join(places)} }} }}", len(timeouts))

    alike, different = streams(*[20] * 100), streams(*range(20, 120))

    assert 2 * alike < different
