"""How fast are TFRecords read into batches of tensors, against the best-tuned `parse_example`, other peers, and memory?

    python -m benchmarks.tfrecord_read [--rows 200000] [--rounds 3] [--batch 512] [--short]

Each way is measured twice: iterated inside TensorFlow, which shows the cost of the pipeline, and by a Python loop,
which adds the same 50 to 300 microseconds per batch to all ways and so hides differences. Ways without a
`tf.data.Dataset` are only measured in the loop. All ways decode images, except Ray Data and tfx-bsl, which return
bytes. Slow peers get fewer rows. `--short` takes 100,000 rows and one round, and leaves out the Python loop.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import datasets
from benchmarks.harness import drain
from benchmarks.harness.measure import Pair, Way, compared, interleaved, present, save
from benchmarks.harness.on_cpu import import_tensorflow
from benchmarks.peers import array_record, parse_example, plain, ray_data, tfx_bsl, web_dataset
from benchmarks.peers.records import read_records
from firelib import open_dataset, write_tfrecords
from firelib.console import note

_ARRAY_RECORD_ROWS, _TAR_ROWS, _RAY_ROWS, _SHUFFLE = 100_000, 10_000, (500, 4_500), 10_000
_LOOP = ", Python loop"
_GOALS = {
    "images": {"parse_example": 4.5, "parse_example shuffled": 3.0},
    "numbers": {"parse_example": 5.0, "parse_example shuffled": 3.0},
    "strings": {"parse_example": 1.3, "ArrayRecord": 1.0},
}


@dataclass(frozen=True)
class Files:
    """The input of all ways.

    Attributes:
        data: The rows, with a title.
        ours: A firelib dataset of all rows.
        paths: Its shards.
        folder: Folder for the peers' files.
        batch: Rows per batch.
    """

    data: datasets.Case
    ours: Any
    paths: Sequence[str]
    folder: Path
    batch: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    import_tensorflow()
    rows, rounds = (100_000, 1) if options.short else (options.rows, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        cases = _cases(Path(folder), rows, options.batch, rounds, in_loop=not options.short)
        note(f"figures: {save('tfrecord_read', 'How fast do batches come out of TFRecords?', cases)}")


def _cases(folder: Path, rows: int, batch: int, rounds: int, in_loop: bool) -> Iterator[dict[str, Any]]:
    for make in datasets.MAKERS:
        data = make(rows)
        note(f"reading {data.title}")
        files = _write(data, folder / make.__name__, batch)
        yield from _measure(files, _GOALS[make.__name__], rounds, in_loop)


def _write(data: datasets.Case, folder: Path, batch: int) -> Files:
    """Write the rows as shards; at least two, since one peer reads two at once."""
    ours = folder / "firelib"
    write_tfrecords(data.columns, str(ours), data.features[:-1], label=data.features[-1], shard_mib=32)
    paths = sorted(map(str, ours.glob("*.tfrecord")))
    return Files(data, open_dataset(str(ours)), paths, folder, batch)


def _measure(files: Files, goals: dict[str, float], rounds: int, in_loop: bool) -> list[dict[str, Any]]:
    """Measure two cases: iterated inside TensorFlow, and, with `in_loop`, by a Python loop."""
    with tfx_bsl.TfxBsl() as process:
        ways, absent = present(_in_tensorflow(files))
        makers = _loops(files, list(ways)) | _without_dataset(files, process) if in_loop else {}
        loops, absent_loops = present(makers)
        rates = interleaved({**ways, **{f"{name}{_LOOP}": way for name, way in loops.items()}}, rounds)
    pairs = [_pair(peer, goals.get(peer)) for peer in ways if not peer.startswith("firelib")]
    loop_pairs = [_pair(peer) for peer in loops if not peer.startswith("firelib")]
    loop_rates = rates.renamed({name: f"{name}{_LOOP}" for name in loops})
    inside = compared(f"{files.data.title}, inside TensorFlow", ways, rates, pairs, absent)
    looped = compared(f"{files.data.title}{_LOOP}", loops, loop_rates, loop_pairs, absent_loops)
    return [inside, looped] if in_loop else [inside]


def _pair(peer: str, goal: float | None = None) -> Pair:
    return Pair("firelib shuffled" if peer.endswith("shuffled") else "firelib", peer, goal)


def _in_tensorflow(files: Files) -> dict[str, Callable[[], Way]]:
    makers: dict[str, Callable[[], Way]] = {name: partial(_inside, files, name) for name in _DATASETS}
    size = files.data.rows
    return makers | {"plain read": lambda: Way(partial(plain.read, files.paths), plain.READ_SETTINGS, size)}


def _inside(files: Files, name: str) -> Way:
    dataset, settings, rows = _DATASETS[name](files)
    batches, actual = drain.count(dataset)
    if actual != rows:
        raise RuntimeError(f"expected {rows} rows, got {actual}")
    return Way(drain.inside(dataset, batches), settings, rows)


def _loops(files: Files, names: Sequence[str]) -> dict[str, Callable[[], Way]]:
    return {name: partial(_looped, files, name) for name in names if name in _DATASETS}


def _looped(files: Files, name: str) -> Way:
    dataset, settings, rows = _DATASETS[name](files)
    return Way(drain.looped(dataset), settings, rows)


def _ours(files: Files) -> tuple[Any, str, int]:
    return files.ours.as_tf(files.batch), "as_tf", files.data.rows


def _ours_shuffled(files: Files) -> tuple[Any, str, int]:
    return files.ours.as_tf(files.batch, seed=1), "as_tf(seed=1)", files.data.rows


def _parsed(files: Files) -> tuple[Any, str, int]:
    dataset = parse_example.dataset(files.paths, files.data.features, files.batch)
    return dataset, parse_example.SETTINGS, files.data.rows


def _parsed_shuffled(files: Files) -> tuple[Any, str, int]:
    dataset = parse_example.dataset(files.paths, files.data.features, files.batch, _SHUFFLE)
    return dataset, f"{parse_example.SETTINGS}, shuffle({_SHUFFLE})", files.data.rows


def _parsed_two_files(files: Files) -> tuple[Any, str, int]:
    dataset = parse_example.two_files_at_once(files.paths, files.data.features, files.batch)
    return dataset, f"{parse_example.SETTINGS}, batches of two files interleaved, any order", files.data.rows


def _in_memory(files: Files) -> tuple[Any, str, int]:
    import tensorflow as tf

    dataset = files.ours.as_tf(files.batch).cache().prefetch(tf.data.AUTOTUNE)
    return dataset, "batches in memory (cache), handed over without a copy: no reading at all", files.data.rows


def _array_record(files: Files) -> tuple[Any, str, int]:
    path = files.folder / "array_record"
    rows = min(_ARRAY_RECORD_ROWS, files.data.rows)
    if not path.exists():
        array_record.write(path, read_records(files.paths, rows))
    return array_record.dataset(path, files.data.features, files.batch), array_record.READ_SETTINGS, rows


def _web_dataset(files: Files) -> tuple[Any, str, int]:
    path = files.folder / "web_dataset.tar"
    rows = min(_TAR_ROWS, files.data.rows)
    if not path.exists():
        web_dataset.write(path, read_records(files.paths, rows))
    return web_dataset.dataset(path, files.data.features, files.batch), web_dataset.READ_SETTINGS, rows


_DATASETS: dict[str, Callable[[Files], tuple[Any, str, int]]] = {
    "firelib": _ours,
    "firelib shuffled": _ours_shuffled,
    "in memory": _in_memory,
    "parse_example": _parsed,
    "parse_example, two files": _parsed_two_files,
    "parse_example shuffled": _parsed_shuffled,
    "ArrayRecord": _array_record,
    "WebDataset": _web_dataset,
}


def _without_dataset(files: Files, process: tfx_bsl.TfxBsl) -> dict[str, Callable[[], Way]]:
    return {"tfx-bsl": partial(_tfx_bsl, files, process), "Ray Data": partial(_ray, files)}


def _tfx_bsl(files: Files, process: tfx_bsl.TfxBsl) -> Way:
    def read() -> float:
        return float(process.read(files.paths, files.data.features, files.batch)["seconds"])

    read()  # a peer that cannot start is omitted
    return Way(read, tfx_bsl.READ_SETTINGS, files.data.rows)


def _ray(files: Files) -> Way:
    few, many = _RAY_ROWS
    parts = {rows: _parts(files, rows) for rows in (few, many)}
    return ray_data.way(lambda rows: ray_data.read(parts[rows], files.batch), few, many, ray_data.READ_SETTINGS)


def _parts(files: Files, rows: int) -> list[str]:
    """Write the first rows as one shard per core of Ray."""
    half, data = rows // ray_data.CPUS, files.data
    paths = []
    for part in range(ray_data.CPUS):
        folder = files.folder / f"ray-{rows}-{part}"
        columns = {name: column[part * half : (part + 1) * half] for name, column in data.columns.items()}
        write_tfrecords(columns, str(folder), data.features[:-1], label=data.features[-1])
        paths += map(str, folder.glob("*.tfrecord"))
    return paths


if __name__ == "__main__":
    main()
