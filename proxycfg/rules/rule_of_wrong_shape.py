"""Cloudflare refuses the rule, or does not heed it.

**What it sees.** A list of compression algorithms in which `none`, `auto` or `default` is not the last, or which is empty; a header transform of
a name that begins with `cf-` or `x-cf-`; directives of `set_cache_control` with hyphens in Terraform, or with underscores in JSON of the API.

**Why it hurts.** The whole ruleset is refused, or the directive is left out.

**Instead.** `none` and its kind last; a name of your own; `no_store` in Terraform and `no-store` in JSON.

**When it is fine.** Never.

**Measured.** Not measured: what Cloudflare's edge does is asserted from its documentation. Its configs are read in `tests/test_rules.py`.

**Sources.** <https://developers.cloudflare.com/rules/compression-rules/settings/>,
<https://developers.cloudflare.com/rules/transform/response-header-modification/>,
<https://developers.cloudflare.com/cache/how-to/cache-response-rules/settings/>
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from proxycfg.finding import Category, Severity
from proxycfg.rule import Complaint, idiom
from proxycfg.targets.cloudflare.facts import OWN_PREFIXES

_LAST = frozenset(("none", "auto", "default"))

if TYPE_CHECKING:
    from proxycfg.source import Span
    from proxycfg.targets.cloudflare.scene import CloudflareTree
    from proxycfg.targets.cloudflare.value import Entry
    from proxycfg.targets.cloudflare.zone import Rule


@idiom(
    "cloudflare_ruleset",
    "http_response_compression",
    "http_response_cache_settings",
    category=Category.SYNTAX,
    severity=Severity.ERROR,
    targets=("cloudflare",),
)
def rule_of_wrong_shape(tree: CloudflareTree) -> Iterator[Complaint]:
    """Each rule by the shape that its action wants."""
    for zone in tree.zones:
        for rules in zone.rules.values():
            for rule in rules:
                for message, instead, span in _wrong(rule):
                    yield Complaint(message=message, why=instead, span=span)
                for name, other, entry in _misspelled(rule):
                    yield Complaint(
                        message=f"`{name}` is no directive here",
                        why=f"Write `{other}`: Terraform has underscores, the API hyphens.",
                        span=entry.span,
                        fix=tree.fixer.rename(entry.span, name, other),
                    )


def _wrong(rule: Rule) -> Iterator[tuple[str, str, Span]]:
    parameters = rule.parameters
    if parameters is None:
        return
    algorithms = parameters.get("algorithms")
    if rule.action == "compress_response" and algorithms is not None and algorithms.kind == "list":
        names = [each.text("name") for each in algorithms.items]
        if not names:
            yield (
                "a compression rule without algorithms is refused",
                'Write `{ name = "none" }`, or drop the rule.',
                algorithms.span,
            )
        for name in names[:-1]:
            if name in _LAST:
                yield (
                    f"`{name}` is not the last of the algorithms",
                    "The rule is refused: move it to the end.",
                    algorithms.span,
                )
    headers = parameters.get("headers")
    for name, entry in headers.entries.items() if headers is not None and rule.action == "rewrite" else ():
        if name.lower().startswith(OWN_PREFIXES):
            yield (
                f"no rule may change {name}",
                "Names that begin with cf- or x-cf- are Cloudflare's own: take another.",
                entry.span,
            )


def _misspelled(rule: Rule) -> Iterator[tuple[str, str, Entry]]:
    """Directives of caches in the other language's words: what they are, what they should be, and where."""
    if rule.action != "set_cache_control" or rule.parameters is None:
        return
    json = rule.body.span.file.endswith(".json") and not rule.body.span.file.endswith(".tf.json")
    for name, entry in rule.parameters.entries.items():
        other = name.replace("_", "-") if json else name.replace("-", "_")
        if other != name:
            yield name, other, entry
