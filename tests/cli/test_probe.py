"""``proxycfg probe`` against an origin that does as it is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxycfg.behavior import properties
from proxycfg.commands import Exit
from proxycfg.origin import Origin
from tests.cli.conftest import Cli, stdin
from tests.clients.tls import Authority, make_authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A CA that no machine knows."""
    return make_authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def origin(authority: Authority) -> Iterator[Origin]:
    """In cleartext and over TLS."""
    with Origin.start(tls=authority.server_context()) as running:
        yield running


def scripted(script: str) -> tuple[str, str]:
    """What the origin is told to do."""
    return "--header", f"X-Origin-Script: {script}"


FAIRING: list[tuple[str, str, tuple[str, ...]]] = [
    ("sse", "sse; event n=4 gap=0.2; hang", ()),
    ("sse", "sse; event; hang", ()),
    ("ndjson", "ndjson; event n=3 gap=0.2", ()),
    ("websocket", "ws; echo", ("--data", "hello")),
    ("websocket", "ws; hang", ()),
    ("grpc", "grpc; event n=3 gap=0.1", ()),
    ("connect", "connect; event n=3 gap=0.1", ("--header", "Content-Type: application/connect+json")),
    ("long-poll", "wait 0.3; json", ()),
    ("poll", "json", ()),
    ("http", "json", ("--method", "DELETE")),
]


@pytest.mark.parametrize(("protocol", "script", "more"), FAIRING)
def test_a_stream_that_fares_well_passes(
    cli: Cli, origin: Origin, protocol: str, script: str, more: tuple[str, ...]
) -> None:
    """With nothing to complain about, and what was measured."""
    code, out, err = cli("probe", f"{origin.url}/x", "--protocol", protocol, *scripted(script), "--for", "1s", *more)

    assert (Exit.OK, "") == (code, err), out
    assert out.startswith(f"✓ pass  {origin.url}/x  {protocol}\n")
    assert "not known from here:" in out


@pytest.mark.parametrize(
    ("protocol", "script", "rule"),
    [
        ("sse", "sse; event n=2; rst", "stream-cut"),
        ("sse", "hang", "stream-silent"),
        ("sse", "wait 0.5; sse; event n=5 batch=5", "stream-held-back"),
        ("sse", "html", "answer-of-another-type"),
        ("ndjson", "json status=502", "endpoint-refuses"),
        ("websocket", "json", "handshake-refused"),
        ("websocket", "ws; rst", "stream-cut"),
        ("long-poll", "json status=504", "stream-cut"),
        ("http", "json status=404", "endpoint-refuses"),
        ("http", "fin", "endpoint-refuses"),
    ],
)
def test_a_stream_that_does_not_is_told(cli: Cli, origin: Origin, protocol: str, script: str, rule: str) -> None:
    """One finding, that says what it was; exit status 1."""
    code, out, err = cli(
        "probe", f"{origin.url}/x", "--protocol", protocol, *scripted(script), "--for", "1s", "--format", "json"
    )

    (route,) = json.loads(out)["routes"]
    assert (Exit.FOUND, "", "fail") == (code, err, route["verdict"])
    assert [rule] == [finding["rule"] for finding in route["findings"]]


def test_json_is_the_shape_of_explain(cli: Cli, origin: Origin) -> None:
    """Every property, measured, and whether something was learned; the timeline is what happened."""
    code, out, _ = cli(
        "probe",
        f"{origin.url}/a/b?token=geheim",
        "--protocol",
        "sse",
        *scripted("sse; event n=3 gap=0.1"),
        "--format",
        "json",
    )
    told = json.loads(out)
    (route,) = told["routes"]

    assert (Exit.OK, 1, "measured") == (code, told["version"], told["kind"])
    assert ("/a/b", "sse", "declared", "pass") == (
        route["path"],
        route["protocol"],
        route["confidence"],
        route["verdict"],
    )
    assert list(properties()) == list(route["behavior"])
    assert {each["origin"]["kind"] for each in route["behavior"].values()} == {"measured"}
    assert route["behavior"]["stalls_on"] | {"why": ""} == {
        "value": [], "origin": route["behavior"]["stalls_on"]["origin"], "known": True, "need": [], "verdict": "pass", "why": "",
    }  # fmt: skip
    assert route["behavior"]["retries"]["known"] is False
    assert "origins see" in route["behavior"]["retries"]["origin"]["text"]
    assert [event["what"] for event in route["timeline"]] == [
        "probe",
        "connected",
        "sent",
        "head",
        "piece",
        "piece",
        "piece",
        "end",
    ]
    assert "geheim" not in out


