"""Single values of a spec: what each kind of field takes, and how it is kept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError

from proxycfg import specmodel
from proxycfg.specmodel import (
    Cidr,
    Duration,
    EngineVersion,
    FilePath,
    HeaderName,
    HeaderValue,
    Host,
    Origin,
    Rate,
    Regex,
    Server,
    Size,
    Token,
    UrlPath,
    parse_server,
)
from proxycfg.units import YEAR
from tests.specs import REGEX_EDGES


def _kept(kind: Any, value: Any) -> Any:
    """The value as it is kept; what editors know of the kind must not refuse what the loader takes."""
    adapter = TypeAdapter(kind)
    assert Draft202012Validator(adapter.json_schema()).is_valid(value)
    return adapter.validate_python(value)


def _refused(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize(
    ("host", "kept"),
    [
        ("chat.example.com", "chat.example.com"), ("Chat.Example.COM.", "chat.example.com"), ("*", "*"),
        ("*.Example.com", "*.example.com"),
        ("localhost", "localhost"), ("my_service", "my_service"), ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("1.2.3.4", "1.2.3.4"),
        ("::1", "::1"), ("[2001:DB8::1]", "2001:db8::1"), ("a" * 63 + ".b", "a" * 63 + ".b"),
    ],
)  # fmt: skip
def test_a_host_is_a_name_a_wildcard_or_an_address(host: str, kept: str) -> None:
    """In lower case, without a dot at the end: as it is compared."""
    assert kept == _kept(Host, host)


@pytest.mark.parametrize(
    "host",
    [
        "", "https://a", "a:80", "a/b", "a b", "-a", "a-.b", "a..b", ".a", "*a", "a.*", "*.*.a", "a" * 64, "a." * 130,
        "a\n", "a;b", "a{", "$host",
        "~^a", "bücher.example", "fe80::1%eth0", "fe80::1%x;y", "[::1", "::1]", "1.2.3.4:80", "a_b\x00", '"a"', "::g",
    ],
)  # fmt: skip
def test_nothing_else_is_a_host(host: str) -> None:
    """Neither what has more than a name, nor what a config could take for something else."""
    assert _refused(Host, host)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/", "/"), ("/v1/chat", "/v1/chat"), ("/a/", "/a/"), ("/caf%C3%A9", "/café"), ("/café", "/café"),
        ("/a b", "/a b"), ("/a%20b", "/a b"),
        ("/.well-known", "/.well-known"), ("/a..b", "/a..b"), ("/$x", "/$x"), ('/"', '/"'), ("/{}", "/{}"),
        ("/chat.v1.Chat/", "/chat.v1.Chat/"),
        ("/%7Euser", "/~user"),
    ],
)  # fmt: skip
def test_a_path_is_kept_decoded(path: str, kept: str) -> None:
    """Proxies match the decoded path."""
    assert kept == _kept(UrlPath, path)


@pytest.mark.parametrize(
    "path",
    [
        "", "a", "http://a/b", "/a?b", "/a#b", "/a//b", "//a", "/./a", "/a/..", "/a/../b", "/a/.", "/%2e%2e/a",
        "/a%2fb", "/a%2Fb", "/%25", "/%",
        "/%zz", "/%C3", "/a\nb", "/a%0ab", "/a%00", "/a\x7f", "/a\u2028", "/" + "a" * 2048,
    ],
)  # fmt: skip
def test_a_path_that_proxies_would_see_otherwise_is_refused(path: str) -> None:
    """Dots, double slashes, encoded slashes, queries, control characters."""
    assert _refused(UrlPath, path)


@pytest.mark.parametrize(
    "regex",
    [
        "/v[0-9]+/chat", "/a|/b", "(?i)/a", "/(?:a|b)", "/(?P<name>a)", r"/a\.b", r"/a\++", "/[*+]+", "/[]+]+",
        "/[^]+]+", r"/\\1", "/a{1,1000}",
        "/(?ms-i:a)", *REGEX_EDGES, "/[[:alpha:]]+", "/x*?", r"/\[a++]"[:-3] + "]", "/a{,", "/é",
    ],
)  # fmt: skip
def test_a_regex_is_what_pcre_and_re2_both_know(regex: str) -> None:
    """Plain groups, classes and repeats; an escaped or bracketed sign is no operator."""
    assert regex == _kept(Regex, regex)


@pytest.mark.parametrize(
    ("regex", "said"),
    [
        ("", "at least 1"), ("(", "not a regular expression"), ("[a", "not a regular expression"),
        ("a{2,1}", "not a regular"),
        ("*a", "not a regular"), ("/(?=a)", "uses `(?=`"), ("/(?!a)", "uses `(?!`"), ("/(?<=a)b", "uses `(?<`"),
        ("/(?>a)", "uses `(?>`"),
        (r"/(a)\1", r"uses `\1`"), ("/(?P<n>a)(?P=n)", "uses `(?P=`"), ("/a*+", "uses `*+`"), ("/a{1}+", "uses `}+`"),
        (r"/a\Z", r"uses `\Z`"),
        ("/a{,5}", "uses `{,5}`"), ("/a{1001}", "more than 1000"), ("/a{2,1001}", "more than 1000"),
        ("/a{99999999999}", "not a regular"),
        ("(" * 101 + "a" + ")" * 101, "more than 100 groups"), ("/a\n", "control characters"),
        ("/" + "a" * 1024, "at most 1024"),
        ("(?ix)/a", "uses `(?ix`"), ("/(?a:b)", "uses `(?a`"), ("/(?L:b)", "not a regular"),
        ("/([a-f]{40}){40}", "within repeats"), ("/(((a{2}){2}){2}){126}", "within repeats"), ("/(a{7}b{20}){51}", "within"),
        ("/" + "a{1000}" * 2, "1900 signs"), ("/(" + "[^/]a" * 100 + "){10}", "1900 signs"),
        ("/(?#c)a", "uses `(?#`"), (r"/\u00e9", r"uses `\u`"),
    ],
)  # fmt: skip
def test_a_regex_that_one_of_them_lacks_is_refused(regex: str, said: str) -> None:
    """With the part that is the trouble; and never by a crash of Python's own parser."""
    assert said in _refused(Regex, regex)


