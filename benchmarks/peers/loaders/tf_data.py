"""tf.data on firelib's shards, which are ordinary TFRecords: as in TensorFlow's tutorial, and tuned."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness.on_cpu import import_tensorflow
from benchmarks.input.job import Job
from benchmarks.peers import parse_example
from benchmarks.peers.loaders.firelib_dataset import features, write

__all__ = ["pipeline", "prepared", "write"]

SHUFFLE = 10_000


@contextmanager
def prepared(job: Job) -> Iterator[Callable[[], Iterator[dict[str, Any]]]]:
    """Prepare a pipeline; the option `tuned` chooses which."""
    import_tensorflow()
    yield lambda: merged(pipeline(job).repeat())


def pipeline(job: Job) -> Any:
    """One epoch of (features, label) as a `tf.data.Dataset`."""
    files = sorted(map(str, Path(job.source).glob("*.tfrecord")))
    if job.options["tuned"]:
        return parse_example.dataset(files, features(job.schema), job.batch, SHUFFLE)
    return _tutorial(files, job)


def merged(dataset: Any) -> Iterator[dict[str, Any]]:
    """Iterate over (features, label) batches as one mapping."""
    for columns, label in dataset:
        yield {**columns, "label": label}


def _tutorial(files: list[str], job: Job) -> Any:
    import tensorflow as tf

    one, auto = parse_example.parser(features(job.schema)), tf.data.AUTOTUNE
    records = tf.data.TFRecordDataset(files).map(partial(_parse_row, one), num_parallel_calls=auto)
    return records.shuffle(SHUFFLE).batch(job.batch).prefetch(auto)


def _parse_row(parse: Callable[[Any], Any], record: Any) -> Any:
    """Parse one record, as `parse_single_example` does: a batch of one."""
    import tensorflow as tf

    return tf.nest.map_structure(lambda column: column[0], parse(record[tf.newaxis]))
