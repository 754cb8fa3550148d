"""Answers that are a body of bytes: event streams, JSON lines, chat completions, and the plain kinds."""

import json
import time
import zlib
from collections.abc import Callable
from html import escape
from typing import Any, Literal

from proxycfg.origin.channel import Body, Channel, phrase
from proxycfg.origin.record import Headers
from proxycfg.origin.script import Script
from proxycfg.origin.steps import Bytes, Comment, Event, Format, Head, Raw, Retry, Split
from proxycfg.origin.writer import Refused, Writer, extra, mark, payload

_TYPES: dict[Format, str] = {
    "sse": "text/event-stream",
    "openai": "text/event-stream",
    "ndjson": "application/x-ndjson",
    "text": "text/plain; charset=utf-8",
    "json": "application/json",
    "html": "text/html; charset=utf-8",
}
_STREAMS = ("sse", "ndjson", "openai")
_PROMPT_LIMIT = 4 << 20


class PlainWriter(Writer):
    """Writes sse, ndjson, text, json and html."""

    def __init__(self, channel: Channel, head: Head, script: Script) -> None:
        """Decide about compression."""
        super().__init__(channel, head, script)
        asked = any(word.partition(";")[0].strip() == "gzip" for word in channel.request.tokens("accept-encoding"))
        wanted = head.gzip == "force" or (head.gzip == "yes" and asked)
        # A window of 31 asks zlib for the gzip wrapper.
        self._gzip = zlib.compressobj(wbits=31) if wanted else None
        self._ended = False

    async def open(self) -> None:
        """Send the headers, with the body if the script leaves it to the format."""
        headers, framing = self._headers(), self._framing()
        body = self._whole_body()
        if body is not None and self._gzip:
            body = self._gzip.compress(body) + self._gzip.flush()
            self._gzip = None
        if body is not None and framing == "length" and self.head.length < 0 and self.head is self.script.steps[-1]:
            await self.channel.whole(self.head.status, headers, body, keep=self.head.keep)
            self._ended = True
            return
        length = self.head.length if self.head.length >= 0 else self._length() if body is None else len(body)
        held = self.head.hold or body is not None
        await self.channel.head(self.head.status, headers, Body(framing, length, hold=held, keep=self.head.keep))
        if body is not None:
            await self.channel.data(body, "bytes")

    def _framing(self) -> Literal["chunked", "close", "length"]:
        if self.head.framing != "auto":
            return self.head.framing
        streams = self.script.body or self.head.format in _STREAMS
        return "chunked" if streams and self.head.length < 0 else "length"

    def _length(self) -> int:
        """Sum up a body that is still to be written, for a Content-Length."""
        if self._framing() != "length":
            return -1
        total = sent = 0
        for step in self.script.body:
            match step:
                case Event(n=n):
                    encode = self.encoder(step)
                    total += sum(len(encode(number)) for number in range(sent + 1, sent + n + 1))
                    sent += n
                case Comment(text=text, n=n):
                    total += n * len(self.comment(text))
                case Bytes(size=size, n=n):
                    total += n * size
                case Raw(text=text):
                    total += len(text.encode())
                case Retry(milliseconds=milliseconds):
                    total += len(b"retry: %d\n\n" % milliseconds)
        return total

    def _headers(self) -> Headers:
        head = self.head
        cache = head.cache or ("no-cache" if head.format in {"sse", "openai"} else "")
        return (
            ("Content-Type", head.type or _TYPES[head.format]),
            *((("Cache-Control", cache),) if cache else ()),
            *((("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding")) if self._gzip else ()),
            *mark(self.channel),
            *extra(head),
        )

    def _whole_body(self) -> bytes | None:
        """Return the body that a script without steps for it gets."""
        if self.script.body or self.head.status in {204, 304}:
            return None
        match self.head.format:
            case "text":
                return b"ok\n"
            case "html":
                title = escape(f"{self.head.status} {phrase(self.head.status)}")
                return f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>\n".encode()
            case "json":
                return json.dumps(self._description()).encode() + b"\n"
            case _:
                return None

    def _description(self) -> dict[str, Any]:
        live = self.channel.live
        return {
            "exchange": live.id,
            "arrival": live.arrival,
            "method": live.method,
            "target": live.target,
            "version": live.version,
            "bytes": live.body_size,
            "pieces": live.pieces,
            "headers": live.headers,
        }

    def encoder(self, step: Event) -> Callable[[int], bytes]:
        """Prepare lines or blocks."""
        text = payload(step, self.channel)
        size = step.size
        if self.head.format == "sse":
            first = f"event: {step.type}\n" if step.type else ""
            with_id = step.id

            def block(n: int) -> bytes:
                data = text(n).replace("\n", "\ndata: ")
                encoded = f"{first}id: {n}\ndata: {data}".encode() if with_id else f"{first}data: {data}".encode()
                return encoded + b"." * (size - len(encoded) - 2) + b"\n\n"

            return block
        if self.head.format == "ndjson":
            return lambda n: json_message(n, text(n), size - 1) + b"\n"

        def line(n: int) -> bytes:
            encoded = text(n).encode()
            return encoded + b"." * (size - len(encoded) - 1) + b"\n"

        return line

    def comment(self, text: str) -> bytes:
        """Encode a heartbeat: JSON lines have no comments, but their readers skip empty lines."""
        return b"\n" if self.head.format == "ndjson" else f": {text}\n\n".encode()

    async def write(self, data: bytes, what: str, n: int = 0, split: Split = "no", pause: float = 0.0) -> None:
        """Send bytes, compressed and flushed if so decided."""
        if self._gzip:
            data = self._gzip.compress(data) + self._gzip.flush(zlib.Z_SYNC_FLUSH)
        await self.channel.data(data, what, n, split, pause)

    async def end(self) -> None:
        """End the body."""
        if self._ended:
            return
        if self._gzip:
            await self.channel.data(self._gzip.flush(), "bytes")
        await self.channel.end()


