"""How fast do batches of tensors come out of TFRecords, against the best-tuned `parse_example` and memory?

    python -m benchmarks.tfrecord_read [--rows 200000] [--rounds 5] [--batch 512]

`parse_example`: `TFRecordDataset` with a 1 MiB buffer, whole batches parsed, AUTOTUNE, prefetch; shuffled with a buffer
of 10,000. `memory`: tensors batched beforehand. Every way ends with batches in Python's hands; images are decoded.
"""

import argparse
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

from benchmarks import datasets
from benchmarks.measure import Way, case, interleaved, save
from firelib import Feature, open_dataset, write_tfrecords
from firelib.tfrecord.layout import kind_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=int, default=512)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        makers = (datasets.images, datasets.numbers, datasets.strings)
        cases = [_measure(make(options.rows), folder / make.__name__, options.rounds, options.batch) for make in makers]
    finally:
        shutil.rmtree(folder)
    print(save("tfrecord_read", cases))  # noqa: T201  the one thing to say


def _measure(data: datasets.Case, folder: Path, rounds: int, batch: int) -> dict[str, Any]:
    rows = len(data.columns["label"])
    write_tfrecords(data.columns, str(folder), data.features[:-1], label=data.features[-1], shard_mib=64)
    dataset = open_dataset(str(folder))
    files = sorted(str(path) for path in folder.glob("*.tfrecord"))
    made = {
        "firelib": (dataset.as_tf(batch), "as_tf"),
        "firelib shuffled": (dataset.as_tf(batch, seed=1), "as_tf(seed=1)"),
        "parse_example": (_tuned(files, data.features, batch, 0), "AUTOTUNE, 1 MiB buffer"),
        "parse_example shuffled": (_tuned(files, data.features, batch, 10_000), "the same, shuffle(10_000)"),
        "memory": (_memory(dataset, batch), "batched beforehand, no reading at all"),
    }
    ways = {name: Way(lambda ds=ds: _drain(ds), settings, rows) for name, (ds, settings) in made.items()}
    pairs = {"parse_example": "firelib", "parse_example shuffled": "firelib shuffled", "memory": "firelib"}
    return case(data.title, ways, interleaved(ways, rounds), pairs)


def _drain(dataset: Any) -> None:
    for _ in dataset:
        pass


def _tuned(files: list[str], features: list[Feature], batch: int, shuffle: int) -> Any:
    import tensorflow as tf

    spec = {feature.name: _spec(feature) for feature in features}

    def parse(records: Any) -> Any:
        parsed = tf.io.parse_example(records, spec)
        for feature in features:
            if feature.shape:
                flat = tf.io.decode_raw(parsed[feature.name], tf.uint8)
                parsed[feature.name] = tf.reshape(flat, (-1, *feature.shape))
        label = parsed.pop("label")
        return parsed, label

    dataset = tf.data.TFRecordDataset(files, buffer_size=1 << 20)
    if shuffle:
        dataset = dataset.shuffle(shuffle)
    return dataset.batch(batch).map(parse, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _spec(feature: Feature) -> Any:
    import tensorflow as tf

    kind = kind_of(feature)
    dtype = {"bytes": tf.string, "float": tf.float32, "int64": tf.int64}[kind]
    return tf.io.FixedLenFeature((), dtype)


def _memory(dataset: Any, batch: int) -> Any:
    batches = list(dataset.as_tf(batch))

    import tensorflow as tf

    whole = batches[0]
    few = tf.data.Dataset.from_tensors(whole)
    return few.repeat(len(batches)).prefetch(tf.data.AUTOTUNE)


if __name__ == "__main__":
    main()
