"""WebDataset: samples as files in a tar archive.

Like ArrayRecord it stores bytes: the writer gets Examples that are already serialized (in its favour), and
`parse_example` parses the records that it reads.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.peers.parse_example import parser
from firelib import Feature

WRITE_SETTINGS = "Examples ready-made, TarWriter without encoder, uncompressed"
READ_SETTINGS = "uncompressed tar, not decoded, batched, parse_example"


def write(path: Path, records: Sequence[bytes]) -> None:
    import webdataset

    with webdataset.TarWriter(str(path), encoder=False) as writer:
        for index, record in enumerate(records):
            writer.write({"__key__": f"{index:09d}", "example": record})


def dataset(path: Path, features: Sequence[Feature], batch: int) -> Any:
    """Read batches of (features, label)."""
    import tensorflow as tf
    import webdataset

    def batches() -> Iterator[list[bytes]]:
        samples = webdataset.WebDataset(str(path), shardshuffle=False).to_tuple("example")
        for (records,) in samples.batched(batch, collation_fn=lambda rows: tuple(map(list, zip(*rows, strict=True)))):
            yield records

    records = tf.data.Dataset.from_generator(batches, output_signature=tf.TensorSpec((None,), tf.string))
    return records.map(parser(features), num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
