"""The slow network delays and throttles, and changes nothing else.

Only lower bounds of times hold on a busy machine.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.input.slow_network import Link, SlowNetwork

MIB = 1 << 20


@asynccontextmanager
async def echo_behind(round_trip: float, bandwidth: float) -> AsyncIterator[int]:
    """Yield the port of a slow network in front of a server that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server:
        proxy = await SlowNetwork(*server.sockets[0].getsockname(), round_trip, bandwidth).start()
        async with proxy:
            yield proxy.sockets[0].getsockname()[1]


async def exchange(port: int, content: bytes) -> bytes:
    """Send, then close that direction, and read until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def send() -> None:
        writer.write(content)
        await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    answer = await reader.read(-1)
    await sending
    writer.close()
    return answer


def test_link_transmits_one_after_the_other_and_delays_each() -> None:
    link = Link(delay=0.01, bandwidth=1000)
    assert link.arrival(100, now=5.0) == pytest.approx(5.11)
    assert link.arrival(100, now=5.0) == pytest.approx(5.21)
    assert link.arrival(100, now=9.0) == pytest.approx(9.11)


def test_bytes_arrive_unchanged_and_no_faster_than_the_bandwidth() -> None:
    content = os.urandom(MIB)

    async def run() -> float:
        async with echo_behind(0.0, 8 * MIB) as port:
            begin = time.perf_counter()
            assert await exchange(port, content) == content
            return time.perf_counter() - begin

    assert asyncio.run(run()) >= 1 / 8


def test_connections_share_the_bandwidth() -> None:
    content = os.urandom(MIB // 2)

    async def run() -> float:
        async with echo_behind(0.0, 8 * MIB) as port:
            begin = time.perf_counter()
            answers = await asyncio.gather(*(exchange(port, content) for _ in range(4)))
            assert answers == [content] * 4
            return time.perf_counter() - begin

    assert asyncio.run(run()) >= 2 / 8


def test_opening_and_each_exchange_take_a_round_trip() -> None:
    async def run() -> float:
        async with echo_behind(0.1, 100 * MIB) as port:
            begin = time.perf_counter()
            assert await exchange(port, b"x") == b"x"
            return time.perf_counter() - begin

    assert asyncio.run(run()) >= 0.2


def test_server_that_is_gone_closes_the_connection() -> None:
    async def run() -> bytes:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        server.close()
        await server.wait_closed()
        async with await SlowNetwork(*address, 0.0, MIB).start() as proxy:
            return await exchange(proxy.sockets[0].getsockname()[1], b"x")

    assert asyncio.run(run()) == b""
