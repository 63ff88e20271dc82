"""What does one more version cost, with 12 versions before it and with 120? How does a dataset of 12 versions read?

    python -m benchmarks.version_growth [--rows 50000] [--rounds 3] [--versions 12 120]

Each version is a month with the same number of rows, larger than a quarter of a shard. A round adds a month to each
dataset in turn and makes it; Ray is up before. The dataset from scratch must have the shards of the one that grew. The
speed of reading, and how well an epoch is mixed, are compared with a dataset of the same rows from one commit.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.growth.months import GrowingDataset
from benchmarks.growth.reading import compare_reading, make_both
from benchmarks.harness.measure import finding, save, spread
from benchmarks.harness.on_cpu import import_tensorflow
from firelib.config import Environment
from firelib.console import note
from firelib.project_layout import Paths
from firelib.ray_setup.session import ray_session

_READ_VERSIONS = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000, help="of a month")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--versions", type=int, nargs=2, default=(12, 120))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firelib-bench-") as folder:
        cases = _cases(Path(folder), options.rows, options.rounds, options.versions)
        page_cache = "warm for reading, not controlled for one more version"
        note(f"figures: {save('version_growth', 'What does one more version cost?', cases, page_cache)}")


def _cases(folder: Path, rows: int, rounds: int, versions: Sequence[int]) -> Iterator[dict[str, Any]]:
    with ray_session(Environment()):
        yield _measure(folder, rows, rounds, versions)
        grown, together = make_both(folder, rows, _READ_VERSIONS)
    import_tensorflow()
    yield from compare_reading(grown, together, _READ_VERSIONS, rounds)


def _measure(folder: Path, rows: int, rounds: int, versions: Sequence[int]) -> dict[str, Any]:
    datasets = {count: _make_dataset(folder / str(count), rows, count) for count in versions}
    seconds: dict[int, list[float]] = {count: [] for count in versions}
    written: list[float] = []
    for index in range(rounds):
        for count in versions[:: 1 if index % 2 else -1]:
            took, share = add_version(datasets[count])
            note(f"one version more than {count + index}: {took:.1f} s, bytes written ÷ the version's: {share:.3f}")
            seconds[count].append(took)
            written.append(share)
    few, many = versions
    _require_same_from_scratch(datasets[few])
    ratios = [after / before for before, after in zip(seconds[few], seconds[many], strict=True)]
    bars = [{"name": f"after {count} versions", **spread(each)} for count, each in seconds.items()]
    findings = [
        finding(f"seconds: after {many} versions ÷ after {few}", spread(ratios), "×", "≤ 1.2"),
        finding("bytes written ÷ bytes of the version", spread(written), "×", "≤ 1.2"),
    ]
    return {"title": f"{rows:,} rows a version", "unit": "s", "bars": bars, "findings": findings, "absent": {}}


def _make_dataset(folder: Path, rows: int, versions: int) -> GrowingDataset:
    dataset = GrowingDataset(folder, rows)
    dataset.add_months(versions)
    note(f"{versions} versions from scratch: {dataset.make()[0]:.1f} s")
    return dataset


def add_version(dataset: GrowingDataset) -> tuple[float, float]:
    """Add a month: seconds of the transform, and the bytes that it wrote, relative to the month's share."""
    before = _list_shards(dataset.paths)
    dataset.add_months(1)
    seconds, manifest = dataset.make()
    after = _list_shards(dataset.paths)
    written = sum(size for name, size in after.items() if name not in before)
    rows = sum(split.rows for split in manifest.splits.values())
    nbytes = sum(shard.bytes for split in manifest.splits.values() for shard in split.shards)
    return seconds, written / (nbytes * dataset.rows / rows)


def _list_shards(paths: Paths) -> dict[str, int]:
    files = Path(paths.shards).rglob("*")
    return {str(file): file.stat().st_size for file in files if file.is_file()}


def _require_same_from_scratch(dataset: GrowingDataset) -> None:
    grown = dataset.make()[1]
    if dataset.make(fresh=True)[1] != grown:
        raise RuntimeError("expected the same dataset from scratch as version by version")


if __name__ == "__main__":
    main()
