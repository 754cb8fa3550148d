"""Chat completions with the `openai` SDK, and what a script can do to them."""

import json

import openai
import pytest

from proxycfg.origin import Origin
from tests.clients import chat, sse
from tests.clients.http import Client
from tests.origin.conftest import Reach


@pytest.fixture(params=["http/1.1", "http/1.1+tls", "2"])
def client(request: pytest.FixtureRequest, reach: Reach) -> Client:
    """The transports the SDK speaks."""
    return reach(request.param)


def test_tokens_without_a_script(client: Client) -> None:
    """Eight of them, then the SDK has seen the end."""
    assert [token.text for token in chat.stream_tokens(client)] == [f"token{number} " for number in range(1, 9)]


def test_tokens_in_lock_step(client: Client, origin: Origin, key: str) -> None:
    """The SDK hands each over before the next is sent."""
    tokens = chat.stream_tokens(client, script=f'openai; event n=3 gate={key} data="t{{n}}"')
    for number, token in enumerate(tokens, 1):
        assert token.text == f"t{number}"
        assert len(origin.exchange(key).events()) == number
        origin.release(key)

    assert origin.wait_ended(key).completed


def test_a_whole_completion(client: Client) -> None:
    """Without ``stream`` the answer comes in one piece."""
    assert chat.complete(client, script="openai; event n=2") == "token1 token2 "


def test_a_stream_on_the_wire(reach: Reach) -> None:
    """One chunk per token, a reason to stop, the usage if asked for, ``[DONE]``."""
    asked = {"model": "m", "stream": True, "stream_options": {"include_usage": True}, "messages": []}
    with reach("http/1.1").request(
        "/v1/chat/completions", method="POST", body=json.dumps(asked).encode(), script="openai; event; comment; event"
    ) as call:
        data = [event.data for event in sse.Stream(call)]

    assert data[-1] == "[DONE]"
    chunks = [json.loads(each) for each in data[:-1]]
    assert {chunk["model"] for chunk in chunks} == {"m"}
    assert [chunk["choices"][0]["delta"] for chunk in chunks[:-1]] == [
        {"role": "assistant", "content": ""},
        {"content": "token1 "},
        {"content": "token2 "},
        {},
    ]
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 4
    assert chunks[-1]["usage"] == {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert chunks[-2]["choices"][0]["finish_reason"] == "stop"


def test_a_stream_that_breaks(client: Client) -> None:
    """The SDK raises, it does not take the cut for an end."""
    tokens = chat.stream_tokens(client, script="openai; event n=2; rst")
    with pytest.raises(chat.Broken):
        list(tokens)


def test_an_error_before_the_stream(client: Client) -> None:
    """As an overloaded provider answers."""
    with pytest.raises(openai.RateLimitError):
        list(chat.stream_tokens(client, script='json status=429; raw "{}"'))


@pytest.mark.parametrize("body", [b"", b"{", b"[]"])
def test_a_prompt_that_is_none(reach: Reach, body: bytes) -> None:
    """Is a bad request."""
    with reach("http/1.1").request("/v1/chat/completions", method="POST", body=body) as call:
        assert call.head().status == 400
