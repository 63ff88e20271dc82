"""What does one more version cost, with 12 versions before it and with 120?

    python -m benchmarks.version_growth [--rows 50000] [--rounds 3] [--versions 12 120]

Each version is a month with the same number of rows, larger than a quarter of a shard. A round adds a month to each
dataset in turn and makes it; Ray is up before. The dataset from scratch must have the shards of the one that grew.
"""

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from benchmarks.harness.measure import finding, save, spread
from firelib import Feature, Recipe, Source, storage
from firelib.config import Environment, Params, parse_params
from firelib.console import note
from firelib.data.delta_tables import append_part, build_table_record
from firelib.data.lake import Lake
from firelib.data.parts.part import Part
from firelib.data.transform import transform
from firelib.project_layout import Paths
from firelib.ray_setup.session import ray_session
from firelib.tfrecord.format.manifest import Manifest

_ZONES = 260
_NUMBERS = [f"number_{index}" for index in range(8)]


class Months(Recipe):
    """Trips of each month, with their zone from a small table: no row depends on another month."""

    name = "months"
    sources: ClassVar[Mapping[str, Source]] = {"trips": Source("trips.parquet", commit_by=("month",))}
    key = ("month", "id")
    features = (
        *(Feature(name, "float32") for name in _NUMBERS),
        Feature("minutes", "int64", range=(0, 600)),
        Feature("area", "float32", nullable=True),
    )
    label = Feature("tipped", "int64", range=(0, 1))
    parameters: ClassVar[Mapping[str, Any]] = {}

    def transform(self, tables: Mapping[str, Any]) -> Any:
        trips = tables["trips"].merge(tables["zones"], how="left", on="zone")
        return trips.assign(tipped=(trips["number_0"] > 1).astype("int64"))

    def build_model(self, features: Mapping[str, Any], params: Mapping[str, Any]) -> Any:
        raise NotImplementedError  # nothing is trained


class GrowingDataset:
    """A lake that grows by months, and its dataset.

    Args:
        folder: The project.
        rows: Rows of a month.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self.rows, self._parts = rows, list[Part]()
        self.paths = Paths(Months.name, str(folder / "storage"), folder)
        zones = pa.table({"zone": np.arange(_ZONES), "area": np.linspace(1, 90, _ZONES)})
        self._zones = [Part({}, zones)]
        append_part(storage.join(self.paths.lake, "zones"), self._zones[0], 0)

    def add_months(self, count: int) -> None:
        """Append months to the lake."""
        for _ in range(count):
            month = len(self._parts)
            self._parts.append(Part({"month": month}, make_month(month, self.rows)))
            append_part(storage.join(self.paths.lake, "trips"), self._parts[-1], month)
        tables = {
            name: build_table_record("generated", "", parts[0].rows.schema, parts)
            for name, parts in (("trips", self._parts), ("zones", self._zones))
        }
        Lake(recipe=Months.name, tables=tables).write(self.paths.lake_json)

    def make(self, fresh: bool = False) -> tuple[float, Manifest]:
        """Run the transform; return its seconds and the manifest."""
        started = time.perf_counter()
        manifest = transform(Months(), _params(self.paths), self.paths, fresh=fresh)
        return time.perf_counter() - started, manifest


def make_month(month: int, rows: int) -> pa.Table:
    """The trips of a month."""
    random = np.random.default_rng(month)
    columns: dict[str, Any] = {"month": np.full(rows, month), "id": np.arange(rows)}
    columns |= {"zone": random.integers(0, _ZONES, rows), "minutes": random.integers(0, 90, rows)}
    return pa.table(columns | {name: random.normal(size=rows) for name in _NUMBERS})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000, help="of a month")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--versions", type=int, nargs=2, default=(12, 120))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="firelib-bench-") as folder, ray_session(Environment()):
        case = _measure(Path(folder), options.rows, options.rounds, options.versions)
    for one in case["findings"]:
        note(f"{one['what']}: {one['value']:.3g} {one['unit']} {one['goal']}")
    note(f"figures: {save('version_growth', 'What does one more version cost?', [case])}")


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


def _params(paths: Paths) -> Params:
    data = {"version": None, "split": {"train": 0.8, "validation": 0.1, "test": 0.1}, "shard_mib": 4}
    train = {"workers": 1, "global_batch_size": 16, "epochs": 1, "lr": 0.1, "seed": 1}
    raw = {"recipe": Months.name, "storage": {"root": paths.root}, "data": data, "train": train}
    return parse_params(raw, "the benchmark")


if __name__ == "__main__":
    main()
