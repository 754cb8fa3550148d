"""Chat completions through the ``openai`` SDK."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from openai import APIConnectionError, DefaultHttpxClient, OpenAI

from .http import Client


class Broken(Exception):
    """The stream was cut before its end."""


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer, and when the SDK handed it over."""

    at: float
    text: str


def make_sdk(client: Client, base: str = "/v1") -> OpenAI:
    """Make an SDK client for this address; transport ``2`` makes it speak HTTP/2. It never retries by itself."""
    scheme = "https" if client.secure else "http"
    return OpenAI(
        base_url=f"{scheme}://{client.address[0]}:{client.address[1]}{base}",
        api_key="none",
        max_retries=0,
        timeout=client.timeout,
        http_client=DefaultHttpxClient(
            verify=client.context if client.secure else False,
            http2=client.transport == "2",
            trust_env=False,
            headers={"Host": client.host} if client.host else None,
        ),
    )


def stream_tokens(client: Client, *, base: str = "/v1", script: str = "") -> Iterator[Token]:
    """Ask a question and yield the answer's tokens as they come."""
    with make_sdk(client, base) as sdk:
        stream = sdk.chat.completions.create(
            model="test",
            messages=[{"role": "user", "content": "hello"}],
            stream=True,
            extra_headers={"x-origin-script": script} if script else None,
        )
        try:
            for chunk in stream:
                text = chunk.choices[0].delta.content if chunk.choices else None
                if text:
                    yield Token(time.monotonic(), text)
        except APIConnectionError as error:
            raise Broken(str(error)) from error
        except Exception as error:
            # Older SDKs let their HTTP library's error out, and which library that is depends on the version, too.
            if type(error).__module__.startswith("httpx"):
                raise Broken(str(error)) from error
            raise


def complete(client: Client, *, base: str = "/v1", script: str = "") -> str:
    """Ask a question and wait for the whole answer."""
    with make_sdk(client, base) as sdk:
        answer = sdk.chat.completions.create(
            model="test",
            messages=[{"role": "user", "content": "hello"}],
            extra_headers={"x-origin-script": script} if script else None,
        )
    return answer.choices[0].message.content or ""
