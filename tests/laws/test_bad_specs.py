"""Whatever is in a spec, the answer is a config or a place: no traceback, nothing half-written, no waiting."""

from __future__ import annotations

import contextlib
import io
import json
import random
import re
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxycfg.cli import run
from proxycfg.starter import starter
from proxycfg.targets import TARGETS
from proxycfg.yamldoc import lines_of
from tests.snapshots import SPECS

JUNK = [
    "", " ", "\n", "\t", ":", ": ", "- ", ",", "[", "]", "{", "}", "[]", "{}", "'", '"', "#", "&a", "*a", "!x", "@",
    "`", "%", "|", ">", "?", "---",
    "~", "null", "true", "no", "0", "-1", "1.5", "1e999", ".inf", "99999999999999999999", "0x10", "x", "/", "//",
    "/../", "é", "日本", "\u2028", "\ufeff",
    "\x00", "\x1b", "\x85", "http://", "grpc://a", "unix:", "*.x", "<<", "=", "30s", "5 parsecs", "1.30", "sse",
    "websocket", "$host", ";", "x" * 3000,
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**30, "", "x", "sse", "/a", "http://a", "30s", "\n", "\x07", "*", [], {}, [[]],
    [None], {"": 1}, {"a": {}}, ["a", "a"],
    "x" * 5000, "${jndi}", "a; b", "'\"", {"by": "cookie"}, {"servers": []},
]  # fmt: skip
Mutation = Callable[[random.Random, str], bytes]


@cache
def _good() -> list[str]:
    return [starter(), *(path.read_text() for path in sorted(SPECS.glob("*/routes.yaml")))]


def _tokens(chance: random.Random, text: str) -> bytes:
    """Delete, duplicate, swap or replace a few words or signs."""
    words = re.findall(r"[\w./-]+|\s+|.", text, re.DOTALL)
    for _ in range(chance.choice([1, 1, 1, 2, 5])):
        here, there = chance.randrange(len(words)), chance.randrange(len(words))
        change = chance.randrange(4)
        if change == 0:
            words[here] = ""
        elif change == 1:
            words[here] *= 2
        elif change == 2:
            words[here], words[there] = words[there], words[here]
        else:
            words[here] = chance.choice(JUNK)
    return "".join(words).encode("utf-8", "surrogatepass")


def _lines(chance: random.Random, text: str) -> bytes:
    """Delete, duplicate, move, indent or dedent a line."""
    lines = text.splitlines(keepends=True)
    here, there = chance.randrange(len(lines)), chance.randrange(len(lines))
    change = chance.randrange(5)
    line = lines.pop(here)
    if change == 1:
        lines[here:here] = [line, line]
    elif change == 2:
        lines.insert(there, line)
    elif change:
        lines.insert(here, " " * chance.randrange(1, 5) + line if change == 3 else line.lstrip())
    return "".join(lines).encode()


def _types(chance: random.Random, text: str) -> bytes:
    """Put a value of another kind, or another key, at a place in the tree."""
    data = yaml.safe_load(text)
    part: Any = data
    for _ in range(chance.randrange(6)):
        inner = [v for v in (part.values() if isinstance(part, dict) else part) if isinstance(v, (dict, list)) and v]
        if not inner:
            break
        part = chance.choice(inner)
    key: Any = chance.choice(list(part)) if isinstance(part, dict) else chance.randrange(len(part))
    if isinstance(part, dict) and chance.random() < 0.3:
        part[chance.choice([f"{key}x", key[:-1], "", "path", "upstream", "é", "\n"])] = part.pop(key)
    elif chance.random() < 0.2:
        del part[key]
    else:
        part[key] = chance.choice(VALUES)
    return (json.dumps(data) if chance.random() < 0.5 else yaml.safe_dump(data, allow_unicode=True)).encode()


def _bytes(chance: random.Random, text: str) -> bytes:
    """Change bytes, cut the file off, or fill it with noise."""
    data = bytearray(text.encode())
    change = chance.randrange(4)
    if change == 0:
        return bytes(data[: chance.randrange(len(data))])
    if change == 1:
        return chance.randbytes(chance.randrange(200))
    if change == 2:
        return chance.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\x00"]) + bytes(data)
    for _ in range(chance.randrange(1, 10)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return bytes(data)


def _run(spec: Path, out: Path, targets: tuple[str, ...]) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        code = run(["generate", str(spec), *(f"--target={target}" for target in targets), "--out", str(out)])
    return code, stdout.getvalue(), stderr.getvalue()


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _check_refusal(spec: Path, said: str, data: bytes) -> None:
    """Each problem has a place that an editor can show, words for people, and a remedy."""
    lines = lines_of(data.decode("utf-8-sig", "replace")) or [""]
    places = re.findall(rf"^{re.escape(str(spec))}:(\d+):(\d+): \S", said, re.MULTILINE)

    assert places, said
    for line, column in places:
        assert 1 <= int(line) <= len(lines), said
        assert 1 <= int(column) <= len(lines[int(line) - 1]) + 1, said
    assert len(places) == sum(line.startswith("  = ") for line in said.splitlines()), said
    assert not re.search(r"Traceback|nput should|alue error|pydantic|NoneType|while (parsing|scanning)", said), said
    assert all(len(line) < 300 for line in said.splitlines()), said
    assert all(c.isprintable() for c in said.replace("\n", "")), said


def test_a_broken_spec_is_refused_with_a_place_and_leaves_no_trace(tmp_path: Path) -> None:
    """Hundreds of mutations of good specs: exit code 0 or 1 where one is still good, else 2 with places inside the file."""
    spec, out = tmp_path / "routes.yaml", tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine\n")
    spec.write_text(_good()[1])
    assert _run(spec, out, TARGETS)[0] in {0, 1}
    refused: set[bytes] = set()

    @settings(max_examples=350, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        st.sampled_from([_tokens, _lines, _types, _bytes]),
        st.sampled_from(_good()),
        st.integers(0, 2**64),
        st.sampled_from([*((target,) for target in TARGETS), TARGETS]),
    )
    def law(mutation: Mutation, good: str, seed: int, targets: tuple[str, ...]) -> None:
        data = mutation(random.Random(seed), good)
        spec.write_bytes(data)
        before = _tree(out)
        start = time.process_time()
        code, stdout, stderr = _run(spec, out, targets)

        assert time.process_time() - start < 10
        assert code in {0, 1, 2}
        if code == 2:
            assert stdout == ""
            assert before == _tree(out)
            _check_refusal(spec, stderr, data)
            refused.add(data)
        assert _tree(out)["mine.txt"] == b"mine\n"
        assert _tree(out).keys() == before.keys() or code != 2

    law()

    assert len(refused) >= 200