@pytest.mark.parametrize(
    ("network", "kept"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.7", "192.0.2.7/32"), ("fd00::/8", "fd00::/8"), ("::1", "::1/128"),
        ("0.0.0.0/0", "0.0.0.0/0"), ("10.0.0.0/255.0.0.0", "10.0.0.0/8"), ("FD00::/8", "fd00::/8"),
    ],
)  # fmt: skip
def test_a_network_is_kept_in_cidr_form(network: str, kept: str) -> None:
    """One spelling for writers."""
    assert kept == _kept(Cidr, network)


@pytest.mark.parametrize(
    "network",
    [
        "",
        "a",
        "10.0.0.0/33",
        "10.0.0/8",
        "10.1.0.0/8",
        "fe80::%eth0/64",
        "fe80::1%;",
        "10.0.0.0/8;",
        "10.0.0.0/ 8",
        "256.1.1.1",
    ],
)
def test_nothing_else_is_a_network(network: str) -> None:
    """A zone could hold any character."""
    assert _refused(Cidr, network)


def test_a_network_with_host_bits_is_told_what_it_should_be() -> None:
    """The likely meaning is easy to say."""
    with pytest.raises(specmodel.Wrong) as caught:
        specmodel._cidr("10.1.2.3/8")

    assert "write 10.0.0.0/8" == caught.value.instead


@pytest.mark.parametrize(
    ("origin", "kept"),
    [
        ("*", "*"), ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.com", "https://app.example.com"),
        ("https://a:443", "https://a"), ("http://a:80", "http://a"), ("http://a:443", "http://a:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"), ("http://127.0.0.1", "http://127.0.0.1"),
    ],
)  # fmt: skip
def test_an_origin_is_kept_as_browsers_send_it(origin: str, kept: str) -> None:
    """It is compared with the Origin header letter by letter: lower case, no port that the scheme implies."""
    assert kept == _kept(Origin, origin)


@pytest.mark.parametrize(
    "origin",
    [
        "", "a", "https://", "https://a/", "https://a/b", "https://a?", "https://a?b", "https://a#", "https://a#b", "ftp://a",
        "https://u@a", "null", "https://*.a", "https://a:0", "https://a:99999", "https://a:b", "https://[::1", "https://a\n.b",
        "https://a b", 'https://a"', "//a",
    ],
)  # fmt: skip
def test_nothing_else_is_an_origin(origin: str) -> None:
    """What a browser never sends could never match."""
    assert _refused(Origin, origin)


