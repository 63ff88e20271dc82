"""Does memory grow with the number of rows? Peak resident memory for N rows and for 20 N, each in its own process.

    python -m benchmarks.tfrecord_memory [--rows 200000]

The writer consumes an iterator that generates Arrow tables. The reader iterates inside TensorFlow over all batches of
an epoch, in file order and shuffled. The page cache is not counted, since it belongs to the system.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks import datasets
from benchmarks.harness import drain
from benchmarks.harness.child import peak_mib, run_child
from benchmarks.harness.measure import finding, save, spread
from benchmarks.harness.on_cpu import import_tensorflow
from firelib import open_dataset, write_tfrecords
from firelib.console import note

_MORE, _BATCH, _TABLE_ROWS = 20, 512, 1 << 15
_JOBS = {"write": "writing", "read": "reading", "shuffled": "reading shuffled"}
_CASES = ("images", "strings")  # one of each layout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--child", nargs=3, metavar=("JOB", "CASE", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        job, case, folder = options.child
        _FUNCTIONS[job](getattr(datasets, case), options.rows, folder)
        print(json.dumps({"mib": peak_mib()}))  # noqa: T201  the parent reads it
        return
    cases = (_measure(case, options.rows) for case in _CASES)
    question = f"Does memory grow with {_MORE} times the rows?"
    note(f"figures: {save('tfrecord_memory', question, cases, 'not controlled')}")


def _measure(case: str, rows: int) -> dict[str, Any]:
    bars, findings = [], []
    with tempfile.TemporaryDirectory() as folder:
        for job, name in _JOBS.items():
            note(f"{name} {case}, {rows:,} and {_MORE * rows:,} rows")
            few, many = (_peak(job, case, count, folder) for count in (rows, _MORE * rows))
            note(f"  {few:,.0f} and {many:,.0f} MiB")
            bars += [{"name": f"{name}, N", **spread([few])}, {"name": f"{name}, {_MORE} N", **spread([many])}]
            growth = spread([100 * (many / few - 1)])
            findings.append(finding(f"{name}: growth with {_MORE} × rows", growth, "%", "< 10"))
    title = f"{getattr(datasets, case)(1).title}, N = {rows:,}"
    return {"title": title, "unit": "MiB", "bars": bars, "findings": findings, "absent": {}}


def _peak(job: str, case: str, rows: int, folder: str) -> float:
    answer = run_child("benchmarks.tfrecord_memory", "--rows", str(rows), "--child", job, case, f"{folder}/{rows}")
    return float(answer["mib"])


def _write(make: Callable[[int], datasets.Case], rows: int, folder: str) -> None:
    features = make(1).features
    write_tfrecords(_tables(make, rows), folder, features[:-1], label=features[-1])


def _tables(make: Callable[[int], datasets.Case], rows: int) -> Iterator[Any]:
    for start in range(0, rows, _TABLE_ROWS):
        yield make(min(_TABLE_ROWS, rows - start)).table()


def _read(folder: str, seed: int | None) -> None:
    import_tensorflow()
    batches, _ = drain.count(open_dataset(folder).as_tf(_BATCH, seed=seed))
    assert batches


_FUNCTIONS: dict[str, Callable[[Callable[[int], datasets.Case], int, str], None]] = {
    "write": _write,
    "read": lambda _make, _rows, folder: _read(folder, None),
    "shuffled": lambda _make, _rows, folder: _read(folder, 1),
}


if __name__ == "__main__":
    main()
