"""Receive the body of a request: limits on its size, its time, and the memory of all requests."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect

from firelib.errors import FirelibError
from firelib.serve.batcher import OverloadedError
from firelib.serve.request_body import TooLargeError


class InterruptedRequestError(FirelibError):
    """A request whose body does not arrive in time."""


class ReceivedBytes:
    """The bytes of all requests in memory: many slow clients must not fill it.

    Args:
        limit: Greatest number of bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit, self._total = limit, 0

    @contextmanager
    def count(self) -> Iterator[Callable[[int], None]]:
        """Count the bytes of a request as long as the block runs.

        Yields:
            A function that adds bytes, and raises OverloadedError beyond the limit.
        """
        own = 0

        def add(size: int) -> None:
            nonlocal own
            own, self._total = own + size, self._total + size
            if self._total > self._limit:
                raise OverloadedError(
                    f"requests of {self._limit:,} bytes are in memory",
                    where="the server",
                    remedy="send the request again later",
                )

        try:
            yield add
        finally:
            self._total -= own


async def read_body(
    stream: AsyncIterator[bytes], length: str | None, limit: int, seconds: float, add: Callable[[int], None]
) -> bytes:
    """Read a body, at most `limit` bytes.

    Args:
        stream: The body.
        length: The header Content-Length, if there is one. It is a claim of the client.
        limit: Greatest number of bytes.
        seconds: How long the body may take.
        add: Is told the size of each part.

    Raises:
        TooLargeError: The body is larger.
        InterruptedRequestError: The body is not complete in time.
        OverloadedError: Other requests fill the memory.
    """
    claimed = int(length) if length and re.fullmatch("[0-9]{1,18}", length) else 0
    if claimed > limit:
        raise _too_large(f"{claimed:,}", limit)
    try:
        async with asyncio.timeout(seconds):
            return await _read_parts(stream, limit, add)
    except TimeoutError:
        raise InterruptedRequestError(
            f"the request is not complete after {seconds:g} s",
            where="the request",
            remedy="send fewer rows in a request",
        ) from None
    except ClientDisconnect:
        raise InterruptedRequestError(
            "the request is not complete", where="the request", remedy="send the request again"
        ) from None


async def _read_parts(stream: AsyncIterator[bytes], limit: int, add: Callable[[int], None]) -> bytes:
    parts, total = [], 0
    async for part in stream:
        add(len(part))
        parts.append(part)
        total += len(part)
        if total > limit:
            raise _too_large(f"more than {limit:,}", limit)
    return b"".join(parts)


def _too_large(size: str, limit: int) -> TooLargeError:
    return TooLargeError(
        f"the request has {size} bytes, at most {limit:,} are allowed",
        where="the request",
        remedy="send fewer rows in a request, or start the server with a larger --max-body-mib",
    )
