"""The shapes that an Envoy's config comes in, and what is no config at all: read, or refused with a place; never a traceback."""

from __future__ import annotations

import copy
import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxycfg.errors import InvalidInput, Problem
from proxycfg.reading import ReadRoute
from proxycfg.request import Asked
from proxycfg.roots import Found, Search
from proxycfg.source import Source
from proxycfg.specfile import load as load_spec
from proxycfg.targets.envoy import TARGET, versions
from proxycfg.targets.envoy.bootstrap import Config, load
from proxycfg.targets.envoy.explain import explain_config
from proxycfg.targets.envoy.place import Reader
from proxycfg.targets.envoy.read import read
from proxycfg.targets.envoy.routes import read_world
from proxycfg.targets.envoy.scene import scene_of
from tests.clients.tls import make_authority
from tests.engines.ports import free_ports
from tests.targets import envoy_lab as lab
from tests.targets.envoy_configs import (
    FILTER_CONFIG,
    TLS,
    TWO,
    WEBSOCKET,
    Data,
    bootstrap,
    cluster,
    config_of,
    http_filter,
    options,
    per_route,
)
from tests.work import calls

DUMP = "type.googleapis.com/envoy.admin.v3"


def routes(config: Config) -> list[ReadRoute]:
    """What the routes of a config do."""
    return [told for _, told in read(Reader(read_world(config), "1.40"))]


def behaviors(config: Config) -> list[tuple[str | None, str, object]]:
    """What each route does, by host and path."""
    return [(route.host, route.path, route.reading.behavior) for route in routes(config)]


