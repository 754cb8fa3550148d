"""The benchmark still runs. What it measures is judged by `make bench`: a machine that runs tests is too busy to be measured."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.bench.__main__ import main
from tests.bench.client import Job, Stream, seen
from tests.bench.processes import PYTHON, Bench, Cost, MeasurementFailed, ratio
from tests.bench.report import Bound, Part


def test_the_quick_benchmark_tells_every_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The five parts that need no engine print a table and write the same as JSON, with the bounds that they were held to."""
    figures = tmp_path / "figures.json"

    only = [
        word for part in ("generate", "read", "read-envoy", "read-terraform", "start-up") for word in ("--only", part)
    ]
    assert main(["--quick", *only, "--json", str(figures)]) in {0, 1}

    parts = json.loads(figures.read_text())["parts"]
    assert {"nginx 10", "nginx 1000", "envoy 10", "envoy 1000"} <= set(parts["generate"]["figures"])
    assert [bound["what"].partition(",")[0] for bound in parts["start-up"]["bounds"]] == [
        "proxycfg --version",
        "proxycfg --help",
        "proxycfg explain",
        "proxycfg lint",
    ]
    assert {"sites 100", "sites 1000"} == set(parts["read"]["figures"])
    assert set(parts["read-envoy"]["figures"]) == {"500 routes, ten a virtual host"}
    assert set(parts["read-terraform"]["figures"]) == {"100 files"}
    assert "proxycfg --version" in capsys.readouterr().out


def test_the_client_reads_what_is_torn_and_sees_what_is_missing() -> None:
    """Chunks end in the middle of events, and pieces in the middle of chunks; an event that was left out is told."""
    events = [f"id: {number}\ndata: {1000 + number:017.6f}...\n\n".encode() for number in (1, 2, 4)]
    body = b"".join(events)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (body[:20], body[20:70], body[70:], b""))
    stream = Stream(socket.socket(), begun=1000.0)
    with stream.sock:
        for byte in b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks:
            stream.feed(bytes([byte]), 1005.0)

    assert list(stream.sent) == [1001.0, 1002.0, 1004.0]
    assert list(stream.lags) == [4.0, 3.0, 1.0]
    assert (stream.first, stream.disordered, stream.ended) == (5.0, 1, True)


def test_a_lag_that_grows_is_seen() -> None:
    """The first and the last second are those in which all streams run: what came before or after is not among them."""
    job = Job(port=0, script="", events=30, streams=2)
    streams = []
    for late in (0.0, 1.0):
        stream = Stream(socket.socket(), begun=100.0)
        stream.sock.close()
        for number in range(30):
            sent = 100.0 + late + number / 10
            stream.take(f"id: {number + 1}\ndata: {sent:017.6f}\n\n".encode(), sent + (sent - 100) / 100)
        streams.append(stream)

    told = seen(streams, job)

    assert (told.lost, told.disordered) == (0, 0)
    assert told.lag_first_second == pytest.approx(0.015, abs=1e-3)
    assert told.lag_last_second == pytest.approx(0.024, abs=1e-3)
    assert told.rate == pytest.approx(20, rel=0.1)


def test_a_figure_that_is_no_number_holds_nothing() -> None:
    """A measurement that went wrong must not pass."""
    assert not Bound("growth", float("nan"), 1.15).holds
    assert Bound("growth", 1.0, 1.15).holds
    assert "BROKEN: growth" in str(Part("part", bounds=[Bound("growth", 2.0, 1.15)]))


def test_a_command_that_finds_something_is_measured_and_one_that_fails_is_not(tmp_path: Path) -> None:
    """A linter ends with 1 where it found anything; 1 of any other command, or 2 of a linter, is no measurement."""
    bench = Bench(tmp_path, quick=True)
    commands = {name: [PYTHON, "-c", f"raise SystemExit({code})"] for name, code in (("idle", 0), ("linter", 1))}

    costs = bench.costs(commands, 2, finders={"linter"})

    assert {name: len(runs) for name, runs in costs.items()} == {"idle": 2, "linter": 2}
    with pytest.raises(MeasurementFailed, match="status 1"):
        bench.costs(commands, 1)
    with pytest.raises(MeasurementFailed, match="status 2"):
        bench.costs({"linter": [PYTHON, "-c", "raise SystemExit(2)"]}, 1, finders={"linter"})


def test_a_ratio_is_between_runs_of_one_round() -> None:
    """A round in which the machine was slow for both says nothing about either."""
    ours = [Cost(1.0, cpu, 0) for cpu in (1.0, 10.0, 2.0)]
    theirs = [Cost(1.0, cpu, 0) for cpu in (2.0, 20.0, 4.0)]

    assert ratio(ours, theirs) == 0.5
