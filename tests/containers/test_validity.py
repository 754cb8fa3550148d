"""Every spec in ``fixtures/specs`` gives configs that the real proxies accept, for every version that we name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxycfg import specfile
from proxycfg.generate import generate
from proxycfg.source import Source
from proxycfg.spec import Spec
from tests.clients.tls import Authority
from tests.engines import ENVOY, NGINX, Proxies
from tests.snapshots import CASES, SPECS

FOREIGN = """\
events {{}}
http {{
    # What a distribution's nginx.conf has around a site.
    sendfile on;
    gzip on;
    include {site};
}}
"""


def _spec(case: str, authority: Authority, nginx: str | None = None) -> Spec:
    """The case's spec with certificates that exist, for that version of nginx."""
    text = (SPECS / case / "routes.yaml").read_text()
    for name, path in {"tls.crt": authority.cert, "tls.key": authority.key, "ca.crt": authority.ca}.items():
        text = text.replace(f"/etc/tls/{name}", str(path))
    if nginx and "nginx: {version" in text:
        text = re.sub(r'(nginx: \{version: )"[0-9.]+"', rf'\g<1>"{nginx}"', text)
    elif nginx and "targets: {" in text:
        text = text.replace("targets: {", f'targets: {{nginx: {{version: "{nginx}"}}, ', 1)
    elif nginx:
        text += f'\ntargets: {{nginx: {{version: "{nginx}"}}}}\n'
    return specfile.load(Source("routes.yaml", text))


def _trusting(text: str, authority: Authority) -> str:
    """The config with a file that is there in place of the system's authorities, which no image of an engine has."""
    return text.replace("/etc/ssl/certs/ca-certificates.crt", str(authority.ca))


def _hosts(spec: Spec) -> dict[str, str]:
    """Engines look names up when they start; none of them exists here."""
    return {
        server.host: "127.0.0.1" for upstream in spec.upstreams.values() for server in upstream.servers if server.host
    }


@pytest.mark.engine
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", [pytest.param(engine, marks=pytest.mark.xdist_group(engine)) for engine in NGINX])
def test_nginx_accepts_it(proxies: Proxies, authority: Authority, tmp_path: Path, engine: str, case: str) -> None:
    """`nginx -t` says yes, without a warning."""
    spec = _spec(case, authority, engine.removeprefix("nginx-"))
    made = generate(spec, ["nginx"])
    main = tmp_path / Path(made.main["nginx"]).name
    main.write_text(_trusting(made.files[made.main["nginx"]], authority))
    if main.name != "nginx.conf":
        main = tmp_path / "nginx.conf"
        main.write_text(FOREIGN.format(site=tmp_path / "site.conf"))

    verdict = proxies.validate(engine, main, hosts=_hosts(spec))

    assert verdict.rc == 0, verdict.output
    assert "[warn]" not in verdict.output


@pytest.mark.engine
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", [pytest.param(engine, marks=pytest.mark.xdist_group(engine)) for engine in ENVOY])
def test_envoy_accepts_it(proxies: Proxies, authority: Authority, tmp_path: Path, engine: str, case: str) -> None:
    """`envoy --mode validate` says yes, without a deprecated field."""
    spec = _spec(case, authority)
    made = generate(spec, ["envoy"])
    main = tmp_path / "envoy.yaml"
    main.write_text(_trusting(made.files[made.main["envoy"]], authority))

    verdict = proxies.validate(engine, main, hosts=_hosts(spec))

    assert verdict.rc == 0, verdict.output
    assert "deprecated" not in verdict.output.lower(), verdict.output