def parts(data: Data) -> tuple[Data, Data, Data, Data]:
    """The listener of a bootstrap with its table taken out, the manager in it, the table and the cluster."""
    (listener,) = copy.deepcopy(data)["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    table = {"name": "routes", **manager.pop("route_config")}
    return listener, manager, table, data["static_resources"]["clusters"][0]


# ---- what Envoy itself prints ----


@pytest.mark.parametrize(
    "path", sorted(Path("fixtures/specs").glob("*/routes.yaml")), ids=lambda path: path.parent.name
)
def test_a_dump_says_the_same_as_the_bootstrap(path: Path, tmp_path: Path) -> None:
    """Of every fixture that Envoy runs here: the routes, what they do, and the version."""
    text = TARGET.write(load_spec(Source("routes.yaml", path.read_text()))).files["envoy.yaml"]
    authority = make_authority(tmp_path)
    for field, file in (
        ("certificate_chain", authority.cert),
        ("private_key", authority.key),
        ("trusted_ca", authority.cert),
    ):
        text = re.sub(rf'{field}: {{filename: "[^"]*"}}', f'{field}: {{filename: "{file}"}}', text)
    port, admin = free_ports(2)
    text = re.sub(
        r'(protocol: (?:TCP|UDP), address: )"[^"]*", port_value: \d+(?:, ipv4_compat: true)?',
        rf'\1"127.0.0.1", port_value: {port}',
        text,
    )

    with lab.running(text, port, admin):
        connection = http.client.HTTPConnection("127.0.0.1", admin, 5)
        connection.request("GET", "/config_dump")
        dump = connection.getresponse().read().decode()
        connection.close()

    # A dump knows no aliases.
    read_back, meant = config_of(dump), config_of(json.dumps(yaml.safe_load(text)))
    assert behaviors(read_back) == behaviors(meant)
    assert not read_back.problems
    assert versions.find(read_back).number.startswith("1.40")


# ---- dumps, resources ----


def section(name: str, **fields: Any) -> Data:
    """A section of a dump."""
    return {"@type": f"{DUMP}.{name}ConfigDump", **fields}


def dumped(**state: Any) -> Data:
    """A dump whose listener and routes came from a server."""
    listener, manager, table, upstream = parts(bootstrap(route={"idle_timeout": "7s"}))
    manager["rds"] = {"route_config_name": "routes", "config_source": {"ads": {}}}
    return {
        "configs": [
            section(
                "Listeners", dynamic_listeners=[{"name": "in", **(state or {"active_state": {"listener": listener}})}]
            ),
            section("Routes", dynamic_route_configs=[{"route_config": table}]),
            section("Clusters", dynamic_active_clusters=[{"cluster": upstream}]),
        ]
    }


def test_dynamic_resources_of_a_dump_are_put_together() -> None:
    """The listener's routes by their name."""
    (route,) = routes(config_of(dumped()))

    assert route.reading.behavior.upstream_idle_timeout.low == 7
    assert route.reading.behavior.connect_timeout.exact


def test_a_warming_listener_is_read_and_told() -> None:
    """Where none is active."""
    listener = dumped()["configs"][0]["dynamic_listeners"][0]["active_state"]["listener"]
    config = config_of(dumped(warming_state={"listener": listener}, error_state={"details": "refused"}))

    assert len(routes(config)) == 1
    assert [("warming" in each, "refused" in each) for each in config.assumed] == [(True, False), (False, True)]


def test_what_a_server_would_say_is_told_as_absent() -> None:
    """Listeners, clusters and routes that are not at hand."""
    listener, manager, _, _ = parts(bootstrap())
    manager["rds"] = {"route_config_name": "routes"}
    data = {
        "static_resources": {"listeners": [listener]},
        "dynamic_resources": {"cds_config": {"ads": {}}, "lds_config": {"path": "/nowhere"}},
    }
    config = config_of(data)

    world = read_world(config)

    assert [each.what.split(" are not")[0] for each in (*config.absent, *world.absent)] == [
        "listeners of LDS (/nowhere)", "clusters of CDS", "routes `routes` of RDS",
    ]  # fmt: skip


def test_routes_without_a_listener_leave_open_what_it_decides() -> None:
    """A table by itself."""
    _, _, table, _ = parts(bootstrap(route={"idle_timeout": "7s", "timeout": "0s"}))
    (route,) = routes(config_of(table))
    told = route.reading.to_json()

    assert told["upstream_idle_timeout"]["value"] == 7  # type: ignore[index]
    assert told["query_logged"]["value"] == {"between": [False, True]}  # type: ignore[index]
    assert told["client_http_versions"]["value"] == {"between": [[], ["1.1", "2", "3"]]}  # type: ignore[index]


def test_a_message_in_a_typed_struct_is_the_message() -> None:
    """As control planes wrap what they do not know."""
    data = bootstrap(filters=[http_filter("buffer", "Buffer", max_request_bytes=7)])
    filters = data["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]["http_filters"]
    inner = filters[0]["typed_config"]
    kind = inner.pop("@type")
    filters[0]["typed_config"] = {
        "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
        "type_url": kind,
        "value": inner,
    }

    assert routes(config_of(data))[0].reading.behavior.request_body_limit.high == 7


def test_the_first_document_alone_counts_as_for_envoy() -> None:
    """And that is told."""
    text = f"{yaml.safe_dump(bootstrap())}---\n{yaml.safe_dump(bootstrap())}"
    config = config_of(text, "envoy.yaml")

    assert len(routes(config)) == 1
    assert ["first document" in each for each in config.assumed] == [True]


def test_documents_of_resources_are_one_envoy() -> None:
    """As control planes print them."""
    listener, manager, table, upstream = parts(bootstrap())
    manager["rds"] = {"route_config_name": "routes"}
    text = "---\n".join(
        map(
            yaml.safe_dump,
            (listener, [upstream], {"resources": [{"@type": "x/envoy.config.route.v3.RouteConfiguration", **table}]}),
        )
    )
    config = config_of(text, "resources.yaml")

    assert [route.not_understood for route in routes(config)] == [()]
    assert not config.problems


def test_a_key_that_is_written_twice_is_told_and_the_last_counts() -> None:
    """As Envoy does without a word."""
    text = json.dumps(bootstrap(route={"timeout": "1s"})).replace('"timeout": "1s"', '"timeout": "1s", "timeout": "9s"')
    config = config_of(text)

    assert routes(config)[0].reading.behavior.total_timeout.low == 9
    assert ["`timeout` is written twice" in each for each in config.assumed] == [True]


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("15s", 15), ("0.25s", 0.25), ("1.0009s", 1), ({"seconds": 3, "nanos": 5_000_000}, 3.005), ({"seconds": "2"}, 2)],
)
def test_durations_are_read_as_envoy_takes_them(written: object, seconds: float) -> None:
    """In whole milliseconds."""
    assert routes(config_of(bootstrap(route={"timeout": written})))[0].reading.behavior.total_timeout.low == seconds