@pytest.mark.parametrize(
    ("value", "kept"), [("30s", 30), (30, 30), (0.5, 0.5), ("1ms", 0.001), (YEAR, YEAR), ("365d", YEAR), (1e2, 100)]
)
def test_a_duration_is_text_or_seconds(value: Any, kept: float) -> None:
    """From a millisecond to a year."""
    assert kept == _kept(Duration, value)
    assert isinstance(_kept(Duration, value), float)


@pytest.mark.parametrize(
    "value", ["0s", 0, -1, "366d", float("inf"), float("nan"), 10**400, 1e-9, "soon", "", True, None, [], {}]
)
def test_nothing_else_is_a_duration(value: Any) -> None:
    """Nor what would be rounded to nothing, or overflow."""
    assert _refused(Duration, value)


@pytest.mark.parametrize(("value", "kept"), [("16MiB", 2**24), (1, 1), (2**50, 2**50), ("1k", 1024), (1e3, 1000)])
def test_a_size_is_text_or_bytes(value: Any, kept: int) -> None:
    """Whole bytes."""
    assert kept == _kept(Size, value)
    assert isinstance(_kept(Size, value), int)


@pytest.mark.parametrize("value", ["0", 0, -1, 2**50 + 1, 1.5, float("inf"), float("nan"), "big", True, None, []])
def test_nothing_else_is_a_size(value: Any) -> None:
    """No fractions, no infinity."""
    assert _refused(Size, value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [(10, 10), (0.5, 0.5), ("10/s", 10), ("90/m", 1.5), ("1/m", 1 / 60), ("10 / s", 10), (1_000_000, 1_000_000)],
)
def test_a_rate_is_requests_a_second_or_a_minute(value: Any, kept: float) -> None:
    """A number is per second."""
    assert kept == pytest.approx(_kept(Rate, value))


@pytest.mark.parametrize(
    "value",
    ["10", "1/h", "0/s", "1.5/s", 0, -1, 0.01, 1_000_001, "9" * 500 + "/m", float("inf"), float("nan"), True, None, []],
)
def test_nothing_else_is_a_rate(value: Any) -> None:
    """Nor what is slower than one a minute, which no proxy counts."""
    assert _refused(Rate, value)


@pytest.mark.parametrize("value", ["1.30", "1.30.1", "1.9"])
def test_a_version_is_two_or_three_numbers(value: str) -> None:
    """As text, so that no digit is lost."""
    assert value == _kept(EngineVersion, value)


@pytest.mark.parametrize(
    "value", [1.3, 1, "1", "1.", "1.2.3.4", "latest", "1.30-alpine", "v1.30", "1.30\n", "١.٢", "", True, None]
)
def test_nothing_else_is_a_version(value: Any) -> None:
    """Not even digits of other scripts."""
    assert _refused(EngineVersion, value)


@pytest.mark.parametrize("path", ["/etc/tls/tls.crt", "tls.crt", "/a b/c", "/a'b", "C:\\tls"])
def test_a_file_path_is_any_name(path: str) -> None:
    """Writers quote it."""
    assert path == _kept(FilePath, path)


@pytest.mark.parametrize("path", ["", " ", " /a", "/a ", "/a\nb", "/$a", "/a\x00", "x" * 4097])
def test_a_file_path_that_would_be_misread_is_refused(path: str) -> None:
    """Nginx expands variables in file names."""
    assert _refused(FilePath, path)


@pytest.mark.parametrize("name", ["X-Request-ID", "x", "!#$%&'*+-.^_`|~"])
def test_a_header_name_is_a_token(name: str) -> None:
    """RFC 9110's characters, all of them."""
    assert name == _kept(HeaderName, name)
    assert name == _kept(Token, name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a b",
        "a:",
        "é",
        "a\n",
        "x" * 129,
        "Connection",
        "te",
        "TRANSFER-ENCODING",
        "Upgrade",
        "Content-Length",
        "(",
        '"',
    ],
)
def test_a_header_of_the_connection_is_not_rewritten(name: str) -> None:
    """Nor is anything that is no token."""
    assert _refused(HeaderName, name)


