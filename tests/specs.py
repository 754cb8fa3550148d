"""Short ways to a spec, for tests."""

from __future__ import annotations

import json
import re

from proxycfg import specfile
from proxycfg.errors import InvalidInput
from proxycfg.source import Source
from proxycfg.spec import Route, Spec

UPSTREAMS = "upstreams: {api: 'http://api:8000', agents: 'grpc://agents:50051'}\n"
REGEX_EDGES = (
    "/" + "[^/a-e]" * 145, "/([^/]{100}){10}", "/((a{10}){10}){10}", "/(a{7}b{20}){50}", "/(((a{2}){2}){2}){125}", "/(?i:[^é]{999}[k-s]{890})",
    "/(" + "[^/]" * 17 + "){100}", "/([^/]){900}", "/((([^/]))){450}", "/(a?){900}",
)  # fmt: skip
"""Regular expressions just within what is let through: both engines must take them."""
UNCLEAR = (
    "/ws/..;/x",
    "/ws/..;x=1/x",
    "/ws/.;/x",
    "/ws/%2e%2E%3B/x",
    "/ws/..%3b/x",
    "/ws/%252e%252e/x",
    "/ws%252Fx",
    "/ws%255cx",
)
"""Targets that nginx and Envoy take for plain paths, and some origins do not."""
CLEAR = ("/ws/a;b=1/x", "/ws/...;/x", "/ws/a..;/x", "/ws/%25", "/ws/%252", "/ws/x?to=/..;/%252e")
"""Targets that look a little like them."""
ROUTES = "routes: [{path: /events, protocol: sse, upstream: api}]\n"


def load(text: str) -> Spec:
    """The spec of a whole file."""
    return specfile.load(Source("conf/routes.yaml", text))


def load_data(data: object) -> Spec:
    """The spec of plain data, whatever characters are in it."""
    # JSON is YAML as well, but for characters that JSON escapes in two halves.
    halves = re.compile(r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}")
    return load(halves.sub(lambda found: str(json.loads(f'"{found[0]}"')), json.dumps(data)))


def with_top(text: str) -> Spec:
    """A spec with one route and these fields at the top."""
    return load(UPSTREAMS + ROUTES + text)


def with_upstream(text: str, protocol: str = "http") -> Spec:
    """A spec whose one upstream is this."""
    return load(f"upstreams: {{api: {text}}}\nroutes: [{{path: /events, protocol: {protocol}, upstream: api}}]\n")


def route(text: str, protocol: str = "sse", upstream: str = "api") -> Route:
    """The only route, with these fields; it has a path unless they bring one."""
    path = "" if any(text.startswith(word) for word in ("path:", "exact:", "regex:")) else "path: /events, "
    spec = load(f"{UPSTREAMS}routes: [{{{path}protocol: {protocol}, upstream: {upstream}, {text}}}]\n")
    return spec.routes[0]


def told(text: str) -> list[str]:
    """The first line of each problem of a file, without the file's name."""
    try:
        load(text)
    except InvalidInput as error:
        return [str(problem).splitlines()[0].removeprefix("conf/routes.yaml:") for problem in error.problems]
    return []