@pytest.mark.parametrize("written", ["1h", "500ms", 3600, "3600", ".25s", "1S", "-1s", [1]])
def test_other_durations_are_refused_with_their_place(written: object) -> None:
    """Envoy does not start with them."""
    text = json.dumps(bootstrap(route={"timeout": written}), indent=1)
    config = config_of(text)
    routes(config)
    (problem,) = config.problems

    assert "no duration" in problem.message
    assert '"timeout"' in problem.excerpt


@pytest.mark.parametrize(("written", "number"), [(7, 7), ("7", 7), (7.0, 7), ("0x10", 16), ("010", 8), ("1e3", 1000)])
def test_numbers_are_read_as_envoy_takes_them(written: object, number: int) -> None:
    """Of any spelling."""
    data = bootstrap(upstream={"circuit_breakers": {"thresholds": [{"max_requests": written}]}})

    assert routes(config_of(data))[0].reading.behavior.max_streams.low == number


def test_one_element_stands_for_a_list_of_one() -> None:
    """Envoy takes it so."""
    text = json.dumps(bootstrap()).replace('"domains": ["*"]', '"domains": "*"')

    assert [route.host for route in routes(config_of(text))] == [None]


# ---- places ----


def test_every_field_has_its_place_in_json_and_yaml() -> None:
    """File, line, column and end, of the very text."""
    data = bootstrap(route={"idle_timeout": "7s"})
    for name, text in (
        ("e.json", json.dumps(data)),
        ("e.json", json.dumps(data, indent="\t")),
        ("e.yaml", yaml.safe_dump(data)),
    ):
        (route,) = routes(config_of(text, name))
        span = route.reading.evidence["upstream_idle_timeout"].span
        assert span is not None
        line = text.splitlines()[span.line - 1]
        assert line[span.column - 1 : span.end_column - 1].replace('"', "") == "idle_timeout: 7s"


def test_a_character_that_json_writes_as_two_escapes_moves_no_place() -> None:
    """As programs write JSON that may hold ASCII alone."""
    data = bootstrap(around={"name": "\U0001f600"}, route={"idle_timeout": "7s"})
    text = json.dumps(data)
    (route,) = routes(config_of(text))
    span = route.reading.evidence["upstream_idle_timeout"].span

    assert "\\ud83d\\ude00" in text
    assert span is not None
    assert text[span.column - 1 : span.end_column - 1] == '"idle_timeout": "7s"'


# ---- what is no config ----


def refused(text: str, name: str = "envoy.yaml") -> tuple[Problem, ...]:
    """Do all that anybody may ask of a config; why it is none, if it is none."""
    try:
        whole(text, name)
    except InvalidInput as error:
        return error.problems
    return ()


HOSTILE = {
    "nothing": "", "a comment": "# nothing\n", "a word": "hello", "a list of words": "- a\n- b\n", "a mapping of something else": "a: 1\n",
    "a tab": "static_resources:\n\t- a\n", "an open bracket": '{"static_resources": {', "a NUL": "static_resources: a\0b\n",
    "a tag": "static_resources: !!python/object/apply:os.system [ls]\n", "a bomb": "a: &a [x, x]\nb: &b [*a, *a]\n" + "".join(
        f"{chr(98 + n)}{n}: &{chr(99 + n)} [*{chr(98 + n)}, *{chr(98 + n)}, *{chr(98 + n)}, *{chr(98 + n)}, *{chr(98 + n)}, *{chr(98 + n)}]\n" for n in range(12)
    ),
    "depth": '{"static_resources":' + '{"a":' * 5000, "a loop": "static_resources: &a {listeners: *a}\n", "half a surrogate": '{"a": "\\ud800"}',
    "a number for a listener": "static_resources: {listeners: [1]}", "a text for listeners": "static_resources: {listeners: abc}",
    "a text for a filter": "static_resources: {listeners: [{filter_chains: [{filters: [abc]}]}]}",
    "merge keys": "static_resources: {<<: {clusters: []}}", "a wall": "static_resources: " + "[" * 3000,
    "a null everywhere": "static_resources: {listeners: [{filter_chains: [{filters: [{typed_config: null}]}]}], clusters: null}",
}  # fmt: skip


