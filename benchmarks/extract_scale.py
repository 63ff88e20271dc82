"""Time and peak memory of `firelib extract`, compared with pyarrow that rewrites the same source in a stream.

    python -m benchmarks.extract_scale [--rows 300000] [--rounds 3] [--formats parquet csv]

The source is one file of 12 numbers and 4 texts a row. Each measurement is a process of its own, and its imports do not
count. pyarrow reads batches and writes them as Parquet with Snappy; it infers no types, hashes nothing, keeps no
versions, and has no Delta log.
"""

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from benchmarks.harness.child import peak_mib, run_child
from benchmarks.harness.measure import finding, repeat_rounds, save, spread
from firelib.console import note
from firelib.data.extract import extract
from firelib.project_layout import Paths
from firelib.recipe import Source
from firelib.recipes.flights import Flights

_BATCH_ROWS = 1 << 16
_GROUP_ROWS = 1 << 20  # pyarrow's default


class _Table(Flights):
    """A recipe with one source."""

    name = "table"
    key = ("id",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--formats", nargs="+", choices=sorted(_WRITERS), default=sorted(_WRITERS))
    parser.add_argument("--child", nargs=3, metavar=("WAY", "SOURCE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(_run(*options.child)))  # noqa: T201  the parent reads it
        return
    cases = (_measure(name, options.rows, options.rounds) for name in options.formats)
    question = "Does the extract keep up with a stream, in bounded memory?"
    note(f"figures: {save('extract_scale', question, cases, 'not controlled')}")


def _measure(name: str, rows: int, rounds: int) -> dict[str, Any]:
    """Time and memory of each way, in turn."""
    with tempfile.TemporaryDirectory(prefix="firelib-bench-") as folder:
        source = Path(folder, f"rows.{name}")
        _WRITERS[name](source, rows)

        def measure(call: int) -> dict[str, dict[str, float]]:
            target = Path(folder, str(call))
            target.mkdir()
            figures = {}
            for number, way in enumerate(_WAYS):
                own = str(target / str(number))
                figures[way] = run_child("benchmarks.extract_scale", "--child", way, str(source), own)
                note(f"  {name}, {rows:,} rows, {way}: {figures[way]}")
            shutil.rmtree(target)
            return figures

        measured = repeat_rounds(measure, rounds, warmups=0).values()
    found = {way: [figures[way] for figures in measured] for way in _WAYS}
    bars = [{"name": way, **spread([each["seconds"] for each in runs])} for way, runs in found.items()]
    ours, plain = found["firelib"], found["pyarrow"]
    slower = [mine["seconds"] / its["seconds"] for mine, its in zip(ours, plain, strict=True)]
    once = [mine["seconds"] / its["seconds"] for mine, its in zip(found["firelib, versions"], plain, strict=True)]
    findings = [
        finding("firelib ÷ pyarrow", spread(slower), "×", "≤ 1.5"),
        finding("firelib with commit_by ÷ pyarrow", spread(once), "×"),
        *(
            finding(f"{way}: peak memory", spread([each["mib"] for each in runs]), "MiB", _memory_goal(way))
            for way, runs in found.items()
        ),
    ]
    return {"title": f"{name}, {rows:,} rows", "unit": "s", "bars": bars, "findings": findings, "absent": {}}


def _memory_goal(way: str) -> str:
    return "≤ 512" if way.startswith("firelib") else ""


def _run(way: str, source: str, folder: str) -> dict[str, float]:
    before = peak_mib()
    started = time.monotonic()
    _WAYS[way](Path(source), Path(folder))
    return {"seconds": time.monotonic() - started, "mib": peak_mib(), "mib_before": before}


def _extract(source: Path, folder: Path, *commit_by: str) -> None:
    recipe = _Table()
    recipe.sources = {"rows": Source(str(source), commit_by=commit_by)}  # type: ignore[misc]
    extract(recipe, Paths("table", str(folder / "storage"), folder))


def _rewrite(source: Path, folder: Path) -> None:
    folder.mkdir()
    if source.suffix == ".csv":
        reader = pyarrow.csv.open_csv(source)
        batches: Iterator[pa.RecordBatch] = iter(reader)
        schema = reader.schema
    else:
        file = pq.ParquetFile(source)
        batches, schema = file.iter_batches(_BATCH_ROWS), file.schema_arrow
    with pq.ParquetWriter(folder / "rows.parquet", schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _batches(rows: int) -> Iterator[pa.RecordBatch]:
    random = np.random.default_rng(0)
    for start in range(0, rows, _BATCH_ROWS):
        count = min(_BATCH_ROWS, rows - start)
        numbers = {f"x{index}": random.normal(size=count).round(3) for index in range(8)}
        counts = {f"n{index}": random.integers(0, 10**6, count) for index in range(2)}
        texts = {f"t{index}": random.integers(0, 10 ** (index + 2), count).astype(str) for index in range(4)}
        days = np.sort(random.integers(0, 12, count))  # each batch has rows of all versions
        yield pa.record_batch({"id": np.arange(start, start + count), "month": days, **numbers, **counts, **texts})


def _write_parquet(path: Path, rows: int) -> None:
    batches = _batches(rows)
    first = next(batches)
    with pq.ParquetWriter(path, first.schema) as writer:
        held = [first]
        for batch in batches:
            held.append(batch)
            if sum(each.num_rows for each in held) >= _GROUP_ROWS:
                writer.write_table(pa.Table.from_batches(held), row_group_size=_GROUP_ROWS)
                held = []
        if held:
            writer.write_table(pa.Table.from_batches(held), row_group_size=_GROUP_ROWS)


def _write_csv(path: Path, rows: int) -> None:
    batches = _batches(rows)
    first = next(batches)
    with pyarrow.csv.CSVWriter(path, first.schema) as writer:
        writer.write_batch(first)
        for batch in batches:
            writer.write_batch(batch)


_WRITERS: dict[str, Callable[[Path, int], None]] = {"parquet": _write_parquet, "csv": _write_csv}
_WAYS: dict[str, Callable[[Path, Path], None]] = {
    "firelib": _extract,
    "firelib, versions": lambda source, folder: _extract(source, folder, "month"),
    "pyarrow": _rewrite,
}


if __name__ == "__main__":
    main()