@pytest.mark.parametrize("value", ["", "a b", 'say "hi"; $x {y} \\', "é", "\U0001f600"])
def test_a_header_value_is_any_line(value: str) -> None:
    """Writers quote it."""
    assert value == _kept(HeaderValue, value)


@pytest.mark.parametrize("value", ["a\nb", "a\r", "\x00", "\x1b", "\x85", "\u2028", "x" * 4097, 5, None])
def test_a_header_value_has_no_control_characters(value: Any) -> None:
    """A line break would be another header."""
    assert _refused(HeaderValue, value)


@pytest.mark.parametrize(
    ("url", "scheme", "address", "secure"),
    [
        ("http://api:8000", "http", "api:8000", False), ("http://api", "http", "api:80", False),
        ("http://api/", "http", "api:80", False),
        ("https://API.example.com", "https", "api.example.com:443", True),
        ("grpc://agents:50051", "grpc", "agents:50051", False),
        ("grpc://agents", "grpc", "agents:80", False), ("grpcs://agents", "grpcs", "agents:443", True),
        ("HTTP://api", "http", "api:80", False),
        ("http://[::1]:8000", "http", "[::1]:8000", False), ("http://10.0.0.1:1", "http", "10.0.0.1:1", False),
        ("http://a:65535", "http", "a:65535", False),
        ("unix:/run/app.sock", "unix", "unix:/run/app.sock", False),
        ("unix:///run/app.sock", "unix", "unix:/run/app.sock", False),
        ("http://api.:80", "http", "api:80", False), ("http://api:", "http", "api:80", False),
    ],
)  # fmt: skip
def test_a_server_is_scheme_host_and_port(url: str, scheme: str, address: str, secure: bool) -> None:
    """The port is the scheme's own where none is written."""
    server = parse_server(url)

    assert re.search(specmodel.SERVER_URL, url)
    assert (scheme, address, secure) == (server.scheme, server.address, server.secure)
    assert isinstance(server, Server)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "must be a URL"), ("api", "must be a URL"), ("api:8000", "must be a URL"), ("//api", "must be a URL"),
        ("ftp://api", "must be a URL"),
        ("http://", "must be a URL"), ("http://:80", "must be a URL"), ("http://[::1", "must be a URL"),
        ("http:api", "must be a URL"),
        ("http://api/v1", "scheme, host and port alone"), ("http://api?x", "scheme, host and port alone"),
        ("http://api?", "scheme, host and port"),
        ("http://api/#", "scheme, host and port alone"), ("http://u:p@api", "scheme, host and port alone"),
        ("http://@api", "scheme, host and port"),
        ("http://api:0", "port that is not between"), ("http://api:65536", "port that is not between"),
        ("http://api:x", "port that is not between"),
        ("http://api:80 ", "port that is not between"), ("http://api:-1", "port that is not between"),
        ("http://*.api", "not a wildcard"), ("http://*", "not a wildcard"),
        ("http://a b", "host name"), ("http://a;b", "host name"), ("http://é", "ASCII"),
        ("http://fe80::1%25x", "port that"), ("http://[fe80::1%25x]", "host name"),
        ("http://a\nb", "control characters"), ("http://a\tb", "control characters"),
        ("\nhttp://a", "control characters"),
        ("unix:", "absolute path of a socket"), ("unix:app.sock", "absolute path"), ("unix:/a b", "absolute path"),
        ("unix:/a;b", "absolute path"),
        ("unix:/" + "a" * 101, "absolute path"), ("unix:/a\n", "control characters"),
    ],
)  # fmt: skip
def test_nothing_else_is_a_server(url: str, said: str) -> None:
    """Paths, credentials, wildcards and whatever urlsplit would quietly drop."""
    with pytest.raises(specmodel.Wrong, match=said):
        parse_server(url)


def test_what_is_wrong_comes_with_a_remedy() -> None:
    """A message without one leaves the user alone."""
    error = specmodel.Wrong("must be right", "write it right", at=("name",))

    assert ("must be right", "write it right", ("name",)) == (str(error), error.instead, error.at)
