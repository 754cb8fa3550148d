"""The lab's names: one address each, given to whoever asks."""

from __future__ import annotations

import struct

import pytest

from proxycfg.lab.names import Names


def question(name: str, kind: int, number: int = 7) -> bytes:
    """What a resolver sends."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", kind, 1)


def test_every_name_has_an_address_of_its_own() -> None:
    """Those known beforehand first, in their order; case and the dot at the end make no other name."""
    names = Names(["app", "db.internal"])

    assert [names.address(name) for name in ("app", "DB.internal.", "new", "app.")] == [
        "198.18.0.1", "198.18.0.2", "198.18.0.3", "198.18.0.1",
    ]  # fmt: skip
    assert names.names["198.18.0.2"] == "db.internal"


def test_a_question_for_an_address_is_answered() -> None:
    """With the question in it, and its number."""
    answer = Names(["app"]).answer(question("app", 1))

    assert answer is not None
    assert struct.unpack("!HHHHHH", answer[:12]) == (7, 0x8480, 1, 1, 0, 0)
    assert answer.endswith(bytes([198, 18, 0, 1]))
    assert question("app", 1)[12:] in answer


def test_other_kinds_of_records_are_answered_with_nothing() -> None:
    """Not refused: a resolver would go on asking."""
    answer = Names().answer(question("app", 28))

    assert answer is not None
    assert struct.unpack("!HHHHHH", answer[:12])[3] == 0


@pytest.mark.parametrize(
    "noise", [b"", b"\0" * 12, question("app", 1)[:-3], b"\0\0\x84\0" + b"\0" * 30, question("app", 1)[:14]]
)
def test_noise_is_not_answered(noise: bytes) -> None:
    """Nor does it end the server."""
    Names().answer(noise)
    assert Names().answer(noise[:4]) is None
