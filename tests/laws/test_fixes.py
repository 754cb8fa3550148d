"""The law of fixes, held against every config of every rule's proof.

After a safe fix the finding is gone, a second run changes nothing, no other route behaves differently, the routes that were repaired are worse in
nothing, and what the real proxy accepted it still accepts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from proxycfg.behavior import Answer
from proxycfg.fix import repair
from proxycfg.lint import Options
from proxycfg.need import shortfalls
from proxycfg.reading import ReadRoute
from proxycfg.rule import Case, Scene
from proxycfg.rules import rules
from proxycfg.targets.cloudflare.read import Reader
from proxycfg.targets.envoy.read import read as read_envoy
from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.read import read
from proxycfg.targets.nginx.scene import scene_of
from tests.targets import envoy_lab
from tests.targets.nginx_engine import check
from tests.test_rules import called, seen

FIXTURES = Path(__file__).parents[2] / "fixtures" / "rules"
CONFIGS = sorted(
    [
        *FIXTURES.glob("*/nginx/*.conf"),
        *FIXTURES.glob("*/envoy/*.yaml"),
        *(path for ending in ("tf", "yml", "jsonc") for path in FIXTURES.glob(f"*/cloudflare/*.{ending}")),
    ]
)
EVERYTHING = Options(rules=list(rules().values()), known=tuple(rules()))
NEWEST = "1.30"


def name_of(path: Path) -> str:
    """A test's name."""
    target = "" if path.parent.name == "nginx" else f"-{path.parent.name}"
    return f"{path.parent.parent.name}{target}-{path.stem}"


def looked_at(path: Path, text: str) -> Scene:
    """A config, for the version that it names, or the newest."""
    if path.parent.name != "nginx":
        return seen(path, text)
    version = re.search(r"^# nginx (\S+)$", text, re.MULTILINE)
    config = load_texts({called(path): text}, is_directive=opens_line)
    return scene_of(config, version[1] if version else NEWEST)


def routes_of(scene: Scene) -> list[ReadRoute]:
    """All routes of a config, whether they stream or not."""
    if scene.target == "envoy":
        return [told for _, told in read_envoy(scene.tree.reader)]
    if scene.target == "cloudflare":
        readers = [Reader(zone, {}) for zone in scene.tree.zones]
        return [reader.route(place, None) for reader in readers for place in reader.places]
    return read(scene.tree.config, NEWEST)


def repaired(path: Path, text: str, *, unsafe: bool) -> tuple[str, int]:
    """The text after all fixes, and how many these were."""

    def look(texts: Mapping[str, str]) -> Sequence[Scene]:
        return [looked_at(path, texts.get(called(path), text))]

    _, texts, count = repair(look, EVERYTHING, unsafe=unsafe)
    return texts.get(called(path), text), count


def worse(before: Case, after: Case) -> dict[str, tuple[object, object]]:
    """The properties in which a route fell short less before than after."""
    rank = {Answer.YES: 0, Answer.MAYBE: 1, Answer.NO: 2}
    old, new = (shortfalls(case.need, case.route.reading.behavior) for case in (before, after))
    # Where the client's headers pass again, so does what it says of compression.
    named = {"accept_encoding_forwarded"}
    if before.value("upstream_connection_header") != after.value("upstream_connection_header"):
        # What `keepalive` asks for: connections are kept, and a request on one that has died meanwhile goes to another.
        named.add("retries")
    return {
        name: (old.get(name), answer)
        for name, answer in new.items()
        if name not in named and rank[answer] > rank[old.get(name, Answer.YES)]
    }


@pytest.mark.parametrize("unsafe", [False, True], ids=["safe", "unsafe"])
@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_fixes_settle_and_make_no_route_worse(path: Path, *, unsafe: bool) -> None:
    """A second run has nothing to do; each stream falls short in no more than before."""
    text = path.read_text()
    fixed, _ = repaired(path, text, unsafe=unsafe)

    assert (fixed, 0) == repaired(path, fixed, unsafe=unsafe)
    before, after = looked_at(path, text), looked_at(path, fixed)
    assert [case.route.path for case in before.cases] == [case.route.path for case in after.cases]
    assert {} == {
        case.title: worse(case, then) for case, then in zip(before.cases, after.cases, strict=True) if worse(case, then)
    }


@pytest.mark.parametrize("path", CONFIGS, ids=name_of)
def test_safe_fixes_leave_other_routes_alone(path: Path) -> None:
    """What does not stream behaves as it did, in every property."""
    text = path.read_text()
    scene = looked_at(path, text)
    fixed, _ = repaired(path, text, unsafe=False)
    streaming = {(case.route.host, case.route.kind, case.route.path) for case in scene.cases}
    before, after = routes_of(scene), routes_of(looked_at(path, fixed))

    assert len(before) == len(after)
    for route, then in zip(before, after, strict=True):
        if (route.host, route.kind, route.path) not in streaming:
            assert route.reading.behavior == then.reading.behavior, route.path


@pytest.mark.engine
def test_nginx_accepts_what_it_accepted(tmp_path: Path) -> None:
    """``nginx -t`` of every config before and after, with fixes of both kinds."""
    paths = {name_of(path): path for path in CONFIGS if path.parent.name == "nginx"}
    configs = {name: path.read_text() for name, path in paths.items()}
    after = {
        f"{name}-{kind}": repaired(paths[name], text, unsafe=kind == "unsafe")[0]
        for name, text in configs.items()
        for kind in ("safe", "unsafe")
    }
    said = check(NEWEST, {**configs, **after}, tmp_path / "configs")
    fine = [name for name in configs if not re.search("emerg", said[name])]

    assert len(fine) > len(configs) / 2
    assert {} == {
        each: said[each] for name in fine for each in (f"{name}-safe", f"{name}-unsafe") if "emerg" in said[each]
    }


@pytest.mark.engine
@pytest.mark.parametrize("path", [path for path in CONFIGS if path.parent.name == "envoy"], ids=name_of)
def test_envoy_accepts_what_it_accepted(path: Path, tmp_path: Path) -> None:
    """``envoy --mode validate`` of every config before and after, with fixes of both kinds."""
    texts = dict.fromkeys(
        [path.read_text(), *(repaired(path, path.read_text(), unsafe=unsafe)[0] for unsafe in (False, True))]
    )

    assert [envoy_lab.refusal(text, tmp_path) for text in texts] == [""] * len(texts)
