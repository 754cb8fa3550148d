"""The answer that both readers wait for: a text in tokens, and the script that makes the origin say it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

_TOKEN = re.compile(r" ?\w+|\W")


@dataclass(frozen=True)
class Answer:
    """A text, and the pace at which a model says it: so many seconds to think, and so many to the end."""

    text: str
    think: float
    seconds: float

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """Words, each with the space before it, and punctuation: about what a model emits one by one."""
        return tuple(_TOKEN.findall(self.text))

    @property
    def pace(self) -> float:
        """Seconds from one token to the next."""
        return (self.seconds - self.think) / (len(self.tokens) - 1)

    def script(self, key: str) -> str:
        """The answer in the language of :mod:`proxycfg.origin.script`, recorded under ``key``."""
        said = f"; wait {self.pace:.4f}; ".join(f'event data="{_escape(token)}"' for token in self.tokens)
        return f"key {key}; openai; wait {self.think:.3f}; {said}"


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
