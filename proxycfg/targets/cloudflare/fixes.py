"""What to write instead: for each property that falls short the change that a person would make, in words and as an edit.

A rule that takes the requests of streams alone is changed itself; beside one that takes others as well a rule of the stream's own is put behind
the last, which wins. What the whole zone shares is changed only by unsafe fixes. What guards the zone is never changed: challenges, rates, the mode
of TLS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from proxycfg.finding import Fix
from proxycfg.targets.cloudflare.edits import Files
from proxycfg.targets.cloudflare.effect import possible
from proxycfg.targets.cloudflare.places import Request, matching
from proxycfg.targets.cloudflare.rules_language import Joined, Literal

if TYPE_CHECKING:
    from proxycfg.rule import Case
    from proxycfg.source import Edit, Span
    from proxycfg.targets.cloudflare.config import Config
    from proxycfg.targets.cloudflare.places import Place
    from proxycfg.targets.cloudflare.read import View
    from proxycfg.targets.cloudflare.value import Value
    from proxycfg.targets.cloudflare.zone import Rule

_WORDS = {
    "response_buffering": 'Write `value = "off"` for it.',
    "request_buffering": 'Write `request_body_buffering = "none"` in a configuration rule for its path.',
    "compression": 'Write a last compression rule for its path with `algorithms = [{ name = "none" }]`.',
    "caching": "Write a last cache rule for its path with `cache = false`.",
    "error_interception": "Write `origin_error_page_pass_thru`, which Enterprise has.",
    "request_body_limit": "Send less at once; only Enterprise can raise it, by `max_upload`.",
}


def words(_case: Case, name: str) -> str:
    """What to write for a property to be as a route needs it, as a sentence; empty for what no setting there changes."""
    return _WORDS.get(name, "")


class _Setting(NamedTuple):
    """What rules give a property: the phase and action of such a rule, the name of its parameter, what streams want of it, and how that reads."""

    phase: str
    action: str
    name: str
    value: Any
    words: str


_SETTINGS = {
    "caching": _Setting("http_request_cache_settings", "set_cache_settings", "cache", False, "`cache = false`"),
    "compression": _Setting(
        "http_response_compression",
        "compress_response",
        "algorithms",
        [{"name": "none"}],
        '`algorithms = [{ name = "none" }]`',
    ),
    "request_buffering": _Setting(
        "http_config_settings", "set_config", "request_body_buffering", "none", '`request_body_buffering = "none"`'
    ),
}


class Fixer:
    """Fixes for the streams of one config."""

    def __init__(self, config: Config) -> None:
        """The streams are told of once they are all known."""
        self._config = config
        self.files = Files({name: each for name, each in config.files.items() if name not in config.printed})
        self._streams: dict[int, dict[Place, Case]] = {}

    def tell(self, cases: Iterable[Case]) -> None:
        """The streams, by their places."""
        for case in cases:
            self._streams.setdefault(id(case.subject.zone), {})[case.subject.place] = case

    def fix(self, case: Case, wishes: tuple[str, ...]) -> Fix | None:
        """A change after which the properties of ``wishes`` are as the stream's need has them; None if there is none for one of them."""
        found = [self._of_zone(case, wish) or self._of_rules(case, wish) for wish in wishes]
        fixes = [each for each in found if each is not None]
        if not fixes or len(fixes) < len(wishes):
            return None
        edits = tuple(dict.fromkeys(edit for each in fixes for edit in each.edits))
        return Fix(", ".join(each.title for each in fixes), all(each.safe for each in fixes), edits)

    def write(self, value: Value, new: str | bool, *, safe: bool) -> Fix | None:  # noqa: FBT001 - a value
        """Another scalar in place of a literal."""
        return _of(
            self.files.rewritten(value, new), f"write `{new if isinstance(new, str) else str(new).lower()}`", safe=safe
        )

    def rename(self, span: Span, old: str, new: str) -> Fix | None:
        """Another name of an entry that nothing takes by the one that it has."""
        return _of(self.files.renamed(span, old, new), f"write `{new}`", safe=True)

    def line_above(self, span: Span, line: str, *, safe: bool) -> Fix | None:
        """A line put above the one on which a place begins."""
        return _of(self.files.above(span, line), f"write `{line}`", safe=safe)

    # ---- the zone ----

    def _of_zone(self, case: Case, name: str) -> Fix | None:
        """Enterprise's setting that waits for all of an answer, by a Page Rule or for the zone."""
        if name != "response_buffering":
            return None
        view = case.subject.view
        choices = [*view.page(name), *filter(None, [view.setting(name)])]
        value = next((each.value for each in choices if each.value is not None), None)
        return self.write(value, "off", safe=False) if value is not None else None

    # ---- rules ----

    def _of_rules(self, case: Case, name: str) -> Fix | None:
        wanted = _SETTINGS.get(name)
        if wanted is None:
            return None
        view = case.subject.view
        deciding = list(possible(view.rules(wanted.phase), wanted.action, wanted.name))
        only = deciding[0] if len(deciding) == 1 else None
        if only is not None:
            changed = self._changed(case, name, wanted, only.rule, only.value)
            if changed is not None:
                return changed
        if all(each is None for each in deciding) and name == "caching":
            by_page = self._page_rule(case, view)
            if by_page is not None:
                return by_page
        return self._added(case, name, wanted)

    def _changed(self, case: Case, name: str, wanted: _Setting, rule: Rule, value: Value) -> Fix | None:
        """The rule itself changed, if it takes the requests of such streams alone, and sets nothing besides."""
        parameters = rule.parameters
        # What is said of how long to keep something has no place in a rule that keeps nothing.
        if parameters is None or not self._once(rule) or (name == "caching" and len(parameters.entries) > 1):
            return None
        if not self._of_streams_alone(case, name, lambda request: request.holds(rule.expression)):
            return None
        new = wanted.value
        edit = self.files.replaced(value, new) if isinstance(new, list) else self.files.rewritten(value, new)
        return _of(edit, f"write {wanted.words} in the rule", safe=True)

    def _page_rule(self, case: Case, view: View) -> Fix | None:
        sure, maybe = matching(view.zone.page_rules, view.request)
        value = sure.actions.get("cache_level") if sure is not None and not maybe else None
        same = [each for zone in self._config.zones for each in zone.page_rules if sure and each.span == sure.span]
        if sure is None or value is None or len(same) > 1:
            return None
        edit = self.files.rewritten(value, "bypass")

        def takes(request: Request) -> bool | None:
            first, others = matching([sure], request)
            return True if first is not None else None if others else False

        safe = self._of_streams_alone(case, "caching", takes)
        return _of(edit, 'write `cache_level = "bypass"` in the Page Rule', safe=safe)

    def _added(self, case: Case, name: str, wanted: _Setting) -> Fix | None:
        """A rule of the stream's own behind the last."""
        from proxycfg.targets.cloudflare import quote  # noqa: PLC0415 - it brings Jinja along, and a rule is seldom added

        zone, place = case.subject.zone, case.subject.place
        rules = zone.rules.get(wanted.phase, [])
        if not rules or not self._once(rules[-1]):
            return None
        if zone.plan is not None and len(rules) >= zone.plan.most(wanted.phase):
            return None
        names = [each.says for each in (place.host, place.path) if each is not None]
        taken = Joined("and", tuple(names)) if len(names) > 1 else names[0] if names else Literal(True)
        fields = {
            "expression": quote.expression(taken), "action": wanted.action, "action_parameters": {wanted.name: wanted.value},
        }  # fmt: skip
        edit = self.files.behind(rules[-1], fields)
        safe = self._of_streams_alone(case, name, lambda request: request.holds(taken))
        return _of(edit, f"add a last rule of {wanted.phase} for {case.route.path} with {wanted.words}", safe=safe)

    def _once(self, rule: Rule) -> bool:
        """Whether its text makes no other rule: of a module that is called twice, or a list that two rulesets have, it does."""
        rules = [each for zone in self._config.zones for each in zone.rules.get(rule.phase, ())]
        return sum(each.body.span == rule.body.span for each in rules) == 1

    def _of_streams_alone(self, case: Case, name: str, takes: Callable[[Request], bool | None]) -> bool:
        """Whether all places whose requests are or may be taken are streams that fall short in the property."""
        reader, host = case.subject.view.reader, case.subject.place.host
        streams = self._streams.get(id(case.subject.zone), {})
        short = {place for place, each in streams.items() if name in each.shortfalls}
        for place in dict.fromkeys([*reader.places, *streams]):
            # A path that is named for any host is one of the stream's host, too.
            here = place._replace(host=host) if place.host is None and place.path is not None else place
            if short.isdisjoint({place, here}) and any(
                takes(reader.request(each, None)) is not False for each in {place, here}
            ):
                return False
        return True


def _of(edit: Edit | None, title: str, *, safe: bool) -> Fix | None:
    return Fix(title, safe, (edit,)) if edit is not None else None
