"""The engines themselves: each starts, answers through its config, is the version it claims, and checks configs."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engines import ALL, ENVOY, NGINX, Proxies, ProxyFailed, StartProxy, free_port, need

BODY = b"through the proxy"


def nginx_conf(port: int, upstream: str, *, more: str = "") -> str:
    """The smallest config that proxies; ``proxy_read_timeout`` stays at its default of 60 s."""
    return f"""
        worker_processes 1;
        events {{}}
        http {{
            access_log /var/log/nginx/access-{port}.log;
            server {{
                listen 127.0.0.1:{port};
                location / {{ proxy_pass http://{upstream}; {more} }}
            }}
        }}
    """


def envoy_config(port: int, admin: int, host: str, upstream_port: int) -> str:
    """The same for Envoy."""
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "origin"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }
        ],
    }
    endpoint = {"endpoint": {"address": address(host, upstream_port)}}
    return json.dumps(
        {
            "admin": {"address": address("127.0.0.1", admin)},
            "static_resources": {
                "listeners": [
                    {
                        "name": "in",
                        "address": address("127.0.0.1", port),
                        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
                    }
                ],
                "clusters": [
                    {
                        "name": "origin",
                        "type": "STRICT_DNS",
                        "load_assignment": {"cluster_name": "origin", "endpoints": [{"lb_endpoints": [endpoint]}]},
                    }
                ],
            },
        }
    )


def address(host: str, port: int) -> dict[str, object]:
    """Envoy's way to write one."""
    return {"socket_address": {"address": host, "port_value": port}}


@contextlib.contextmanager
def origin(*, silent: bool = False) -> Iterator[int]:
    """An origin on loopback that answers every connection once, or sends the head and then nothing."""
    with socket.create_server(("127.0.0.1", free_port())) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection, contextlib.suppress(OSError):
                connection.recv(65536)
                length = len(BODY) + (1 if silent else 0)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (length, BODY))
                while silent and connection.recv(65536):
                    pass

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def get(port: int, timeout: float = 10) -> bytes:
    """Everything that comes back on one connection until the other side closes it."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def config_for(engine: str, directory: Path, port: int, upstream_port: int) -> Path:
    """Write a config whose upstream is a name that only ``hosts`` can resolve."""
    directory.mkdir(exist_ok=True)
    if need(engine).name == "nginx":
        (directory / "nginx.conf").write_text(nginx_conf(port, f"origin.example:{upstream_port}"))
    else:
        (directory / "envoy.yaml").write_text(envoy_config(port, free_port(), "origin.example", upstream_port))
    return directory


HOSTS = {"origin.example": "127.0.0.1"}


@pytest.mark.parametrize("engine", ALL)
def test_an_engine_starts_and_proxies(engine: str, start_proxy: StartProxy, tmp_path: Path) -> None:
    """A request reaches the origin by a name from ``hosts``, and nobody listens any more after ``stop``."""
    port = free_port()
    with origin() as upstream:
        proxy = start_proxy(engine, config_for(engine, tmp_path, port, upstream), hosts=HOSTS, ready_port=port)

        assert get(port).endswith(BODY)

        proxy.stop()
    with pytest.raises(ConnectionRefusedError):
        get(port)


@pytest.mark.parametrize("engine", ALL)
def test_an_engine_is_the_version_its_name_says(engine: str, proxies: Proxies) -> None:
    """A test named for a version must not run on another one."""
    assert f"/{need(engine).version}." in proxies.version(engine)


@pytest.mark.parametrize("engine", ALL)
def test_the_checker_tells_good_from_bad(engine: str, proxies: Proxies, tmp_path: Path) -> None:
    """``validate`` needs no running proxy; what it says names the fault."""
    good = config_for(engine, tmp_path / "good", free_port(), 81)
    bad = config_for(engine, tmp_path / "bad", free_port(), 81)
    for file in bad.iterdir():
        file.write_text(file.read_text().replace("proxy_pass", "proxy_pas").replace("route_config", "route_confi"))

    assert proxies.validate(engine, good, hosts=HOSTS).rc == 0
    verdict = proxies.validate(engine, bad, hosts=HOSTS)
    assert verdict.rc != 0
    assert "proxy_pas" in verdict.output or "route_confi" in verdict.output


@pytest.mark.parametrize("engine", NGINX)
def test_an_unknown_name_is_not_asked_of_the_network(engine: str, proxies: Proxies, tmp_path: Path) -> None:
    """Names come from ``hosts`` alone, and one that is missing there fails at once."""
    config = tmp_path / "nginx.conf"
    config.write_text(nginx_conf(free_port(), "nowhere.example:80"))
    started = time.monotonic()

    verdict = proxies.validate(engine, config)

    assert "host not found in upstream" in verdict.output
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("engine", ALL)
def test_a_proxy_that_cannot_start_says_why(engine: str, start_proxy: StartProxy, tmp_path: Path) -> None:
    """The error holds the proxy's own log, and comes long before the deadline."""
    config = config_for(engine, tmp_path, free_port(), 81)
    for file in config.iterdir():
        file.write_text("nonsense;" + file.read_text())

    with pytest.raises(ProxyFailed, match=r"nonsense|yaml-cpp"):
        start_proxy(engine, config, hosts=HOSTS, ready_port=free_port())


@pytest.mark.parametrize("deadline", [0, 1])
@pytest.mark.parametrize("engine", ALL)
def test_a_proxy_that_listens_elsewhere_fails_at_the_deadline(
    engine: str, deadline: int, start_proxy: StartProxy, tmp_path: Path
) -> None:
    """And does not stay behind, not even if it is given up before it has begun."""
    port = free_port()
    config = config_for(engine, tmp_path, port, 81)

    with pytest.raises(ProxyFailed, match="does not listen"):
        start_proxy(engine, config, hosts=HOSTS, ready_port=free_port(), deadline=deadline)

    with pytest.raises(ConnectionRefusedError):
        get(port)


@pytest.mark.parametrize("engine", NGINX)
def test_a_reload_takes_up_the_new_config(engine: str, start_proxy: StartProxy, tmp_path: Path) -> None:
    """Same port, same master; a bad config is refused and the old one stays."""
    port = free_port()
    config = tmp_path / "nginx.conf"
    with origin() as upstream:
        config.write_text(nginx_conf(port, f"127.0.0.1:{upstream}"))
        proxy = start_proxy(engine, tmp_path, ready_port=port)
        assert b"X-New" not in get(port)

        config.write_text(nginx_conf(port, f"127.0.0.1:{upstream}", more="add_header X-New yes;"))
        proxy.reload()
        assert b"X-New: yes" in get(port)

        config.write_text("nonsense;")
        with pytest.raises(ProxyFailed, match="nonsense"):
            proxy.reload()
        assert b"X-New: yes" in get(port)
        assert "GET / HTTP/1.1" in proxy.read(f"/var/log/nginx/access-{port}.log")


@pytest.mark.parametrize("engine", ENVOY)
def test_a_hot_restart_takes_up_the_new_config(engine: str, start_proxy: StartProxy, tmp_path: Path) -> None:
    """Envoy's nearest thing to a reload: the next process takes the port over."""
    port = free_port()
    config = tmp_path / "envoy.yaml"
    with origin() as upstream:
        config_for(engine, tmp_path, port, upstream)
        proxy = start_proxy(engine, tmp_path, hosts=HOSTS, ready_port=port)
        assert b"x-new" not in get(port)

        new = json.loads(config.read_text())
        manager = new["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        manager["route_config"]["response_headers_to_add"] = [{"header": {"key": "x-new", "value": "yes"}}]
        config.write_text(json.dumps(new))
        proxy.reload(drain=1)
        time.sleep(3)

        assert b"x-new: yes" in get(port)


@pytest.mark.parametrize("engine", NGINX)
def test_time_lapse_makes_a_minute_of_silence_short(engine: str, start_proxy: StartProxy, tmp_path: Path) -> None:
    """A silent origin is cut after 60 s of nginx's clock, which at x100 is well under ten seconds of ours."""
    port = free_port()
    with origin(silent=True) as upstream:
        config = config_for(engine, tmp_path, port, upstream)
        proxy = start_proxy(engine, config, hosts=HOSTS, time_lapse=100, ready_port=port)
        started = time.monotonic()

        answer = get(port, timeout=30)

        took = time.monotonic() - started
        assert answer.startswith(b"HTTP/1.1 200")
        assert 0.3 < took < 10
        assert "upstream timed out" in proxy.logs()


@pytest.mark.parametrize("engine", ENVOY)
def test_time_lapse_is_refused_where_it_would_hang(engine: str, start_proxy: StartProxy, tmp_path: Path) -> None:
    """Envoy locks up under the preload: better to say so than to wait for it."""
    config = config_for(engine, tmp_path, free_port(), 81)

    with pytest.raises(ValueError, match="cannot run under time-lapse"):
        start_proxy(engine, config, hosts=HOSTS, time_lapse=100, ready_port=free_port())


@pytest.mark.parametrize("engine", ALL)
def test_two_proxies_of_one_version_run_side_by_side(engine: str, start_proxy: StartProxy, tmp_path: Path) -> None:
    """As a chain needs them: the outer proxy's upstream is the inner one."""
    outer, inner = free_port(), free_port()
    with origin() as upstream:
        start_proxy(
            engine, config_for(engine, tmp_path / "i", inner, upstream), name="i", hosts=HOSTS, ready_port=inner
        )
        start_proxy(engine, config_for(engine, tmp_path / "o", outer, inner), name="o", hosts=HOSTS, ready_port=outer)

        assert get(outer).endswith(BODY)
