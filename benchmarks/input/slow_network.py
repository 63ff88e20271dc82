"""A TCP proxy on this machine that delays and throttles, like a network between a machine and an object store.

    python -m benchmarks.input.slow_network HOST PORT --milliseconds 20 --mib 50

It prints its own port, and ends with its standard input. A link has one bandwidth for all connections, in each
direction; what it transmits arrives half a round trip later, and opening a connection takes a round trip.
"""

import argparse
import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass

_CHUNK = 1 << 16
_CHUNKS_ON_THE_WAY = 64  # of a connection, in each direction; a sender waits when there are more


@dataclass
class Link:
    """One direction of the network.

    Attributes:
        delay: Seconds from the end of a transmission to its arrival.
        bandwidth: Bytes per second.
        free_at: Time (`time.monotonic`) at which the last transmission ends.
    """

    delay: float
    bandwidth: float
    free_at: float = 0.0

    def arrival(self, size: int, now: float) -> float:
        """Time at which `size` bytes that are sent `now` arrive, after all that was sent before."""
        self.free_at = max(now, self.free_at) + size / self.bandwidth
        return self.free_at + self.delay


class SlowNetwork:
    """The proxy.

    Args:
        host: Host of the server.
        port: Port of the server.
        round_trip: Seconds of a round trip.
        bandwidth: Bytes per second in each direction.
    """

    def __init__(self, host: str, port: int, round_trip: float, bandwidth: float) -> None:
        self._server, self._round_trip = (host, port), round_trip
        self._up, self._down = (Link(round_trip / 2, bandwidth) for _ in range(2))

    async def start(self) -> asyncio.Server:
        """Listen on a free port of the loopback interface."""
        return await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self._round_trip)
        with contextlib.closing(writer):
            try:
                server_reader, server_writer = await asyncio.open_connection(*self._server)
                with contextlib.closing(server_writer):
                    async with asyncio.TaskGroup() as directions:
                        directions.create_task(_forward(reader, server_writer, self._up))
                        directions.create_task(_forward(server_reader, writer, self._down))
            except* ConnectionError:
                pass  # either side may hang up at any time; that ends both directions


async def _forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, link: Link) -> None:
    """Forward one direction, until its sender closes it."""
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS_ON_THE_WAY)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_send(reader, on_the_way, link))
        tasks.create_task(_deliver(on_the_way, writer))


async def _send(reader: asyncio.StreamReader, on_the_way: "asyncio.Queue[tuple[float, bytes]]", link: Link) -> None:
    """Transmit what arrives from a sender; an empty chunk is its end."""
    chunk = b"-"
    while chunk:
        chunk = await reader.read(_CHUNK)
        await on_the_way.put((link.arrival(len(chunk), time.monotonic()), chunk))


async def _deliver(on_the_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
    """Hand chunks over when they arrive."""
    while True:
        arrival, chunk = await on_the_way.get()
        await asyncio.sleep(arrival - time.monotonic())
        if not chunk:
            writer.write_eof()
            return
        writer.write(chunk)
        await writer.drain()


async def _serve(host: str, port: int, round_trip: float, bandwidth: float) -> None:
    server = await SlowNetwork(host, port, round_trip, bandwidth).start()
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201  the parent reads it
    async with server:
        await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--milliseconds", type=float, default=20, help="a round trip")
    parser.add_argument("--mib", type=float, default=50, help="MiB per second in each direction")
    options = parser.parse_args()
    asyncio.run(_serve(options.host, options.port, options.milliseconds / 1e3, options.mib * 2**20))


if __name__ == "__main__":
    main()
