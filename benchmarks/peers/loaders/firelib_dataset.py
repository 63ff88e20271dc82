"""firelib: fixed-layout or canonical TFRecords, in the elastic order."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.datasets import LABEL
from benchmarks.harness.on_cpu import import_tensorflow
from benchmarks.input.job import Job, Schema
from firelib import Feature, open_dataset, write_tfrecords

SHARD_MIB = 8

_EPOCHS = 100  # of one tf.data.Dataset


def features(schema: Schema) -> list[Feature]:
    """The features of a schema, with the label at the end."""
    columns = [Feature(name, dtype, shape=shape) for name, (dtype, shape) in schema.items() if name != LABEL.name]
    return [*columns, LABEL]


def write(columns: Mapping[str, Any], schema: Schema, folder: Path) -> None:
    *inputs, label = features(schema)
    write_tfrecords(columns, str(folder), inputs, label=label, shard_mib=SHARD_MIB)


@contextmanager
def prepared(job: Job) -> Iterator[Callable[[], Iterator[dict[str, Any]]]]:
    import_tensorflow()

    def batches() -> Iterator[dict[str, Any]]:
        dataset = open_dataset(job.source)
        for epoch in count(step=_EPOCHS):
            for columns, label in dataset.as_tf(job.batch, seed=1, epoch=epoch, epochs=_EPOCHS):
                yield {**columns, LABEL.name: label}

    yield batches
