"""Length-prefixed messages, as gRPC, gRPC-Web and Connect write them: one byte of flags, four of length, the payload."""

import binascii
from base64 import b64decode
from collections.abc import Iterator

MESSAGE_LIMIT = 64 << 20
_PREFIX = 5
COMPRESSED = 0x01
CONNECT_END = 0x02
WEB_TRAILERS = 0x80


class BadFrame(Exception):
    """The client's framing cannot be read; ``code`` is the gRPC status real servers answer with."""

    def __init__(self, code: int, why: str) -> None:
        """Take the status and the reason."""
        super().__init__(why)
        self.code = code


def frame(payload: bytes, flags: int = 0) -> bytes:
    """Put the five bytes before a message."""
    return b"%c%b%b" % (flags, len(payload).to_bytes(4, "big"), payload)


class Deframer:
    """Cuts a stream of bytes, however it was torn on its way, into the messages the client wrote."""

    def __init__(self, *, text: bool = False) -> None:
        """With ``text`` the stream is base64, the form gRPC-Web takes where only text passes."""
        self._text = text
        self._armoured = b""
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take some bytes; yield the messages that are complete now, up to one that cannot be read."""
        if self._text:
            data = self._decode(data)
        self._buffer += data
        while len(self._buffer) >= _PREFIX:
            flags, size = self._buffer[0], int.from_bytes(self._buffer[1:_PREFIX], "big")
            if flags & COMPRESSED:
                raise BadFrame(12, "compressed messages are not supported here")
            if size > MESSAGE_LIMIT:
                raise BadFrame(8, f"message of {size} bytes is larger than {MESSAGE_LIMIT}")
            if len(self._buffer) < _PREFIX + size:
                return
            message = bytes(self._buffer[_PREFIX : _PREFIX + size])
            del self._buffer[: _PREFIX + size]
            yield message

    def _decode(self, data: bytes) -> bytes:
        # Clients may pad each frame on its own, so "=" occurs in the middle; groups of four decode one by one.
        self._armoured += data
        whole = len(self._armoured) // 4 * 4
        ready, self._armoured = self._armoured[:whole], self._armoured[whole:]
        try:
            if b"=" not in ready:
                return b64decode(ready, validate=True)
            return b"".join(b64decode(ready[at : at + 4], validate=True) for at in range(0, whole, 4))
        except binascii.Error as error:
            raise BadFrame(13, f"not base64: {error}") from None

    @property
    def torn(self) -> bool:
        """Whether the stream, should it end here, ends within a message."""
        return bool(self._buffer or self._armoured)
