"""An explanation for people: a tree of all routes, or one table a route with the line that decides each property."""

from __future__ import annotations

from proxycfg.behavior import Answer, properties, value_to_json
from proxycfg.explain import Explained, Explanation
from proxycfg.reading import Evidence, ReadRoute
from proxycfg.units import show_duration, show_size


def explanation_to_text(explanation: Explanation, *, tables: bool) -> str:
    """The whole report; ``tables`` asks for every property of every route, otherwise routes without a request are a tree."""
    lines = [f"assumed: {sentence}" for sentence in explanation.assumed]
    if lines:
        lines.append("")
    if not explanation.routes:
        lines.append("No route here hands requests to an origin.")
    elif tables:
        for explained in explanation.routes:
            lines += [*_table(explained, explanation), ""]
    else:
        lines += _tree(explanation)
    return "\n".join(lines).rstrip() + "\n"


def _tree(explanation: Explanation) -> list[str]:
    """Hosts, their routes, and in one line what matters most."""
    lines: list[str] = []
    host: object = ()
    for explained in explanation.routes:
        route = explained.route
        if route is None:
            continue
        if route.host != host:
            host = route.host
            lines.append(route.host or "(any host)")
        mark = {"prefix": "", "exact": "= ", "no-regex": "^~ ", "regex": "~ ", "regex-i": "~* "}.get(route.kind, "")
        kind = f" [{route.protocol}, {route.confidence}]" if route.protocol else ""
        lines.append(f"  {mark}{route.path}{kind}  {route.span}")
        lines.append(f"      {_in_short(route)}")
    lines += ["", "`--path P` or `--url URL` shows every property of one of them, and what decides it."]
    return lines


def _in_short(route: ReadRoute) -> str:
    behavior = route.reading.behavior
    stalls = behavior.stalls_on
    if stalls.high == frozenset():
        flow = "streams"
    elif stalls.exact:
        flow = f"holds small events back over {', '.join(sorted(stalls.low))}"
    else:
        flow = f"may hold small events back over {', '.join(sorted(stalls.high))}"
    idle = show_duration(behavior.upstream_idle_timeout.low)
    upgrade = ", WebSocket passes" if behavior.upgrade.low else ""
    return f"{flow}; cut after {idle} of silence{upgrade}; HTTP/{behavior.upstream_http_version.low} to the origin"


def _table(explained: Explained, explanation: Explanation) -> list[str]:
    lines: list[str] = []
    if explained.request is not None:
        lines.append(explained.request)
        lines += [f"  → {step.what}{f'  {step.span}' if step.span else ''}" for step in explained.steps]
    route = explained.route
    if route is None:
        return [*lines, f"  no origin gets this: {explained.answer}"]
    host = route.host or "any host"
    lines.append(f"{route.path} on {host} ({route.kind}, {route.span})")
    names = list(properties())
    values = [_value(route, name) for name in names]
    width = max(map(len, names))
    value_width = min(44, max(map(len, values)))
    for name, value in zip(names, values, strict=True):
        lines.append(
            f"  {name:<{width}}  {value:<{value_width}}  {_decided(route.reading.evidence[name])}{_verdict(explained, explanation, name)}"
        )
    for span in route.not_understood:
        lines.append(f"  not understood: {span}")
    for step in explained.near:
        lines.append(f"  not chosen: {step.what}  {step.span}")
    return lines


def _value(route: ReadRoute, name: str) -> str:
    value = getattr(route.reading.behavior, name)
    unit = properties()[name].unit

    def shown(one: object) -> str:
        if isinstance(one, bool):
            return "yes" if one else "no"
        if isinstance(one, frozenset):
            return ", ".join(sorted(one)) or "none"
        if isinstance(one, (int, float)):
            return (
                show_duration(one)
                if unit == "s"
                else show_size(one)
                if unit == "bytes"
                else "no limit"
                if one == float("inf")
                else f"{one:g}"
            )
        printed = value_to_json(name, type(value)(one, one))
        return "none" if printed is None else str(printed)

    if value.exact:
        return shown(value.low)
    if (value.low, value.high) == (False, True):
        return "either"
    return f"{shown(value.low)} to {shown(value.high)}"


def _decided(evidence: Evidence) -> str:
    place = f"  {evidence.span}" if evidence.span else ""
    inherited = " (inherited)" if evidence.kind == "inherited" else ""
    return f"{evidence.text}{inherited}{place}"


def _verdict(explained: Explained, explanation: Explanation, name: str) -> str:
    answer = explained.verdicts.get(name)
    if answer is None or explanation.need is None:
        return ""
    want = explanation.need.wants.get(name)
    word = "FALLS SHORT" if answer is Answer.NO else "may fall short"
    return f"   ← {word} for {explanation.protocol}{f': {want.why}' if want else ''}"
