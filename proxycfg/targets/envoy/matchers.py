"""Envoy's matchers of texts and headers, as routes, filters and logs have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from proxycfg.targets.envoy.tree import Message


def matches_text(matcher: Message, text: str) -> bool:
    """Whether a StringMatcher takes a text; what is not known here takes none."""
    folded = bool(matcher.flag("ignore_case"))
    for name, test in _TESTS.items():
        wanted = matcher.text(name)
        if wanted is not None:
            return test(*(each.lower() if folded else each for each in (text, wanted)))
    pattern = matcher.text("safe_regex", "regex")
    return pattern is not None and _is_whole(pattern, text)


def _is_whole(pattern: str, text: str) -> bool:
    """Whether a pattern takes all of a text; one that is not known here takes none."""
    from proxycfg import pcre  # noqa: PLC0415 - few configs hold any pattern

    try:
        return pcre.find(f"^(?:{pattern})\\z", text, ignore_case=False) is not None
    except pcre.Undecided:
        return False


_TESTS: Mapping[str, Callable[[str, str], bool]] = {
    "exact": lambda text, wanted: text == wanted,
    "prefix": lambda text, wanted: text.startswith(wanted),
    "suffix": lambda text, wanted: text.endswith(wanted),
    "contains": lambda text, wanted: wanted in text,
}


_OLD = {"exact_match": "exact", "prefix_match": "prefix", "suffix_match": "suffix", "contains_match": "contains"}


def header_matches(matcher: Message, value: str | None) -> bool:
    """Whether a HeaderMatcher takes a header's value; None for one that is not there."""
    inverted = bool(matcher.flag("invert_match"))
    present = matcher.flag("present_match")
    if value is None and matcher.flag("treat_missing_header_as_empty"):
        value = ""
    if present is not None:
        return ((value is not None) == present) != inverted
    if value is None:
        return not _asks(matcher) and inverted
    return _text_matches(matcher, value) != inverted


def _asks(matcher: Message) -> bool:
    """Whether a matcher asks for more than the header's being there."""
    return any(matcher.has(name) for name in ("string_match", "range_match", "safe_regex_match", *_OLD))


def _text_matches(matcher: Message, value: str) -> bool:
    inner = matcher.message("string_match")
    if inner is not None:
        return matches_text(inner, value)
    for old, name in _OLD.items():
        wanted = matcher.text(old)
        if wanted is not None:
            return {
                "exact": value == wanted,
                "prefix": value.startswith(wanted),
                "suffix": value.endswith(wanted),
                "contains": wanted in value,
            }[name]
    pattern = matcher.text("safe_regex_match", "regex")
    if pattern is not None:
        return _is_whole(pattern, value)
    if matcher.has("range_match"):
        low, high = matcher.number("range_match", "start") or 0, matcher.number("range_match", "end") or 0
        return value.lstrip("-").isdecimal() and low <= int(value) < high
    return True