def test_the_request_is_as_it_was_asked_for(cli: Cli, origin: Origin) -> None:
    """Method, headers, cookies and body; one request alone where it may change something, and no credential in the report."""
    code, out, _ = cli(
        "probe", f"{origin.url}/x", "--protocol", "sse", *scripted("key asked; sse; event n=2 gap=0.1"), "--header", "Authorization: Bearer geheim",
        "--cookie", "sid=geheim", "--cookie", "b=2", "--data", '{"stream": true}', "--format", "json",
    )  # fmt: skip
    (asked,) = origin.exchanges("asked")

    assert Exit.OK == code
    assert ("POST", "Bearer geheim", "sid=geheim; b=2") == (
        asked.method,
        asked.header("authorization"),
        asked.header("cookie"),
    )
    assert ("application/json", "gzip") == (asked.header("content-type"), asked.header("accept-encoding"))
    assert [16] == [piece.size for piece in asked.received]
    assert "geheim" not in out


def test_over_tls_both_versions_of_http_are_asked_for_what_changes_nothing(cli: Cli, origin: Origin) -> None:
    """Side by side; a certificate that this machine does not know is refused without --insecure."""
    url = f"https://127.0.0.1:{origin.tls_port}/x"
    ask = (
        "probe",
        url,
        "--protocol",
        "sse",
        *scripted("key both; sse; event n=3 gap=0.1"),
        "--for",
        "1s",
        "--format",
        "json",
    )
    code, out, _ = cli(*ask)
    (route,) = json.loads(out)["routes"]
    assert (Exit.FOUND, ["endpoint-unreachable"]) == (code, [finding["rule"] for finding in route["findings"]])
    assert "certificate is not trusted" in route["findings"][0]["message"]
    assert origin.exchanges("both") == []

    code, out, _ = cli(*ask, "--insecure")
    (route,) = json.loads(out)["routes"]

    assert (Exit.OK, "pass") == (code, route["verdict"])
    assert route["behavior"]["client_http_versions"]["value"] == ["1.1", "2"]
    assert {exchange.version for exchange in origin.exchanges("both")} == {"1.1", "2"}


def test_headers_of_one_hop_do_not_go_over_http_2(cli: Cli, origin: Origin) -> None:
    """Whoever copies them out of a browser is asked for nothing; a host of one's own is the authority."""
    code, out, _ = cli(
        "probe", f"https://127.0.0.1:{origin.tls_port}/x", "--insecure", "--protocol", "sse", *scripted("key hop; sse; event n=3 gap=0.1"),
        "--header", "Connection: keep-alive", "--header", "Host: chat.example.com", "--header", "Content-Length: 7",
    )  # fmt: skip

    assert Exit.OK == code, out
    assert {"chat.example.com"} == {
        each.header("host") or each.header(":authority") for each in origin.exchanges("hop")
    }


