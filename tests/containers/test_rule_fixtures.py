"""The configs that prove the linter's rules, on real nginx: it starts with all of them, and what a rule calls broken is.

What is shown of the config that a rule complains of must not be so after the fix, so that neither passes for lack of teeth.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from proxycfg.rules import rules
from tests.clients.tls import make_authority
from tests.containers.rule_demos import DEMOS
from tests.containers.rule_stand import FIXTURES, Proof, Trial, proofs, trials
from tests.targets.nginx_engine import check

CONFIGS = sorted(FIXTURES.glob("*/nginx/*.conf"))

NEWEST = {"websocket-over-http-2"}
"""Rules about what only nginx 1.29.4 and newer have."""


def _name(path: Path) -> str:
    return f"{path.parent.parent.name}--{path.stem}"


def _whole(text: str, cert: Path, key: Path) -> str:
    """The config with certificates that exist, names that need no resolver, variables of a template filled in, and the parts around a fragment."""
    text = re.sub(r"(ssl_certificate) [^;]+;", rf"\1 {cert};", text)
    text = re.sub(r"(ssl_certificate_key) [^;]+;", rf"\1 {key};", text)
    text = text.replace("api.openai.com", "127.0.0.1")
    text = re.sub(r"\$\{[A-Z][A-Z0-9_]*\}", "90s", text)
    if " ssl" in text and "ssl_certificate" not in text:
        text = re.sub(
            r"(listen [^;]* ssl[^;]*;)", rf"\1 ssl_certificate {cert}; ssl_certificate_key {key};", text, count=1
        )
    if not re.search(r"^events\b", text, re.MULTILINE):
        inner = text if re.search(r"^(?:server|map|upstream)\b", text, re.MULTILINE) else f"server {{\n{text}\n}}"
        text = f"events {{}}\nhttp {{\n{inner}\n}}\n"
    return text


@pytest.mark.engine
@pytest.mark.parametrize("version", ["1.22", "1.30"])
def test_nginx_starts_with_every_proof(tmp_path: Path, version: str) -> None:
    """A rule about something that nginx refuses anyway would be no use, and a fix must not break the config."""
    folder = tmp_path / "tls"
    folder.mkdir()
    authority = make_authority(folder, "*.example.com")
    configs: dict[str, str] = {}
    for path in CONFIGS:
        text = path.read_text()
        stated = re.search(r"^# nginx (\d+\.\d+)", text, re.MULTILINE)
        newest = "http2 on;" in text or path.parent.parent.name in NEWEST
        if stated and stated[1] != version:
            continue
        if newest and version != "1.30":
            continue
        configs[_name(path)] = _whole(text, authority.cert, authority.key)
    assert configs

    said = check(version, configs, tmp_path / "configs", tmp_path)

    assert [f"{name}: {text}" for name, text in said.items() if "[emerg]" in text] == []


# ---- what a rule calls broken is broken, and what it wants is not ----

TRIALS = trials()


@pytest.mark.parametrize(
    "name", sorted(name for name, rule in rules().items() if "nginx" in rule.targets or rule.review)
)
def test_a_rule_is_shown_or_says_why_not(name: str) -> None:
    """On its page, under *Measured*; and what is shown is the plain bad config."""
    measured = " ".join(rules()[name].page.partition("**Measured.**")[2].partition("**Sources.**")[0].split())
    mine = [trial for trial in TRIALS if trial.rule == name]

    if "Not shown here: " in measured:
        assert not mine
    else:
        assert {trial.bad for trial in mine} == {True, False}
        assert any(trial.path.name == "bad.conf" and trial.bad for trial in mine)
        assert "`tests/containers/test_rule_fixtures.py`" in measured


def test_no_demonstration_is_left_over() -> None:
    """Each is a rule's."""
    assert {name.partition("/")[0] for name in DEMOS} <= set(rules())


@pytest.mark.engine
@pytest.mark.parametrize("version", sorted({trial.version for trial in TRIALS}))
def test_what_a_rule_calls_broken_is(tmp_path: Path, version: str) -> None:
    """And what it wants is not. All configs of a version run side by side: most of the time they wait."""
    # nginx's workers are nobody.
    tmp_path.chmod(0o755)

    found = asyncio.run(proofs(version, tmp_path))

    assert found.keys() == {trial for trial in TRIALS if trial.version == version}
    assert [f"{trial}: {proof}" for trial, proof in found.items() if not shown(trial, proof)] == []


def shown(trial: Trial, proof: Proof) -> bool:
    """Whether a config has done what its name says.

    A timer may be too long to be waited for: then the one after the fix has outlasted what was too short, and the bad one is that of another file.
    """
    if proof.contradictions:
        return False
    if trial.bad:
        return proof.works is False or (trial.path.name != "bad.conf" and proof.works is None and bool(proof.details))
    return proof.works is True or (proof.works is None and bool(proof.details))


@pytest.mark.parametrize(
    ("file", "proof", "is_shown"),
    [
        ("bad.conf", Proof(works=False), True),
        ("bad.conf", Proof(works=True), False),
        ("bad.conf", Proof(None, ["a timer"]), False),
        ("bad.conf", Proof(works=False, contradictions=["a value"]), False),
        ("bad-stated.conf", Proof(None, ["a timer"]), True),
        ("bad-stated.conf", Proof(works=True), False),
        ("fixed.conf", Proof(works=True), True),
        ("fixed.conf", Proof(None, ["a timer"]), True),
        ("fixed.conf", Proof(None, crash="a traceback"), False),
        ("good.conf", Proof(works=False), False),
    ],
)
def test_what_counts_as_shown(file: str, proof: Proof, is_shown: bool) -> None:
    """A bad config must fail, and no other."""
    assert shown(Trial(FIXTURES / "a-rule" / "nginx" / file, "1.30"), proof) is is_shown
