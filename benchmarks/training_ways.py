"""Ways to train an epoch: our loop from shards or from memory, Keras' `fit` on the same batches."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import repeat
from types import SimpleNamespace
from typing import Any

from firelib.tfrecord.format.manifest import read_manifest
from firelib.tfrecord.read.dataset import open_dataset
from firelib.train.run_spec import TrainingJob
from firelib.train.tracking.tracker import Journal, NoTracker
from firelib.train.worker.input_pipeline import Feed, reading_options
from firelib.train.worker.model_builder import build_model
from firelib.train.worker.training_loop import TrainingWorker

Epoch = Callable[[], dict[str, float]]


def ways(job: TrainingJob, strategy: Any, rank: int, world: int) -> dict[str, Callable[[], Epoch]]:
    """Ways to train: name → a function that prepares the way and returns a function that trains an epoch.

    The latter returns the `seconds` of the epoch, and the seconds that it `waited` for data.
    """

    def ours(job: TrainingJob) -> _Loop:
        return _Loop(job, strategy, rank, world)

    return {
        "shards": lambda: ours(job),
        "memory": lambda: ours(job).from_memory(),
        "half": lambda: ours(_half(job)),
        "saving": lambda: ours(_saving(job)),
        "fit": lambda: _Fit(job, cached=False),
        "fit, memory": lambda: _Fit(job, cached=True),
    }


def _half(job: TrainingJob) -> TrainingJob:
    """Halve the batches: each of two workers computes as much."""
    train = job.params.train
    train = train.model_copy(update={"global_batch_size": train.global_batch_size // 2})
    return replace(job, params=job.params.model_copy(update={"train": train}))


def _saving(job: TrainingJob) -> TrainingJob:
    """Save one checkpoint within the epoch."""
    train = job.params.train
    rows = read_manifest(job.manifest).split("train").rows
    checkpoint = train.checkpoint.model_copy(update={"every_steps": rows // train.global_batch_size * 2 // 3})
    train = train.model_copy(update={"checkpoint": checkpoint})
    return replace(job, params=job.params.model_copy(update={"train": train}))


class _Loop:
    """The real worker, without Ray."""

    def __init__(self, job: TrainingJob, strategy: Any, rank: int, world: int) -> None:
        life = SimpleNamespace(stop_wanted=False, move=_nothing, say=_nothing, show=_nothing)
        self._worker = TrainingWorker(job, strategy, life, rank, world, _nothing)  # type: ignore[arg-type]
        self._worker._journal = Journal(NoTracker(), job, self._worker._feed.steps)

    def from_memory(self) -> "_Loop":
        self._worker._feed = _Memory(self._worker._feed)  # type: ignore[assignment]
        return self

    def __call__(self) -> dict[str, float]:
        worker = self._worker
        worker._progress.position = 0
        waited, start = self._waited, time.perf_counter()
        worker._train_epoch()
        seconds = time.perf_counter() - start
        worker._progress.epoch += 1
        return {"seconds": seconds, "waited": max(0.0, self._waited - waited)}

    @property
    def _waited(self) -> float:
        return self._worker._meter.summary().get("data_seconds", 0.0)


class _Memory:
    """The batches of the first epoch as tensors in memory: nothing is read."""

    def __init__(self, feed: Feed) -> None:
        import tensorflow as tf

        self.steps, calls = feed.steps, list(feed.training(0, 0))
        self._calls, batches = len(calls), [next(iterator) for iterator in calls]
        self._batches = tf.data.Dataset.from_tensor_slices(
            tf.nest.map_structure(lambda *tensors: tf.stack(tensors), *batches)
        )

    def training(self, epoch: int, position: int) -> Iterator[Any]:  # noqa: ARG002  every epoch repeats the first one
        yield from repeat(iter(self._batches.prefetch(2).with_options(reading_options())), self._calls)


class _Fit:
    """`keras.Model.fit` without a strategy, on the batches of the first epoch."""

    def __init__(self, job: TrainingJob, cached: bool) -> None:
        import tensorflow as tf

        train = job.params.train
        self._model = build_model(job, read_manifest(job.manifest))
        self._batches = open_dataset(job.manifest).as_tf(train.global_batch_size, "train", seed=train.seed)
        if cached:
            self._batches = self._batches.cache().prefetch(tf.data.AUTOTUNE)

    def __call__(self) -> dict[str, float]:
        start = time.perf_counter()
        self._model.fit(self._batches, verbose=0)
        return {"seconds": time.perf_counter() - start, "waited": 0.0}


def _nothing(*_: Any) -> None:
    pass
