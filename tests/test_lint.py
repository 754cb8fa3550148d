"""What linting costs."""

from __future__ import annotations

from proxycfg.lint import Options, lint
from proxycfg.rules import rules
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.scene import scene_of
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


def _work(sites: int) -> int:
    text = f"events {{}} http {{ {''.join(SITE.format(number) for number in range(sites))} }}"
    options = Options(rules=list(rules().values()), known=tuple(rules()))

    def linted() -> None:
        report = lint([scene_of(load_texts({"nginx.conf": text}), None)], options)
        assert len(report.findings) >= 2 * sites
        assert all(finding.span.line for finding in report.findings)

    return calls(linted)


def test_work_grows_with_the_number_of_sites_alone() -> None:
    """Faulty ones, each with fixes: twice the sites, twice the work."""
    _work(10)
    once, twice = _work(40), _work(80)

    assert twice < 2.1 * once
