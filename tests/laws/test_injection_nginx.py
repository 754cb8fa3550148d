"""The law: no value of a spec adds a directive to an nginx config, takes one away, or arrives as another value.

Either the spec is refused, or the config has the very shape that it has with a harmless value in the same place (crossplane
is the judge, and nginx itself for a sample), and the value stands where it belongs, unchanged.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from proxycfg.errors import InvalidInput
from proxycfg.generate import generate
from proxycfg.headers import HSTS
from proxycfg.source import Source
from proxycfg.spec import Spec
from proxycfg.specfile import load
from tests.targets import nginx_engine
from tests.targets.nginx_tree import Config, Node

BASE: dict[str, Any] = {
    "hosts": ["a.example"],
    "listen": {"port": 8443, "tls": {"certificate": "/etc/tls/a.crt", "key": "/etc/tls/a.key"}},
    "trusted_proxies": ["10.0.0.0/8"],
    "targets": {"nginx": {"version": "1.30"}},
    "upstreams": {
        "plain": {"servers": ["http://127.0.0.1:1"], "affinity": {"by": "cookie", "name": "sid"}},
        "other": {"servers": ["http://127.0.0.1:2"], "affinity": {"by": "header", "name": "X-Session"}},
        "third": {"servers": ["http://127.0.0.1:3"], "affinity": {"by": "hash", "name": "room"}},
        "socket": {"servers": ["unix:/run/a.sock"]},
        "tls": {"servers": ["https://127.0.0.1:3"], "tls": {"ca": "/etc/tls/ca.crt", "sni": "o.example"}},
    },
    "routes": [
        {"path": "/prefix", "upstream": "plain", "strip_prefix": True, "protocol": "http"},
        {"exact": "/exact", "upstream": "other", "methods": ["GET"]},
        {"regex": "/regex", "upstream": "third"},
        {"path": "/headers", "upstream": "socket", "headers": {"request": {"X-In": "v"}, "response": {"X-Out": "v"}}},
        {"path": "/cors", "upstream": "tls", "cors": {"origins": ["https://o.example"]}},
        {"path": "/socket", "upstream": "plain", "protocol": "websocket", "cors": {"origins": ["https://s.example"]}},
        {"path": "/poll", "upstream": "plain", "protocol": "poll", "auth": {"by": "query", "name": "key"}},
    ],
}
"""A value in every field that takes text."""

PREFIX, EXACT, REGEX, HEADERS, CORS, SOCKET, POLL = range(7)


# ---- fields ----


Twin = Callable[[str], str]


def _unlike_dollars(value: str) -> str:
    """As long, and with the dollar signs in place: these need a variable of their own."""
    return re.sub(r"[^$]", "x", value)


@dataclass(frozen=True)
class Field:
    """A field that takes text.

    ``place`` is where a value goes; ``value`` makes something like a value of any text, ``twin`` a harmless value like that one;
    ``arrives`` says what of the config stands for it, and ``wanted`` what that must be, by the settled spec.
    """

    place: tuple[str | int, ...]
    value: Callable[[str], str] = str
    twin: Twin = _unlike_dollars
    arrives: Callable[[Config], object] | None = None
    wanted: Callable[[Any], object] | None = None
    as_key: bool = False


def _as_blank(value: str) -> str:
    """As blank as the value: a header with nothing in it goes."""
    return _unlike_dollars(value) if value.strip(" \t") else ""


def _always(value: str) -> Twin:
    return lambda _: value


def _same_length(prefix: str) -> Twin:
    """A host of the value's length behind a prefix: long names make larger hash tables."""
    return lambda value: prefix + ".".join("x" * len(part) for part in re.findall("(?s).{1,60}", value[len(prefix) :]))


def _plain_host(value: str) -> str:
    """Wildcards and addresses are what they are; they hold nothing else."""
    plain = re.fullmatch(r"[*:0-9a-fA-F.\[\]]+|\*\.[A-Za-z0-9._-]+", value)
    return value if plain else _same_length("")(value)


def _plain_path(value: str) -> str:
    """As long as the path is when it is decoded, since longer prefixes come first."""
    path = unquote(value)
    bare = path.rstrip("/")
    return path if not bare else f"/{'x' * (len(bare) - 1)}{path[len(bare) :]}"


def _locations(config: Config) -> list[Node]:
    """Those of the spec's host that are passed on."""
    return [node for node in config.servers[0].all("location") if node.all("proxy_pass")]


