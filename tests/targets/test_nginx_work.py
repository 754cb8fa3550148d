"""Reading costs as much work as there is to read, whatever of it is large: counted in calls, not timed."""

from __future__ import annotations

import pytest

from proxycfg.targets.nginx.config import load_texts
from proxycfg.targets.nginx.directives import opens_line
from proxycfg.targets.nginx.read import read
from tests.bench import configs
from tests.work import calls

SIZES = {shape.__name__: (shape, 30 if shape is configs.flat else 200) for shape, _ in configs.SHAPES.values()}


def _files(text: str) -> dict[str, str]:
    return {"nginx.conf": text, **{f"snippets/{name}": snippet for name, snippet in configs.SNIPPETS.items()}}


def _work(files: dict[str, str]) -> int:
    def work() -> None:
        config = load_texts(files, is_directive=opens_line)
        assert not config.problems
        assert read(config, "1.30")

    work()
    return calls(work)


@pytest.mark.parametrize("name", sorted(SIZES))
def test_the_work_grows_no_faster_than_what_is_read(name: str) -> None:
    """Four times as much takes no more than four times the calls, and a little for what does not repeat."""
    shape, size = SIZES[name]
    one, four = (_work(_files(shape(count))) for count in (size, 4 * size))

    assert four < 4.2 * one


def test_blocks_in_blocks_are_read_in_one_pass() -> None:
    """As deep as is allowed, each level costs the same."""

    def nested(depth: int) -> dict[str, str]:
        inside = "proxy_pass http://10.0.0.1:80;"
        for number in range(depth, 0, -1):
            inside = f"location {'/a' * number}/ {{ {inside} }}\n"
        return {"nginx.conf": f"events {{}} http {{ server {{ listen 80; {inside} }} }}"}

    one, four = _work(nested(40)), _work(nested(160))

    assert four < 4.5 * one


def test_sites_that_are_alike_cost_less_than_those_that_are_not() -> None:
    """What the first of a kind was read as is not worked out again."""
    alike, different = _work(_files(configs.locations(400))), _work(_files(configs.settings(400)))

    assert alike * 3 < different
