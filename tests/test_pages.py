"""Generated pages are up to date, and what hand-written pages say of the tool is what it says itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from proxycfg import specfile
from proxycfg.commands import usage
from proxycfg.errors import InvalidInput
from proxycfg.source import Source
from tests.pages import DOCS, WHY_DEFAULTS, optional_fields, pages

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", sorted(pages()))
def test_a_generated_page_is_up_to_date(name: str) -> None:
    """`make docs` would change nothing."""
    assert (DOCS / name).read_text() == pages()[name]


def test_every_default_has_its_reason() -> None:
    """Of the field itself, of the mapping it stands in, or of the fields in it; of no field that is not there."""
    fields = set(optional_fields())
    # One of the three is needed; and `defaults` has the defaults of routes.
    excused = {"routes[].path", "routes[].exact", "routes[].regex", "defaults"}

    def has_a_reason(field: str) -> bool:
        above = field.rpartition(".")[0]
        return {field, above} & set(WHY_DEFAULTS) != set() or any(each.startswith(f"{field}.") for each in WHY_DEFAULTS)

    assert set() == set(WHY_DEFAULTS) - fields
    assert [] == sorted(field for field in fields - excused if not has_a_reason(field))


def test_the_readme_quotes_the_help_text() -> None:
    """The README shows `proxycfg --help` as it is."""
    assert usage().strip() in (ROOT / "README.md").read_text()


def test_the_readme_shows_what_is_said_of_a_wrong_spec() -> None:
    """Of its own smallest spec, with the mistake that it shows: word for word."""
    readme = (ROOT / "README.md").read_text()
    text = next(block for block in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL) if "upstreams:" in block)
    specfile.load(Source("routes.yaml", text))
    with pytest.raises(InvalidInput) as caught:
        specfile.load(Source("routes.yaml", text.replace("protocol: sse,", "protocol: ssee,")))

    assert f"```text\n{caught.value}\n```" in readme


@pytest.mark.parametrize(
    "page", sorted(path.relative_to(ROOT).as_posix() for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link and picture of a page exists."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if "://" not in link and not (ROOT / page).parent.joinpath(link).exists()]

    assert not missing