def _location(config: Config, number: int) -> Node:
    """The location of a route, told by its upstream and place in the order: exact, regex, prefixes."""
    found = _locations(config)
    if number in (EXACT, REGEX):
        return found[number - EXACT]
    marks: dict[int, Callable[[Node], Any]] = {
        PREFIX: lambda node: any("$proxycfg_rest_" in line.args[0] for line in node.all("proxy_pass")),
        HEADERS: lambda node: node.all("proxy_pass")[0].args == (f"http://{_upstream(3)(config).args[0]}",),
        CORS: lambda node: node.all("proxy_ssl_name"),
        SOCKET: lambda node: any(line.args[0] == "Upgrade" for line in node.all("proxy_set_header")),
        POLL: lambda node: node.all("proxy_cache_key"),
    }
    return next(node for node in found[2:] if marks[number](node))


def _matches(number: int) -> Callable[[Config], object]:
    """What a prefix's pattern matches, tried with the path itself and what is near it."""

    def tried(config: Config) -> object:
        return re.compile(_location(config, number).args[1].replace(r"\z", r"\Z")).search

    return tried


def _header(kind: str, name: str) -> Callable[[Config], object]:
    def found(config: Config) -> object:
        for line in _location(config, HEADERS).all(kind):
            if line.args[0] == name:
                return line.args[1]
        return None

    return found


def _names(kind: str, ours: set[str]) -> Callable[[Config], object]:
    return lambda config: {line.args[0] for line in _location(config, HEADERS).all(kind)} - ours


def _keys(variable: str) -> Callable[[Config], object]:
    """The keys of a map, apart from the default."""

    def found(config: Config) -> object:
        made = next(
            node for node in config.http.block or () if node.name == "map" and node.args[1].startswith(variable)
        )
        return {line.name for line in made.block or ()} - {"default", ""}

    return found


def _source(variable: str) -> Callable[[Config], object]:
    return lambda config: next(
        node.args[0] for node in config.http.block or () if node.name == "map" and node.args[1].startswith(variable)
    )


def _first(name: str, node: Callable[[Config], Node]) -> Callable[[Config], object]:
    return lambda config: node(config).all(name)[0].args


def _server(config: Config) -> Node:
    return config.servers[0]


def _upstream(number: int) -> Callable[[Config], Node]:
    return lambda config: config.http.all("upstream")[number]


def _near(path: str) -> tuple[list[str], list[str]]:
    """Paths that a prefix takes, and such that it does not."""
    bare = path.rstrip("/")
    return [bare, f"{bare}/", f"{bare}/x"], [f"{bare}x", f"x{bare}", f"{bare}\n", bare[:-1] + "\x01"]


_OURS = {
    "Host", "X-Real-IP", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "X-Forwarded-Port", "Forwarded",
    "X-Request-ID", "Connection",
}  # fmt: skip


def _hosts(spec: Spec) -> object:
    return tuple("_" if host == "*" else f"[{host}]" if ":" in host else host for host in spec.hosts)


def _dollars(value: str | None) -> str:
    """A value in which nginx expands variables: each dollar sign comes out of one, and none starts one; empty for a header to remove."""
    return (value or "").replace("$", "${proxycfg_dollar}")


def _file(path: str) -> str:
    return f"./{path}" if re.match(r"[A-Za-z0-9_+.-]+:", path) else path


def _unnamed(regex: str) -> str:
    """Without names of groups, by a way of its own: brackets and escapes are walked over."""
    made, at, bracket = "", 0, -1
    while at < len(regex):
        if regex[at] == "\\":
            made, at = made + regex[at : at + 2], at + 2
            continue
        if bracket < 0 and (named := re.match(r"\(\?P<\w+>", regex[at:])):
            made, at = made + "(", at + named.end()
            continue
        if regex[at] == "[" and bracket < 0:
            bracket = at + 1 + regex.startswith("^", at + 1)
        elif regex[at] == "]" and bracket >= 0 and at > bracket:
            bracket = -1
        made, at = made + regex[at], at + 1
    return made


def _affinity(upstream: str, prefix: str) -> Callable[[Any], object]:
    def name(spec: Any) -> object:
        own = spec.upstreams[upstream].affinity.name
        return prefix + (own.lower().replace("-", "_") if prefix == "$http_" else own)

    return name


