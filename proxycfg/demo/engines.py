"""Finding an engine: a proxy that this machine can run now, in Docker or by itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self, cast, get_args

from proxycfg.demo.process import Running
from proxycfg.errors import BadUsage

EngineName = Literal["nginx", "envoy"]
EngineWord = Literal["auto", "nginx", "envoy"]
RunnerWord = Literal["auto", "docker", "local"]
Say = Callable[[str], None]


class Absent(Exception):
    """An engine is not to be had here; the text says why."""


class Engine(ABC):
    """A proxy of a known version that can be started."""

    name: EngineName
    version: str
    place: str
    """Where it runs, for people."""

    @abstractmethod
    def run(self, label: str, config: Path, port: int, folder: Path) -> AbstractContextManager[Running]:
        """Start it with that config, which lies below ``folder``; it ends with the block.

        :param label: what messages call it; also names what it leaves in ``folder/run``.
        """

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{TITLES[self.name]} {self.version}"

    def __str__(self) -> str:
        return f"{self.title}, {self.place}"


TITLES: dict[EngineName, str] = {"nginx": "nginx", "envoy": "Envoy"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the caller asks for; ``auto`` leaves the choice."""

    engine: EngineWord = "auto"
    runner: RunnerWord = "auto"
    image: str = ""

    @classmethod
    def read(cls, engine: str, runner: str, image: str) -> Self:
        """From words on a command line.

        :raises BadUsage: if a word is not known, or they contradict each other.
        """
        for option, value, known in (
            ("--engine", engine, get_args(EngineWord)),
            ("--runner", runner, get_args(RunnerWord)),
        ):
            if value not in known:
                raise BadUsage(f"{option} {value}: not known; write one of {', '.join(known)}")
        made = cls(cast("EngineWord", engine), cast("RunnerWord", runner), image)
        made.check()
        return made

    def check(self) -> None:
        """Refuse what makes no sense.

        :raises BadUsage: with what does.
        """
        if self.image and self.runner == "local":
            raise BadUsage("--image is for Docker: leave it out, or use --runner docker")
        if self.image.startswith("-"):
            raise BadUsage(f"--image {self.image}: not the name of an image")


def candidates(wanted: Wanted, say: Say) -> Iterator[Callable[[], Engine]]:
    """Ways to an engine, the best one first; each raises :exc:`Absent` where it leads nowhere.

    nginx in Docker, Envoy in Docker if that is what was asked for, then the programs on this machine: Envoy out of its wheel,
    which the extra ``demo`` brings along, and nginx.
    """
    from proxycfg.demo import containers, programs  # noqa: PLC0415 - they know this module

    if wanted.image:
        yield lambda: containers.from_image(wanted.image, wanted.engine, say)
        return
    names: Sequence[EngineName] = ("nginx", "envoy") if wanted.engine == "auto" else (wanted.engine,)
    if wanted.runner in ("auto", "docker"):
        # Where programs are left to try, one image is enough of a download.
        for name in names if wanted.runner == "docker" else names[:1]:
            yield lambda name=name: containers.official(name, say)  # type: ignore[misc]
    if wanted.runner in ("auto", "local"):
        for name in reversed(names):
            yield lambda name=name: programs.find(name)  # type: ignore[misc]
