"""How fast are TFRecords written, by one process, against a plain write of the same bytes and against others?

    python -m benchmarks.tfrecord_write [--rows 200000] [--rounds 5]

Peers: `tf.io.TFRecordWriter` with an Example a row; Ray Data's `write_tfrecords` on two cores. Peers that are slow get
fewer rows; compared are rows per second. Every way starts with columns in memory and ends with files in the page cache.
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks import datasets
from benchmarks.measure import Way, case, interleaved, save
from firelib.tfrecord.columns import to_columns
from firelib.tfrecord.shards import layout_of, write_shard

_CHUNK = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ray", action="store_true", help="also against Ray Data (starts a local Ray)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp())
    try:
        makers = (datasets.images, datasets.numbers, datasets.strings)
        cases = [_measure(make(options.rows), folder, options.rounds, options.ray) for make in makers]
    finally:
        shutil.rmtree(folder)
    print(save("tfrecord_write", cases))  # noqa: T201  the one thing to say


def _measure(data: datasets.Case, folder: Path, rounds: int, ray: bool) -> dict[str, Any]:
    rows, layout = len(data.columns["label"]), layout_of(data.features)
    table = pa.table({name: _arrow(column) for name, column in data.columns.items()})
    columns = to_columns(table, data.features)
    path = folder / "ours.tfrecord"
    write_shard(path, columns, layout)
    content = path.read_bytes()
    ways = {
        "firelib": Way(lambda: write_shard(_fresh(path), columns, layout), "one process, from columns", rows),
        "plain write": Way(lambda: _plain(_fresh(folder / "plain"), content), "the same bytes, 1 MiB a call", rows),
        "naive": Way(lambda: _naive(data, folder, 2000), "an Example a row, TFRecordWriter", 2000),
    }
    if ray:
        ways["ray data"] = Way(lambda: _ray(table.slice(0, 20_000), folder), "write_tfrecords, 2 CPUs", 20_000)
    rates = interleaved(ways, rounds)
    return case(data.title, ways, rates, {name: "firelib" for name in ways if name != "firelib"})


def _fresh(path: Path) -> Path:
    path.unlink(missing_ok=True)
    return path


def _plain(path: Path, content: bytes) -> None:
    view = memoryview(content)
    with path.open("wb", buffering=0) as file:
        for start in range(0, len(content), _CHUNK):
            file.write(view[start : start + _CHUNK])


def _naive(data: datasets.Case, folder: Path, rows: int) -> None:
    import tensorflow as tf

    head = data.head(rows)
    with tf.io.TFRecordWriter(str(folder / "naive")) as writer:
        for row in range(rows):
            features = {name: _feature(column[row]) for name, column in head.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString())


def _feature(value: Any) -> Any:
    import tensorflow as tf

    if isinstance(value, str | np.ndarray):
        content = value.encode() if isinstance(value, str) else value.tobytes()
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[content]))
    if isinstance(value, np.floating):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def _ray(table: pa.Table, folder: Path) -> None:
    import ray

    if not ray.is_initialized():
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        ray.data.DataContext.get_current().enable_progress_bars = False
    shutil.rmtree(folder / "ray", ignore_errors=True)
    plain = pa.table({name: _flat(table[name]) for name in table.column_names})
    ray.data.from_arrow(plain).write_tfrecords(str(folder / "ray"))


def _flat(column: pa.ChunkedArray) -> Any:
    """Images as bytes, which is how Ray Data writes them fastest."""
    if not pa.types.is_fixed_size_list(column.type):
        return column
    array = column.combine_chunks()
    width = array.type.list_size
    return pa.Array.from_buffers(pa.binary(width), len(array), [None, array.flatten().buffers()[1]]).cast(pa.binary())


def _arrow(column: Any) -> pa.Array:
    if isinstance(column, np.ndarray) and column.ndim > 1:
        return pa.FixedSizeListArray.from_arrays(pa.array(column.reshape(-1)), int(np.prod(column.shape[1:])))
    return pa.array(column)


if __name__ == "__main__":
    main()