class ChatWriter(PlainWriter):
    """Writes chat completions: streamed if the request says ``"stream": true``, else whole at the end."""

    def __init__(self, channel: Channel, head: Head, script: Script) -> None:
        """Know nothing of the request's body yet."""
        super().__init__(channel, head, script)
        self._streamed = True
        self._usage = False
        self._tokens: list[str] = []
        self._common: dict[str, Any] = {}

    async def open(self) -> None:
        """Read the request, as every such server does before it answers."""
        prompt = await self._prompt()
        self._streamed = bool(prompt.get("stream"))
        options = prompt.get("stream_options")
        self._usage = isinstance(options, dict) and bool(options.get("include_usage"))
        self._common = {
            "id": f"chatcmpl-{self.channel.live.id}",
            "created": int(time.time()),
            "model": str(prompt.get("model", "")),
        }
        if self._streamed:
            await super().open()
            await self.write(self._chunk({"role": "assistant", "content": ""}), "role")

    async def _prompt(self) -> dict[str, Any]:
        collected = b""
        while (piece := await self.receive()) is not None:
            collected += piece
            if len(collected) > _PROMPT_LIMIT:
                raise Refused(413, f"more than {_PROMPT_LIMIT} bytes")
        try:
            prompt = json.loads(collected)
        except ValueError:
            raise Refused(400, "the body is not JSON") from None
        if not isinstance(prompt, dict):
            raise Refused(400, "the body is not a JSON object")
        return prompt

    def _chunk(self, delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        chunk = {**self._common, "object": "chat.completion.chunk", "choices": [choice]}
        return _data({**chunk, "usage": None} if self._usage else chunk)

    def encoder(self, step: Event) -> Callable[[int], bytes]:
        """Prepare tokens."""
        text = payload(step, self.channel, "token{n} ")
        size = step.size

        def token(n: int) -> bytes:
            content = text(n)
            chunk = self._chunk({"content": content})
            if len(chunk) < size:
                content += "." * (size - len(chunk))
                chunk = self._chunk({"content": content})
            self._tokens.append(content)
            return chunk

        return token

    async def write(self, data: bytes, what: str, n: int = 0, split: Split = "no", pause: float = 0.0) -> None:
        """Send, or keep for the end."""
        if self._streamed:
            await super().write(data, what, n, split, pause)

    async def end(self) -> None:
        """Say why it ended and that it did."""
        if self._streamed:
            await super().write(self._chunk({}, "stop"), "finish")
            if self._usage:
                last = {**self._common, "object": "chat.completion.chunk", "choices": [], "usage": self._used()}
                await super().write(_data(last), "usage")
            await super().write(b"data: [DONE]\n\n", "done")
            await super().end()
            return
        message = {"role": "assistant", "content": "".join(self._tokens), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        answer = {**self._common, "object": "chat.completion", "choices": [choice], "usage": self._used()}
        body = json.dumps(answer).encode()
        headers: Headers = (("Content-Type", "application/json"), *mark(self.channel), *extra(self.head))
        await self.channel.whole(200, headers, body, keep=self.head.keep)

    def _used(self) -> dict[str, int]:
        return {"prompt_tokens": 1, "completion_tokens": len(self._tokens), "total_tokens": 1 + len(self._tokens)}


def json_message(n: int, text: str, size: int = 0) -> bytes:
    """Encode a numbered message as JSON, padded with dots inside its text."""
    encoded = json.dumps({"n": n, "data": text}, separators=(",", ":")).encode()
    return encoded if len(encoded) >= size else encoded[:-2] + b"." * (size - len(encoded)) + encoded[-2:]


def _data(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"
