"""Collect the rows of concurrent requests, so that one call of the model scores them together."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from firelib.errors import FirelibError
from firelib.evaluate.arrays import Floats

Columns = dict[str, Any]

_PASSES = 3  # of the event loop: a socket is read, the request is parsed, its rows are submitted


class OverloadedError(FirelibError):
    """More rows wait than the server accepts; the same request may succeed later."""


@dataclass(frozen=True)
class BatchLimits:
    """How many rows are scored together, and how many may wait.

    Attributes:
        rows: Rows in one call of the model; a larger request is a call of its own.
        seconds: How long a request waits for others that the server is receiving.
        waiting_rows: Rows that wait for the model before requests are refused.
    """

    rows: int
    seconds: float
    waiting_rows: int


@dataclass(frozen=True)
class _Request:
    columns: Columns
    rows: int
    result: "asyncio.Future[Floats]"

    def finish(self, outcome: Floats | Exception) -> None:
        if self.result.done():  # the client has gone
            return
        if isinstance(outcome, Exception):
            self.result.set_exception(outcome)
        else:
            self.result.set_result(outcome)


class Batcher:
    """Scores the rows of concurrent requests together, on a thread of its own.

    A request waits for others only while the server is receiving some, so that a lone one is scored at once. If the
    model fails, the requests are scored one by one, so that a request fails only because of its own rows.

    Args:
        score: Scores columns [rows, …].
        limits: How many rows are scored together, and how many may wait.

    Attributes:
        calls: Number of calls of the model.
    """

    def __init__(self, score: Callable[[Columns], Floats], limits: BatchLimits) -> None:
        self._call_model, self._limits = score, limits
        self._waiting: deque[_Request] = deque()
        self._waiting_rows = 0
        self._arrived, self._changed = asyncio.Event(), asyncio.Event()
        self._model = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._task: asyncio.Task[None] | None = None
        self._receiving = self.calls = 0

    def start(self) -> None:
        """Start to score, on the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop to score, after the call that is in progress."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._model.shutdown()

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Tell that a request is being received, and will be submitted after the block unless it is invalid."""
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1
            self._changed.set()

    async def submit(self, columns: Columns, rows: int) -> Floats:
        """Score the rows of a request.

        Args:
            columns: Feature name → column.
            rows: Number of rows, at least 1.

        Returns:
            Outputs of the model [rows] or [rows, …].

        Raises:
            OverloadedError: Too many rows wait already.
        """
        if self._waiting_rows and self._waiting_rows + rows > self._limits.waiting_rows:
            raise OverloadedError(
                f"{self._waiting_rows:,} rows wait for the model",
                where="the server",
                remedy="send the request again later",
            )
        request = _Request(columns, rows, asyncio.get_running_loop().create_future())
        self._waiting.append(request)
        self._waiting_rows += rows
        self._arrived.set()
        self._changed.set()
        return await request.result

    async def _run(self) -> None:
        while True:
            await self._arrived.wait()
            await self._wait_for_more()
            batch = self._take_batch()
            for part, outcome in await asyncio.get_running_loop().run_in_executor(self._model, self._score, batch):
                part.finish(outcome)

    async def _wait_for_more(self) -> None:
        """Let the event loop read what has arrived, then wait for the requests that are being received."""
        for _ in range(_PASSES):
            await asyncio.sleep(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.seconds):
                while self._receiving and self._waiting_rows < self._limits.rows:
                    self._changed.clear()
                    await self._changed.wait()

    def _take_batch(self) -> list[_Request]:
        batch, rows = [self._waiting.popleft()], 0
        rows = batch[0].rows
        while self._waiting and rows + self._waiting[0].rows <= self._limits.rows:
            batch.append(self._waiting.popleft())
            rows += batch[-1].rows
        self._waiting_rows -= rows
        if not self._waiting:
            self._arrived.clear()
        return batch

    def _score(self, batch: Sequence[_Request]) -> list[tuple[_Request, Floats | Exception]]:
        """Score requests together; one after the other if that fails, since the rows of one may be the cause."""
        try:
            return list(zip(batch, self._score_together(batch), strict=True))
        except Exception as error:  # noqa: BLE001  the requests report it
            if len(batch) == 1:
                return [(batch[0], error)]
        return [result for request in batch for result in self._score([request])]

    def _score_together(self, batch: Sequence[_Request]) -> list[Floats]:
        self.calls += 1
        outputs = self._call_model(_concatenate([request.columns for request in batch]))
        ends = np.cumsum([request.rows for request in batch])
        if len(outputs) != ends[-1]:
            raise ValueError(f"expected {ends[-1]} outputs from the model, got {len(outputs)}")
        return np.split(outputs, ends[:-1])


def _concatenate(parts: Sequence[Columns]) -> Columns:
    if len(parts) == 1:
        return parts[0]
    return {name: _join([part[name] for part in parts]) for name in parts[0]}


def _join(columns: Sequence[Any]) -> Any:
    return pa.concat_arrays(columns) if isinstance(columns[0], pa.Array) else np.concatenate(columns)