def whole(text: str, name: str = "envoy.yaml") -> None:
    """Do all that anybody may ask of a config."""
    config = load([Source(name, text)])
    for protocol in (None, "websocket", "grpc"):
        for told in explain_config(config, "1.40", Asked(), protocol):
            told.to_json()
        explain_config(config, "1.40", Asked(urls=["https://a.example/x?y=z#w"], paths=["/", "/x"]), protocol)
    scene = scene_of(config, None)
    for case in scene.cases:
        assert case.shortfalls is not None
    for problem in config.problems:
        assert problem.span.line
        assert str(problem)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_read_or_refused_with_a_place(name: str) -> None:
    """And with work that is bounded."""
    assert all(problem.span.line and str(problem) for problem in refused(HOSTILE[name]))


RICH = bootstrap(
    route={
        "timeout": "1s", "idle_timeout": "2s", "retry_policy": {"retry_on": "5xx", "per_try_timeout": "1s", "retriable_request_headers": [{"name": ":method", "string_match": {"exact": "GET"}}]},
        "max_stream_duration": {"max_stream_duration": "3s"}, "upgrade_configs": WEBSOCKET, "hash_policy": [{"cookie": {"name": "c"}}], "priority": "HIGH",
    },
    around={
        "typed_per_filter_config": {"envoy.filters.http.buffer": per_route("buffer", "BufferPerRoute", disabled=True), "x": {"@type": FILTER_CONFIG, "config": {}}},
        "request_headers_to_add": [{"header": {"key": "accept-encoding", "value": "x"}}], "request_headers_to_remove": ["a"], "name": "n",
    },
    match={
        "prefix": "/", "headers": [{"name": "a", "string_match": {"prefix": "b"}}], "query_parameters": [{"name": "q", "present_match": True}],
        "runtime_fraction": {"default_value": {"numerator": 50}}, "cookies": [{"name": "c", "string_match": {"exact": "d"}}],
    },
    host={"domains": ["*.example", "a.*", "b"], "retry_policy": {"retry_on": "reset"}},
    table={"ignore_port_in_host_matching": True, "name": "t"},
    filters=[
        http_filter("buffer", "Buffer", max_request_bytes=7), http_filter("lua", "Lua", inline_code="function envoy_on_request(h) h:body() end"),
        http_filter("compressor", "Compressor", response_direction_config={"common_config": {"content_type": ["text/event-stream"]}}),
        http_filter("ext_proc", "ExternalProcessor", processing_mode={"response_body_mode": "BUFFERED"}), http_filter("header_mutation", "HeaderMutation", mutations={"request_mutations": [{"remove": "accept-encoding"}]}),
    ],
    hcm={
        "access_log": [{"name": "a", "typed_config": {"@type": "x/y.FileAccessLog", "log_format": {"json_format": {"a": "%REQ(:PATH)%"}}}}], "upgrade_configs": WEBSOCKET,
        "http2_protocol_options": {"initial_stream_window_size": 65535}, "common_http_protocol_options": {"max_stream_duration": "1s"}, "codec_type": "AUTO",
    },
    chain={"filter_chain_match": {"server_names": ["*.example"], "destination_port": 10000}, "transport_socket": {"name": "tls", "typed_config": {"@type": TLS, "common_tls_context": {"alpn_protocols": ["h2"]}}}},
    listener={"per_connection_buffer_limit_bytes": 1024, "per_connection_buffer_high_watermark_timeout": "1s"},
    upstream={**options(retry_policy={"retry_on": "5xx"}, explicit_http_config={"http2_protocol_options": {"max_concurrent_streams": 5}}), "circuit_breakers": {"thresholds": [{"max_requests": 5}], "per_host_thresholds": [{"max_connections": 5}]}, "lb_policy": "RING_HASH"},
    whole={"overload_manager": {"resource_monitors": [{"typed_config": {"max_active_downstream_connections": 5}}]}, "dynamic_resources": {"lds_config": {"path": "x"}}},
)  # fmt: skip


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths to everything in a document."""
    yield at
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*at, key))


def put(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """The document with something else in one place."""
    if not at:
        return new
    made = dict(value) if isinstance(value, dict) else list(value)
    made[at[0]] = put(made[at[0]], at[1:], new)
    return made


JUNK = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        10**30,
        1.5,
        "",
        "x",
        "0s",
        "1e400",
        [],
        {},
        [[]],
        [None],
        {"": None},
        {"@type": 7},
        {"@type": "a/b.c"},
        "\u202e",
        "%",
        ["*"],
        {"x": {}},
    ]
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_stands_anywhere_is_read_or_refused(data: st.DataObject) -> None:
    """A rich bootstrap with two things in it that belong elsewhere."""
    made: Any = RICH
    for _ in range(2):
        at = data.draw(st.sampled_from(list(places(made))))
        made = put(made, at, data.draw(JUNK))
    assert all(map(str, refused(json.dumps(made), "envoy.json")))


# ---- files and folders ----


def found_in(folder: Path, *names: str) -> Found:
    """What a command line leads to."""
    return Search().find([str(folder / name) for name in names] or [str(folder)])


def test_a_bootstrap_takes_the_files_that_it_names_from_beside_it(tmp_path: Path) -> None:
    """Whatever folder it says they are in."""
    listener, _, table, upstream = parts(bootstrap())
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    manager["rds"] = {
        "route_config_name": "routes",
        "config_source": {"path_config_source": {"path": "/etc/envoy/rds.yaml"}},
    }
    sources = {
        "lds_config": {"path_config_source": {"path": "/etc/envoy/lds.yaml"}},
        "cds_config": {"path": "/etc/envoy/cds.json"},
    }
    (tmp_path / "envoy.yaml").write_text(yaml.safe_dump({"dynamic_resources": sources}))
    (tmp_path / "lds.yaml").write_text(
        yaml.safe_dump({"resources": [{"@type": "type.googleapis.com/envoy.config.listener.v3.Listener", **listener}]})
    )
    (tmp_path / "cds.json").write_text(
        json.dumps({"resources": [{"@type": "type.googleapis.com/envoy.config.cluster.v3.Cluster", **upstream}]})
    )
    (tmp_path / "rds.yaml").write_text(
        yaml.safe_dump(
            {"resources": [{"@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", **table}]}
        )
    )
    (tmp_path / "package.json").write_text("{}")

    for found in (found_in(tmp_path), found_in(tmp_path, "envoy.yaml")):
        (config,) = found.envoys
        assert not config.absent
        assert [route.not_understood for route in routes(config)] == [()]


def test_a_file_that_lies_elsewhere_is_not_opened(tmp_path: Path) -> None:
    """Nor by way of a link."""
    (tmp_path / "secret.yaml").write_text(yaml.safe_dump({"resources": []}))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "lds.yaml").symlink_to(tmp_path / "secret.yaml")
    (inside / "envoy.yaml").write_text(yaml.safe_dump({"dynamic_resources": {"lds_config": {"path": "/x/lds.yaml"}}}))

    (config,) = found_in(inside, "envoy.yaml").envoys

    assert list(config.files) == [str(inside / "envoy.yaml")]
    assert len(config.absent) == 1


def test_nginx_and_envoy_are_told_apart(tmp_path: Path) -> None:
    """In one folder, by what stands in them."""
    (tmp_path / "nginx.conf").write_text("events {}\nhttp { server { location / { proxy_pass http://a; } } }\n")
    (tmp_path / "envoy.yml").write_text(yaml.safe_dump(bootstrap()))
    (tmp_path / "compose.yaml").write_text("services: {}\n")

    found = found_in(tmp_path)

    assert (len(found.configs), len(found.envoys), found.skipped) == (1, 1, [])


# ---- work ----


def large(count: int) -> str:
    """A bootstrap of so many routes."""
    made = [
        {
            "match": {"prefix": f"/r{n}/x"},
            "route": {"cluster": f"c{n % 20}", "timeout": "0s", "idle_timeout": f"{60 + n % 7}s"},
        }
        for n in range(count)
    ]
    return json.dumps(bootstrap(routes=made, clusters=[cluster(f"c{n}", **TWO) for n in range(20)]), indent=1)


def test_work_grows_with_the_number_of_routes() -> None:
    """Reading and judging five times as many routes takes five times the steps."""

    def steps(count: int) -> int:
        text = large(count)
        return calls(lambda: scene_of(load([Source("envoy.json", text)]), None))

    few, many = steps(200), steps(1000)

    assert many < 5.2 * few