def test_a_trusted_certificate_is_believed(
    cli: Cli, origin: Origin, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As this machine is told whom to trust; with --http-version one request is enough."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca))
    code, out, _ = cli(
        "probe",
        f"https://127.0.0.1:{origin.tls_port}/x",
        "--protocol",
        "sse",
        *scripted("key one; sse; event n=3 gap=0.1"),
        "--http-version",
        "2",
    )

    assert Exit.OK == code, out
    assert ["2"] == [exchange.version for exchange in origin.exchanges("one")]


def test_no_redirect_is_followed(cli: Cli, origin: Origin) -> None:
    """The probe speaks to the URL that it is given, and says where the redirect leads."""
    there = f"{origin.url}/there"
    script = f'key from; json status=302 header="Location: {there}"'
    code, out, _ = cli("probe", f"{origin.url}/x", "--protocol", "sse", *scripted(script), "--for", "1s")

    assert Exit.FOUND == code
    assert f"it leads to {there}" in out
    assert ["/x"] == [exchange.target for exchange in origin.exchanges("from")]


def test_a_recording_is_judged_again(cli: Cli, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same verdict, and nobody asked."""
    ask = ("probe", f"{origin.url}/x", "--protocol", "sse", *scripted("key once; sse; event n=2; rst"), "--for", "1s")
    code, out, _ = cli(*ask, "--record", "seen.jsonl")
    kept = Path("seen.jsonl").read_text()

    assert (Exit.FOUND, out, "") == cli("probe", "--replay", "seen.jsonl")
    stdin(monkeypatch, kept.encode())
    assert (Exit.FOUND, out, "") == cli("probe", "--replay", "-")
    assert Exit.FOUND == code
    assert len(origin.exchanges("once")) == 1


@pytest.mark.parametrize(
    "broken",
    [
        '{"at":0,"exchange":0,"what":"probe"}',
        '{"at":0,"exchange":0,"what":"probe","protocol":"sse","secure":false,"url":"u","host":"h","path":"/"}\n{"at":1,"exchange":1,"what":"sent"}',
    ],
)
def test_a_recording_that_lacks_something_is_told(cli: Cli, broken: str) -> None:
    """And no traceback."""
    Path("r.jsonl").write_text(broken)
    code, out, err = cli("probe", "--replay", "r.jsonl")

    assert (Exit.USAGE, "") == (code, out)
    assert err.startswith("r.jsonl:1:1: the recording cannot be judged: ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give a URL"),
        (("http://a/", "--replay", "x"), "give a URL"),
        (("--replay", "x", "--data", "y"), "--replay: asks nobody"),
        (("a.example", "--protocol", "sse"), "is not a URL"),
        (("http://a/ü", "--protocol", "sse"), "percent-encoded"),
        (("http://a/",), "--protocol"),
        (("http://a/", "--protocol", "sze"), "--protocol sze: not known"),
        (("http://a/", "--protocol", "ws"), "did you mean websocket?"),
        (("http://a/", "--protocol", "sse", "--for", "0s"), "--for 0s"),
        (("http://a/", "--protocol", "sse", "--for", "2h"), "at most an hour"),
        (("http://a/", "--protocol", "sse", "--for", "soon"), "--for: `soon`"),
        (("http://a/", "--protocol", "sse", "--http-version", "3"), "--http-version 3: not known"),
        (("ws://a/", "--http-version", "2"), "a WebSocket begins as HTTP/1.1"),
        (("grpc://a/", "--http-version", "1.1"), "gRPC needs HTTP/2"),
        (("http://a/", "--protocol", "sse", "--header", "nonsense"), "write `Name: value`"),
        (("http://a/", "--protocol", "sse", "--header", "A: b\r\nC: d"), "one line"),
        (("http://a/", "--protocol", "sse", "--cookie", "nonsense"), "write NAME=VALUE"),
        (("http://a/", "--protocol", "sse", "--method", "GET /"), "is no method"),
        (("http://a/", "--protocol", "sse", "--data", "@missing"), "--data @missing"),
    ],
)
def test_what_makes_no_sense_is_refused(cli: Cli, arguments: tuple[str, ...], said: str) -> None:
    """With what does; nobody is asked."""
    code, out, err = cli("probe", *arguments)

    assert (Exit.USAGE, "") == (code, out)
    assert said in err
