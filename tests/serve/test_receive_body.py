import asyncio

import pytest

from firelib.serve.batcher import OverloadedError
from firelib.serve.receive_body import InterruptedRequestError, ReceivedBytes, read_body
from tests.errors import refused


@pytest.mark.parametrize("length", ["²", "1" * 5000, "-5", "x"])
def test_length_is_only_a_claim(length):
    async def run():
        async def stream():
            yield b"{}"

        return await read_body(stream(), length, 10, 1, lambda size: None)

    assert asyncio.run(run()) == b"{}"


def test_slow_client_is_answered():
    async def slow():
        yield b"{"
        await asyncio.sleep(10)

    with refused(what="0.01", kind=InterruptedRequestError):
        asyncio.run(read_body(slow(), None, 10, 0.01, lambda size: None))


def test_bodies_in_memory_are_limited():
    received = ReceivedBytes(10)
    with received.count() as first:
        first(8)
        with received.count() as second, refused(what="10", kind=OverloadedError):
            second(3)
    with received.count() as third:
        third(10)