def _tls(config: Config) -> Node:
    return _location(config, CORS)


FIELDS: dict[str, Field] = {
    "host": Field(("hosts", 0), str, _plain_host, _first("server_name", _server), _hosts),
    "certificate": Field(
        ("listen", "tls", "certificate"),
        arrives=_first("ssl_certificate", _server),
        wanted=lambda spec: (_file(spec.listen.tls.certificate),),
    ),
    "key": Field(
        ("listen", "tls", "key"),
        arrives=_first("ssl_certificate_key", _server),
        wanted=lambda spec: (_file(spec.listen.tls.key),),
    ),
    "network": Field(
        ("trusted_proxies", 0),
        str,
        _always("10.0.0.0/8"),
        _first("set_real_ip_from", _server),
        lambda spec: spec.trusted_proxies,
    ),
    "upstream": Field(
        ("upstreams", "socket"),
        arrives=lambda config: _upstream(3)(config).args,
        wanted=lambda spec: (spec.routes[HEADERS].upstream.name,),
        as_key=True,
    ),
    "server": Field(
        ("upstreams", "plain", "servers", 0),
        "http://{}".format,
        _always("http://127.0.0.1:9"),
        _first("server", _upstream(0)),
        lambda spec: (spec.upstreams["plain"].servers[0].address,),
    ),
    "unix": Field(
        ("upstreams", "socket", "servers", 0),
        "unix:/{}".format,
        _always("unix:/x"),
        _first("server", _upstream(3)),
        lambda spec: (spec.upstreams["socket"].servers[0].address,),
    ),
    "cookie": Field(
        ("upstreams", "plain", "affinity", "name"),
        arrives=_source("$proxycfg_affinity_plain"),
        wanted=_affinity("plain", "$cookie_"),
    ),
    "header": Field(
        ("upstreams", "other", "affinity", "name"),
        arrives=_source("$proxycfg_affinity_other"),
        wanted=_affinity("other", "$http_"),
    ),
    "argument": Field(
        ("upstreams", "third", "affinity", "name"),
        arrives=_source("$proxycfg_affinity_third"),
        wanted=_affinity("third", "$arg_"),
    ),
    "ca": Field(
        ("upstreams", "tls", "tls", "ca"),
        arrives=_first("proxy_ssl_trusted_certificate", _tls),
        wanted=lambda spec: (_file(spec.upstreams["tls"].tls.ca),),
    ),
    "sni": Field(
        ("upstreams", "tls", "tls", "sni"),
        str,
        _always("o.example"),
        _first("proxy_ssl_name", _tls),
        lambda spec: (spec.upstreams["tls"].tls.sni,),
    ),
    "path": Field(("routes", PREFIX, "path"), "/{}".format, _plain_path),
    "strip": Field(("routes", PREFIX, "strip_prefix"), "/{}".format, lambda value: "/" if value == "/" else "/prefix"),
    "exact": Field(
        ("routes", EXACT, "exact"),
        "/{}".format,
        _plain_path,
        lambda config: _location(config, EXACT).args,
        lambda spec: ("=", spec.routes[EXACT].path),
    ),
    "method": Field(("routes", EXACT, "methods", 0), twin=str),
    "regex": Field(
        ("routes", REGEX, "regex"),
        "/{}".format,
        _always("/x"),
        lambda config: _location(config, REGEX).args[1],
        lambda spec: rf"^(?:{_unnamed(spec.routes[REGEX].path)})\z",
    ),
    "request value": Field(
        ("routes", HEADERS, "headers", "request", "X-In"),
        twin=_as_blank,
        arrives=_header("proxy_set_header", "X-In"),
        wanted=lambda spec: _dollars(spec.routes[HEADERS].rewrites.request["X-In"]),
    ),
    "response value": Field(
        ("routes", HEADERS, "headers", "response", "X-Out"),
        twin=_as_blank,
        arrives=_header("add_header", "X-Out"),
        wanted=lambda spec: _dollars(spec.routes[HEADERS].rewrites.response["X-Out"]) or None,
    ),
    "request name": Field(
        ("routes", HEADERS, "headers", "request", "X-In"),
        arrives=_names("proxy_set_header", _OURS),
        wanted=lambda spec: set(spec.routes[HEADERS].rewrites.request),
        as_key=True,
    ),
    "response name": Field(
        ("routes", HEADERS, "headers", "response", "X-Out"),
        arrives=_names("add_header", set()),
        # The listener speaks TLS, which every answer says, unless the route does.
        wanted=lambda spec: set(
            ({HSTS.lower(): HSTS} | {name.lower(): name for name in spec.routes[HEADERS].rewrites.response}).values()
        ),
        as_key=True,
    ),
    "web origin": Field(
        ("routes", CORS, "cors", "origins", 0),
        "https://{}".format,
        _same_length("https://"),
        _keys("$proxycfg_origin_"),
        lambda spec: set(spec.routes[CORS].cors),
    ),
    "socket origin": Field(
        ("routes", SOCKET, "cors", "origins", 0),
        "https://{}".format,
        _same_length("https://"),
        _keys("$proxycfg_foreign_"),
        lambda spec: set(spec.routes[SOCKET].cors),
    ),
    "credential": Field(
        ("routes", POLL, "auth", "name"),
        arrives=_keys("$proxycfg_private_"),
        wanted=lambda spec: {rf"~*^:(?!(?:.*&)?{spec.routes[POLL].auth.name}=.)"},
    ),
    "version": Field(("targets", "nginx", "version"), twin=_always("1.30")),
    "protocol": Field(("routes", PREFIX, "protocol"), twin=_always("http")),
    "route's upstream": Field(("routes", PREFIX, "upstream"), twin=_always("plain")),
}


