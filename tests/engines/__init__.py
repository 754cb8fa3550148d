"""Real proxies for the tests: which there are, how they come here, and how a test starts one.

``python -m tests.engines prepare`` makes them available. A test asks for one by its id, through the fixture
``start_proxy`` (``tests/containers/conftest.py``), and is skipped with the reason where it is absent; with
``PROXYCFG_REQUIRE_ENGINES=1`` it fails instead.
"""

from __future__ import annotations

from tests.engines.catalogue import ALL, ENVOY, LAB, NGINX, RELEASES, Engine, Release
from tests.engines.ports import free_port, free_ports
from tests.engines.presence import EngineAbsent, available, need, required, why_absent
from tests.engines.proxies import Proxies, StartProxy
from tests.engines.running import ProxyFailed, RunningProxy, Verdict

__all__ = [
    "ALL",
    "ENVOY",
    "LAB",
    "NGINX",
    "RELEASES",
    "Engine",
    "EngineAbsent",
    "Proxies",
    "ProxyFailed",
    "Release",
    "RunningProxy",
    "StartProxy",
    "Verdict",
    "available",
    "free_port",
    "free_ports",
    "need",
    "required",
    "why_absent",
]
