"""How fast does one process write TFRecords, against a plain write of the same bytes and against other peers?

    python -m benchmarks.tfrecord_write [--rows 200000] [--rounds 3] [--short]

`firelib` starts from columns and ends with a hashed shard; `firelib, from Arrow` is the whole `write_tfrecords`:
conversion, checks, shards, manifest, publication. Slow peers get fewer rows, since rows per second are compared. Every
way starts with its input in memory and ends with files in the page cache; starting processes is not timed. `--short`
takes 100,000 rows and one round, and leaves out Ray Data, which takes most of the time.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from benchmarks import datasets
from benchmarks.harness.measure import Pair, Way, compared, interleaved, present, save
from benchmarks.harness.on_cpu import import_tensorflow
from benchmarks.peers import array_record, naive, plain, ray_data, tfx_bsl, web_dataset
from benchmarks.peers.records import read_records
from firelib import write_tfrecords
from firelib.console import note
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.write.shard_writer import choose_layout, write_shard

_NAIVE_ROWS, _TAR_ROWS, _CONTAINER_ROWS, _RAY_ROWS = 2_000, 10_000, 40_000, (1_000, 11_000)
_LONG = ("Ray Data",)
_GOALS = {
    "images": {"plain write": 0.7, "Ray Data": 100, "tfx-bsl": 5},
    "numbers": {"plain write": 0.7, "Ray Data": 500, "tfx-bsl": 15},
    "strings": {"plain write": 0.35},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--short", action="store_true")
    options = parser.parse_args()
    rows, rounds = (100_000, 1) if options.short else (options.rows, options.rounds)
    without = _LONG if options.short else ()
    with tempfile.TemporaryDirectory() as folder, tfx_bsl.TfxBsl() as process:
        process.start()
        import_tensorflow()
        cases = (
            _measure(make(rows), Path(folder, make.__name__), process, rounds, without) for make in datasets.MAKERS
        )
        note(f"figures: {save('tfrecord_write', 'How fast are TFRecords written by one process?', cases)}")


def _measure(
    data: datasets.Case, folder: Path, process: tfx_bsl.TfxBsl, rounds: int, without: Collection[str]
) -> dict[str, Any]:
    note(f"writing {data.title}")
    folder.mkdir()
    makers = {name: maker for name, maker in _makers(data, folder, process).items() if name not in without}
    ways, absent = present(makers)
    rates = interleaved(ways, rounds)
    goals = _GOALS[folder.name]
    pairs = [Pair("firelib", peer, goals.get(peer)) for peer in ways if not peer.startswith("firelib")]
    pairs += [Pair("firelib, from Arrow", peer) for peer in ("plain write", "tfx-bsl", "Ray Data")]
    shutil.rmtree(folder)
    return compared(data.title, ways, rates, pairs, absent)


def _makers(data: datasets.Case, folder: Path, process: tfx_bsl.TfxBsl) -> dict[str, Callable[[], Way]]:
    table, layout = data.table(), choose_layout(data.features)
    columns = to_columns(table, data.features)
    shard = folder / "ours.tfrecord"
    write_shard(shard, columns, layout)
    content, records = shard.read_bytes(), read_records([shard], _CONTAINER_ROWS)
    return {
        "firelib": lambda: _way(shard, lambda path: write_shard(path, columns, layout), "one shard", data.rows),
        "firelib, from Arrow": lambda: _from_arrow(data, table, folder / "arrow"),
        "plain write": lambda: _way(
            folder / "plain", lambda path: plain.write(path, content), plain.WRITE_SETTINGS, data.rows
        ),
        "tfx-bsl": lambda: _tfx_bsl(table, folder, process),
        "ArrayRecord": lambda: _way(
            folder / "array_record",
            lambda path: array_record.write(path, records),
            array_record.WRITE_SETTINGS,
            len(records),
        ),
        "WebDataset": lambda: _way(
            folder / "tar",
            lambda path: web_dataset.write(path, records[:_TAR_ROWS]),
            web_dataset.WRITE_SETTINGS,
            min(_TAR_ROWS, len(records)),
        ),
        "naive": lambda: _naive(data.head(_NAIVE_ROWS), folder / "naive"),
        "Ray Data": lambda: _ray(table, folder / "ray"),
    }


def _way(path: Path, write: Callable[[Path], Any], settings: str, rows: int) -> Way:
    """Build a way that writes one new file per run."""
    return Way(lambda: _without_result(write, path), settings, rows, before=lambda: path.unlink(missing_ok=True))


def _without_result(write: Callable[[Path], Any], path: Path) -> None:
    write(path)


def _from_arrow(data: datasets.Case, table: Any, folder: Path) -> Way:
    def write(path: Path) -> None:
        write_tfrecords(table, str(path), data.features[:-1], label=data.features[-1])

    settings = "write_tfrecords(table), checks and manifest included"
    return Way(lambda: write(folder), settings, data.rows, before=lambda: shutil.rmtree(folder, ignore_errors=True))


def _naive(columns: dict[str, Any], path: Path) -> Way:
    rows = len(columns["label"])
    return _way(path, lambda path: naive.write(path, columns, rows), naive.SETTINGS, rows)


def _tfx_bsl(table: Any, folder: Path, process: tfx_bsl.TfxBsl) -> Way:
    few = ray_data.writable(table).slice(0, _CONTAINER_ROWS)
    tfx_bsl.save_lists(folder / "lists.arrow", few)
    process.load(folder / "lists.arrow")
    return Way(lambda: process.write(folder / "tfx_bsl"), tfx_bsl.WRITE_SETTINGS, few.num_rows)


def _ray(table: Any, folder: Path) -> Way:
    few, many = _RAY_ROWS
    writable = ray_data.writable(table)

    def write_rows(rows: int) -> None:
        ray_data.write(folder, writable.slice(0, rows))

    return ray_data.way(write_rows, few, many, ray_data.WRITE_SETTINGS)


if __name__ == "__main__":
    main()