# ---- the law ----


def _with(field: Field, value: str, spec: dict[str, Any]) -> None:
    """Put a value into its place; as a key it takes the name's place, and everything that refers to it follows."""
    *way, last = field.place
    inner: Any = spec
    for step in way:
        inner = inner[step]
    if field.as_key:
        renamed = {value if key == last else key: kept for key, kept in inner.items()}
        inner.clear()
        inner.update(renamed)
        for route in spec["routes"]:
            if way == ["upstreams"] and route["upstream"] == last:
                route["upstream"] = value
    else:
        inner[last] = value


def _made(values: dict[str, str], name: str = "routes.yaml") -> tuple[Spec, Config] | None:
    """The spec with these values and its config; None where the spec is refused."""
    data = copy.deepcopy(BASE)
    for field, value in values.items():
        _with(FIELDS[field], value, data)
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    try:
        spec = load(Source(name, text))
        files = generate(spec, ["nginx"]).files
    except InvalidInput:
        return None
    return spec, Config(files["nginx/nginx.conf"], (1, 30, 0))


def _check(values: dict[str, str], name: str = "routes.yaml") -> bool:
    """Hold the law for these values; whether they were taken at all."""
    made = _made(values, name)
    if made is None:
        return False
    spec, config = made
    twin = _made({field: FIELDS[field].twin(value) for field, value in values.items()})
    assert twin is not None, "the twin is to be harmless"
    assert config.root.shape == twin[1].root.shape
    for field in values:
        arrives, wanted = FIELDS[field].arrives, FIELDS[field].wanted
        if arrives and wanted:
            assert arrives(config) == wanted(spec), field
    if "path" in values and spec.routes[PREFIX].path.strip("/"):
        taken, left = _near(spec.routes[PREFIX].path)
        search: Any = _matches(PREFIX)(config)
        assert all(map(search, taken))
        assert not any(map(search, left))
    return True


PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
"""Without the search for explanations, which takes minutes."""
PIECES = st.sampled_from(
    [
        *";{}#'\"\\$`|*~^=:/% []()",
        *(
            "\\\\",
            "\\n",
            '\\"',
            "$host",
            "${",
            "${host}",
            "$$",
            "%0A",
            "%22",
            "%7B",
            "é",
            "漢",
            "🚀",
            "x",
            "Ab-1_.",
            "x" * 300,
        ),
        *(
            " ; } server { listen 1; } #",
            '" ; include /etc/passwd; "',
            "1; } evil { y",
            "fe80::1%;",
            "data:",
            "engine:",
        ),
        *("default", "include x", "hostnames", "volatile", "~*", "(?P<args>.)"),
    ]
)
CONTROL = st.sampled_from([*"\n\r\t\x00\x0b\x7f\x85\u2028\ufeff", "\n}", "\n#"])
WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20)
TEXTS = st.one_of(st.lists(PIECES, min_size=1, max_size=5).map("".join), WORDS, st.text(max_size=12))
CONTROLLED = st.tuples(TEXTS, CONTROL, TEXTS).map("".join)
FREE = ("path", "exact", "regex", "request value", "response value", "certificate", "key", "ca")
"""Fields that take nearly any text; of the others most values are refused."""
CLASHES = (
    {"path", "strip"},
    {"request name", "request value"},
    {"response name", "response value"},
    {"upstream", "unix"},
    {"upstream", "route's upstream"},
)
"""Two values that would meet in one place, or of which one relies on what the other changes."""


