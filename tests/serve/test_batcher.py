import asyncio
import threading

import numpy as np
import pytest

from firelib.serve.batcher import Batcher, BatchLimits, OverloadedError


def column(*values):
    return {"x": np.array(values, float)}


class Slow:
    """Doubles numbers when it is told to."""

    def __init__(self):
        self.go, self.sizes = threading.Event(), []

    def __call__(self, columns):
        assert self.go.wait(10)
        self.sizes.append(len(columns["x"]))
        return columns["x"] * 2


async def started(score, **limits):
    batcher = Batcher(score, BatchLimits(**{"rows": 4, "seconds": 0.5, "waiting_rows": 100, **limits}))
    batcher.start()
    return batcher


def test_requests_that_wait_are_scored_together():
    async def run():
        model = Slow()
        batcher = await started(model)
        first = asyncio.create_task(batcher.submit(column(0), 1))
        await asyncio.sleep(0.05)  # the model works on it
        others = [asyncio.create_task(batcher.submit(column(n, n), 2)) for n in (1, 2, 3)]
        await asyncio.sleep(0)
        model.go.set()
        results = [outputs.tolist() for outputs in await asyncio.gather(first, *others)]
        await batcher.stop()
        return results, model.sizes

    assert asyncio.run(run()) == ([[0], [2, 2], [4, 4], [6, 6]], [1, 4, 2])


def test_lone_request_does_not_wait():
    async def run():
        batcher = await started(lambda columns: columns["x"], seconds=60)
        async with asyncio.timeout(5):
            await batcher.submit(column(1), 1)
        await batcher.stop()

    asyncio.run(run())


def test_request_waits_for_one_that_is_being_received():
    async def run():
        sizes = []
        batcher = await started(lambda columns: sizes.append(len(columns["x"])) or columns["x"], seconds=10)
        with batcher.receiving():
            first = asyncio.create_task(batcher.submit(column(1), 1))
            await asyncio.sleep(0.05)
            assert not first.done()
        await batcher.submit(column(2), 1)
        await first
        await batcher.stop()
        return sizes

    assert asyncio.run(run()) == [2]


def test_too_many_waiting_rows_are_refused():
    async def run():
        model = Slow()
        batcher = await started(model, waiting_rows=3)
        first = asyncio.create_task(batcher.submit(column(0), 1))
        await asyncio.sleep(0.05)
        second = asyncio.create_task(batcher.submit(column(1, 2, 3), 3))
        await asyncio.sleep(0)
        with pytest.raises(OverloadedError):
            await batcher.submit(column(4), 1)
        model.go.set()
        await asyncio.gather(first, second)
        await batcher.stop()

    asyncio.run(run())


def test_error_of_the_model_reaches_its_requests_only():
    def score(columns):
        if (columns["x"] < 0).any():
            raise ValueError("negative")
        return columns["x"]

    async def run():
        batcher = await started(score)
        with pytest.raises(ValueError, match="negative"):
            await batcher.submit(column(-1), 1)
        assert (await batcher.submit(column(1), 1)).tolist() == [1]
        await batcher.stop()

    asyncio.run(run())


def test_bad_row_does_not_fail_the_other_requests_of_its_batch():
    async def run():
        model = Slow()
        score = refuse_negative(model)
        batcher = await started(score)
        first = asyncio.create_task(batcher.submit(column(0), 1))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(batcher.submit(column(n), 1)) for n in (1, -1, 2)]
        await asyncio.sleep(0)
        model.go.set()
        results = await asyncio.gather(first, *others, return_exceptions=True)
        await batcher.stop()
        return results

    first, good, bad, last = asyncio.run(run())
    assert [outputs.tolist() for outputs in (first, good, last)] == [[0], [2], [4]]
    assert isinstance(bad, ValueError)


def refuse_negative(model):
    def score(columns):
        outputs = model(columns)
        if (columns["x"] < 0).any():
            raise ValueError("negative")
        return outputs

    return score


def test_outputs_are_never_those_of_another_request():
    async def run():
        batcher = await started(lambda columns: columns["x"][1:])
        with pytest.raises(ValueError, match="1"):
            await batcher.submit(column(1), 1)
        await batcher.stop()

    asyncio.run(run())
