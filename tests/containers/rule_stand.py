"""The configs of the rules' proofs in the differential lab: what a rule is about is measured, or demonstrated, on each of them."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import struct
import time
import traceback
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from proxycfg.behavior import Answer, Between, exactly
from proxycfg.lab.bench import Ask
from proxycfg.lab.origin import Origin
from proxycfg.lab.probe import AtLeast, Within
from proxycfg.probes.kits import NGINX
from proxycfg.rule import Rule, Scene
from proxycfg.rules import rules
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.scene import scene_of
from tests.containers.rule_demos import DEMOS, HOST, Demo, Stand
from tests.differential.lab import TRIES
from tests.differential.nginx.generator import CLEAR, SECURE
from tests.differential.nginx.lab import SLACK, Lab
from tests.differential.nginx.predict import Prediction
from tests.differential.nginx.tree import Config, Node, parsed
from tests.engines.ports import free_ports

FIXTURES = Path(__file__).parent.parent.parent / "fixtures" / "rules"
NEWEST = "1.30"
AT_ONCE = 8
"""Configs that run side by side: they wait more than they work."""


# ---- around nginx ----


class _Names(asyncio.DatagramProtocol):
    """A resolver to whom every name is a loopback address."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        end = data.index(b"\0", 12) + 5
        found = data[end - 4 : end - 2] == b"\0\1"
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + bytes([127, 0, 0, 30]) if found else b""
        head = data[:2] + struct.pack("!HHHHH", 0x8180, 1, int(found), 0, 0)
        self.transport.sendto(head + data[12:end] + record, addr)


@dataclass(frozen=True)
class Surroundings:
    """A lab, and what some configs need besides: origins that speak TLS, one of them only to those that say a name, and a resolver."""

    lab: Lab
    secure: int
    named: int
    names: int

    def placed(self, text: str, edits: Mapping[str, str], *, unreachable: bool) -> str:
        """A config of a proof with the lab's ports: each port that it has for an origin becomes an address of its own."""
        for old, new in edits.items():
            text = text.replace(old, new)
        origin = self.lab.blackhole if unreachable else self.lab.origin.port
        text = re.sub(r"listen 80\b", f"listen {CLEAR[0]}", text)
        certificates = "ssl_certificate /etc/nginx/tls/cert.pem; ssl_certificate_key /etc/nginx/tls/key.pem;"
        text = re.sub(r"ssl_certificate(_key)? [^;]+;", "", text)
        text = text.replace("listen 443 ssl;", f"listen {SECURE[0]} ssl; {certificates}")
        text = text.replace("resolver 127.0.0.1;", f"resolver 127.0.0.1:{self.names};").replace("$app:9000", f"$app:{origin}")  # fmt: skip
        text = text.replace("https://api.openai.com;", f"https://127.0.0.9:{self.named}; proxy_ssl_name api.openai.com;")  # fmt: skip
        text = text.replace("127.0.0.1:443;", f"127.0.0.9:{self.secure};")
        ports = sorted(set(re.findall(r"\b127\.0\.0\.1:((?:80|90|91|30|500)\d\d)\b", text)))
        for number, port in enumerate(ports, 10):
            text = re.sub(rf"\b127\.0\.0\.1:{port}\b", f"127.0.0.{number}:{origin}", text)
        return text


@contextlib.asynccontextmanager
async def surroundings(version: str, folder: Path) -> AsyncIterator[Surroundings]:
    """For one version.

    :raises EngineAbsent: if there is no nginx of that version here.
    """

    def named(_: object, name: str | None, __: object) -> int | None:
        return None if name == "api.openai.com" else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    async with Lab.opened(version, folder) as lab, contextlib.AsyncExitStack() as stack:
        found = free_ports(3)
        for port, callback in zip(found, (None, named), strict=False):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(lab.authority.cert, lab.authority.key)
            context.set_alpn_protocols(["h2", "http/1.1"])
            context.sni_callback = callback  # type: ignore[assignment]
            origin = Origin(port)
            origin.handlers = lab.origin.handlers
            await origin.open(context)
            stack.push_async_callback(origin.close)
        names, _ = await asyncio.get_running_loop().create_datagram_endpoint(_Names, ("127.0.0.1", found[2]))
        stack.callback(names.close)
        yield Surroundings(lab, *found)


# ---- what is measured ----


@dataclass
class Proof:
    """What came of one config.

    :param works: whether it gives its streams what they need, in what the rule is about; None if nothing tells.
    :param details: each value that was measured.
    :param contradictions: those that the linter takes for something else.
    :param crash: a traceback, where there is nothing else to tell.
    """

    works: bool | None
    details: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    crash: str = ""


def scene(text: str, version: str) -> Scene:
    """As the linter sees a config."""
    return scene_of(load_texts({"nginx.conf": text}, is_directive=opens_line), version)


def met(measured: Any, accepted: Between[Any]) -> bool | None:
    """Whether a value is one that a route can live with; None if it may be: a timer that has not fired as long as anybody looked."""
    if isinstance(measured, AtLeast):
        return False if accepted.high < measured.least else True if accepted.low <= measured.least else None
    if isinstance(measured, Within):
        if measured.high < accepted.low or measured.low > accepted.high:
            return False
        return True if accepted.low <= measured.low and measured.high <= accepted.high else None
    answer = exactly(measured).within(accepted)
    return None if answer is Answer.MAYBE else answer is Answer.YES