@st.composite
def hostile(draw: st.DrawFn) -> dict[str, str]:
    """A few fields, each with a value made of hostile text; control characters, which all fields refuse, are rare."""
    free = draw(st.lists(st.sampled_from(FREE), min_size=1, max_size=3, unique=True))
    fields = draw(st.sampled_from([free, free, free, [draw(st.sampled_from(sorted(FIELDS)))]]))
    chosen = [field for at, field in enumerate(fields) if not any({field, *fields[:at]} >= clash for clash in CLASHES)]
    texts = draw(st.sampled_from([TEXTS, TEXTS, TEXTS, TEXTS, CONTROLLED]))
    return {field: FIELDS[field].value(draw(texts)) for field in chosen}


@given(hostile())
@example({"exact": "/a\\", "path": '/b"\\', "regex": "/(?P<args>.)[(?P<x>]"})
@example({"request value": "", "response value": " "})
@example({"request value": "$host ${host} $", "response value": '\\" ; } #\\', "ca": "/a b;{}\\"})
@example({"certificate": "engine:dynamic:x", "key": "data:$"})
@example({"network": "fe80::%x 1; } evil { y/128"})
@example({"web origin": "https://a.example#;}"})
@settings(max_examples=200, deadline=None, database=None, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
def test_no_value_of_a_spec_becomes_config(values: dict[str, str]) -> None:
    """Whatever stands in a field, the tree of directives is the harmless one, and the value is where it belongs."""
    _check(values)


@given(st.one_of(TEXTS, TEXTS.map(lambda text: f"{text}.yaml")))
@settings(max_examples=25, deadline=None, database=None, phases=PHASES)
def test_the_name_of_the_spec_stays_in_its_comment(name: str) -> None:
    """It stands in the first lines of the file; not even a line feed in it ends them."""
    _check({}, name)


@pytest.mark.parametrize("field", sorted(FIELDS))
def test_the_base_has_every_field_and_the_law_sees_it(field: str) -> None:
    """So that no line of the table is dead: the base's own value of each is taken, and found where it arrives."""
    place = FIELDS[field]
    own: Any = BASE
    for step in place.place:
        own = step if place.as_key and step == place.place[-1] else own[step]

    assert _check({field: own})


def _hostile_values() -> Iterator[dict[str, str]]:
    """A fixed sample for the real nginx: values that the spec takes."""
    texts = (
        *(
            '" ; } server { listen 1; } #',
            "a\\",
            '\\"',
            "$host ${host} $",
            "é漢🚀 {1,2}",
            "`|~^*",
            "x" * 900,
            "\\n\\t\\\\",
        ),
        *("default", "(?P<args>.)"),
    )
    for field, place in FIELDS.items():
        # Files and hosts of that name do not exist.
        if field in ("certificate", "key", "ca", "server"):
            continue
        for text in texts:
            yield {field: place.value(text)}


@pytest.mark.engine
def test_nginx_itself_reads_hostile_values(tmp_path: Path) -> None:
    """A sample of all fields, through `nginx -t` of the newest version: not a word of complaint."""
    configs, taken = {}, {}
    for number, values in enumerate(_hostile_values()):
        if made := _made(values):
            # Certificates are not the point here.
            text = re.sub(r"^ *(listen \d+) ssl(.*)$", r"\1\2", made[1].text, flags=re.MULTILINE)
            text = re.sub(r"^ *(ssl_certificate|ssl_certificate_key) .*$", "", text, flags=re.MULTILINE)
            configs[f"c{number}"] = re.sub(r"^ *proxy_ssl_(verify|trusted).*$", "", text, flags=re.MULTILINE)
            taken[f"c{number}"] = values
    said = nginx_engine.check(nginx_engine.VERSIONS[-1], configs, tmp_path / "configs")

    assert len(said) == len(configs) >= 50
    assert {str(taken[name]): text for name, text in said.items() if text} == {}
