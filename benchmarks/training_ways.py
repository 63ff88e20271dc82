"""Ways to train an epoch: our loop from shards or from memory, Keras' `fit` on the same batches."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import repeat
from types import SimpleNamespace
from typing import Any

from firelib.tfrecord.format.manifest import read_manifest
from firelib.tfrecord.read.dataset import open_dataset
from firelib.train.attempt import Attempt
from firelib.train.model.builder import build_model
from firelib.train.run_spec import RunSpec
from firelib.train.tracking.tracker import NoTracker, StepLogger
from firelib.train.worker.input_pipeline import InputPipeline, build_reader_options
from firelib.train.worker.training_loop import TrainingWorker

Epoch = Callable[[], dict[str, float]]
INTERVALS = (5, 20, 100)  # steps between two checkpoints


def ways(spec: RunSpec, strategy: Any, rank: int, world: int) -> dict[str, Callable[[], Epoch]]:
    """Ways to train: name → a function that prepares the way and returns a function that trains an epoch.

    The latter returns the `seconds` of the epoch, and the seconds that it `waited` for data.
    """

    def ours(spec: RunSpec) -> _Loop:
        return _Loop(spec, strategy, rank, world)

    return {
        "shards": lambda: ours(spec),
        "memory": lambda: ours(spec).from_memory(),
        "half": lambda: ours(_half(spec)),
        "saving": lambda: ours(_saving(spec, _steps(spec) * 2 // 3)),
        **{f"every {steps}": lambda steps=steps: ours(_saving(spec, steps)) for steps in INTERVALS},
        "fit": lambda: _Fit(spec, cached=False),
        "fit, memory": lambda: _Fit(spec, cached=True),
    }


def _steps(spec: RunSpec) -> int:
    """Full batches of an epoch."""
    return read_manifest(spec.manifest).split("train").rows // spec.params.train.global_batch_size


def _half(spec: RunSpec) -> RunSpec:
    """Halve the batches: each of two workers computes as much."""
    train = spec.params.train
    train = train.model_copy(update={"global_batch_size": train.global_batch_size // 2})
    return replace(spec, params=spec.params.model_copy(update={"train": train}))


def _saving(spec: RunSpec, every_steps: int) -> RunSpec:
    """Save checkpoints within the epoch."""
    train = spec.params.train
    checkpoint = train.checkpoint.model_copy(update={"every_steps": every_steps})
    train = train.model_copy(update={"checkpoint": checkpoint})
    return replace(spec, params=spec.params.model_copy(update={"train": train}))


class _Loop:
    """The real worker, without Ray."""

    def __init__(self, spec: RunSpec, strategy: Any, rank: int, world: int) -> None:
        heartbeat: Any = SimpleNamespace(
            stop_requested=False, record_progress=_nothing, note=_nothing, show_progress=_nothing
        )
        self._worker = TrainingWorker(spec, Attempt(world), strategy, heartbeat, rank, _nothing)
        self._worker._progress.starts.append(0)
        self._worker._step_logger = StepLogger(NoTracker(), spec.run_uri, self._worker._input.steps)

    def from_memory(self) -> "_Loop":
        self._worker._input = _Memory(self._worker._input)  # type: ignore[assignment]
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

    def __init__(self, pipeline: InputPipeline) -> None:
        import tensorflow as tf

        self.steps, self.row_indices = pipeline.steps, pipeline.row_indices
        calls = list(pipeline.training_batches(0, 0))
        self._calls, batches = len(calls), [next(iterator) for iterator in calls]
        self._batches = tf.data.Dataset.from_tensor_slices(
            tf.nest.map_structure(lambda *tensors: tf.stack(tensors), *batches)
        )

    def training_batches(self, epoch: int, position: int) -> Iterator[Any]:  # noqa: ARG002  every epoch repeats the first one
        yield from repeat(iter(self._batches.prefetch(2).with_options(build_reader_options())), self._calls)


class _Fit:
    """`keras.Model.fit` without a strategy, on the batches of the first epoch."""

    def __init__(self, spec: RunSpec, cached: bool) -> None:
        import tensorflow as tf

        train = spec.params.train
        self._model = build_model(spec, read_manifest(spec.manifest))
        self._batches = open_dataset(spec.manifest).as_tf(train.global_batch_size, "train", seed=train.seed)
        if cached:
            self._batches = self._batches.cache().prefetch(tf.data.AUTOTUNE)

    def __call__(self) -> dict[str, float]:
        start = time.perf_counter()
        self._model.fit(self._batches, verbose=0)
        return {"seconds": time.perf_counter() - start, "waited": 0.0}


def _nothing(*_: Any) -> None:
    pass