async def measured(around: Surroundings, text: str, rule: Rule) -> Proof:
    """The properties that a rule owns, on the routes that it speaks of: False if one is outside of its need, None if one is neither."""
    version = around.lab.version
    text = around.placed(text, {}, unreachable=False)
    config = parsed({"nginx.conf": text})
    nodes = {node.place: node for node in config.walk()}
    cases = [(case, nodes[f"nginx.conf:{case.route.span.line}"]) for case in scene(text, version).cases]
    for case, node in cases:
        config.protocols[id(node)] = case.protocol
    prediction = Prediction(config, version)
    proof = Proof(None)
    wanted = {probe for name in rule.properties for probe in NGINX.measured_by[name]}
    chosen = [probe for probe in (*NGINX.quick, *NGINX.slow, *NGINX.alone) if probe.name in wanted]
    assert chosen
    answers: list[bool | None] = []
    async with around.lab.started(config) as bench:

        async def one(case: Any, node: Node) -> None:
            path = case.route.path + ("x" if case.route.path.endswith("/") else "")
            port = _port(config)
            ask = Ask(port, port in SECURE, HOST, path)
            if prediction.route(ask) != node.place:
                return
            target = around.lab.target_of(prediction, node.place, ask)
            for probe in chosen:
                values: dict[str, Any] = {}
                for _ in range(TRIES):
                    begun = time.monotonic()
                    values = await probe(bench, target)
                    if bench.late_since(begun) < SLACK.late:
                        break
                for name in rule.properties:
                    if name in values:
                        accepted = getattr(case.need.accepted, name)
                        answer = met(values[name], accepted)
                        answers.append(answer)
                        seen = f"{case.title}: {name} was {values[name]}, needed {accepted}"
                        proof.details.append(seen)
                        short = case.shortfalls.get(name)
                        if (answer is True and short and short.sure) or (answer is False and not short):
                            proof.contradictions.append(seen)

        await asyncio.gather(*(one(case, node) for case, node in cases if rule.concerns(case.protocol)))
    proof.works = False if False in answers else None if None in answers or not answers else True
    return proof


def _port(config: Config) -> int:
    return next(int(node.args[0]) for node in config.walk() if node.name == "listen")


async def demonstrated(around: Surroundings, text: str, demo: Demo, edits: Mapping[str, str]) -> bool:
    """Whether what a demonstration asks for holds."""
    config = parsed({"nginx.conf": around.placed(text, edits, unreachable=demo.unreachable)})
    config.files()
    port = _port(config)
    async with around.lab.started(config, limits=demo.limits, unreachable=demo.unreachable) as bench:
        stand = Stand(around.lab, bench, Ask(port, port in SECURE, HOST, demo.path))
        return await demo.show(stand)


# ---- all of it ----


@dataclass(frozen=True)
class Trial:
    """One config of a rule's proof on one version.

    :param vain: whether it is the bad config after a demonstration's ``instead``.
    """

    path: Path
    version: str
    vain: bool = False

    @property
    def rule(self) -> str:
        """Whose proof it is."""
        return self.path.parent.parent.name

    @property
    def bad(self) -> bool:
        """Whether the rule complains of it."""
        return self.path.name.startswith("bad") and not self.vain

    def __str__(self) -> str:
        """A test's name."""
        return f"{self.rule}-{self.path.stem}{'-instead' if self.vain else ''}-{self.version}"


def demo_of(path: Path) -> Demo | None:
    """The demonstration that a config is for."""
    rule, part = path.parent.parent.name, path.stem.partition("-")[2]
    return DEMOS.get(f"{rule}/{part}") or DEMOS.get(rule)


def trials() -> list[Trial]:
    """Every config that shows something: the bad ones, what a fix makes of them, and the good one where nothing else is to be compared with."""
    found = []
    for rule in rules().values():
        for path in sorted((FIXTURES / rule.name / "nginx").glob("*.conf")):
            demo = demo_of(path)
            kind, _, part = path.stem.partition("-")
            fixes = path.with_name(path.name.replace("good", "fixed")).exists()
            if not demo and not rule.properties:
                continue
            if kind == "good" and (f"{rule.name}/{part}" not in DEMOS if part else fixes and not demo):
                # It may well be one of quite another route.
                continue
            stated = re.search(r"^# nginx (\d+\.\d+)", path.read_text(), re.MULTILINE)
            versions = (stated[1],) if stated else demo.versions if demo else (NEWEST,)
            if demo and demo.instead:
                found += [Trial(path, version, vain) for version in versions for vain in (False, True) if kind == "bad"]
            else:
                found += [Trial(path, version) for version in versions]
    return found


async def proofs(version: str, folder: Path) -> dict[Trial, Proof]:
    """All trials of one version, side by side.

    :raises EngineAbsent: if there is no nginx of that version here.
    """
    found: dict[Trial, Proof] = {}
    gate = asyncio.Semaphore(AT_ONCE)
    async with surroundings(version, folder) as around:

        async def one(trial: Trial) -> None:
            text, demo = trial.path.read_text(), demo_of(trial.path)
            async with gate:
                try:
                    if demo is None:
                        found[trial] = await measured(around, text, rules()[trial.rule])
                    else:
                        edits = demo.instead if trial.vain else demo.edits
                        found[trial] = Proof(await demonstrated(around, text, demo, edits))
                except Exception:  # noqa: BLE001 - each has its own test, which tells
                    found[trial] = Proof(None, crash=traceback.format_exc())

        await asyncio.gather(*(one(trial) for trial in trials() if trial.version == version))
    return found
