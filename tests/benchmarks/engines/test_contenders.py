"""All engines of the benchmark of the transform do the same job."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from benchmarks.engines.contenders import ENGINES
from benchmarks.engines.meter import Meter
from benchmarks.engines.shards import digest, find_shards, plan_shards
from benchmarks.engines.trips import make_tables, paths_of, write_lake
from firelib.tfrecord.read.dataset import open_dataset

pytestmark = pytest.mark.usefixtures("ray_cluster")

ROWS = 3000
_RAY_DATA = pytest.param("Ray Data", marks=pytest.mark.integration)  # its shuffles start many tasks


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    return make_tables(ROWS)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, tables: dict[str, pa.Table]) -> Path:
    """A project whose dataset firelib has made."""
    folder = tmp_path_factory.mktemp("engines")
    write_lake(tables, 3, paths_of(folder))
    assert ENGINES["firelib"].run(folder, 40_000, Meter()) == _count_kept(tables)
    return folder


def _count_kept(tables: dict[str, pa.Table]) -> int:
    return int(pc.sum(pc.not_equal(tables["trips"]["minutes"], 0)).as_py())


def test_firelib_gives_the_right_totals(project: Path, tables: dict[str, pa.Table]) -> None:
    trips = tables["trips"]
    cents = np.bincount(trips["rider"].to_numpy(), trips["cents"].to_numpy())
    spent = cents[trips["rider"].to_numpy()][trips["minutes"].to_numpy() != 0]
    dataset = open_dataset(str(paths_of(project).tfrecords))
    written = np.concatenate([dataset.as_numpy(split)["spent"] for split in ("train", "validation", "test")])
    assert sorted(written.tolist()) == sorted(spent.astype(int).tolist())


@pytest.mark.parametrize("engine", ["Dask threads", "Polars", "DuckDB", "pandas", _RAY_DATA])
def test_engine_writes_the_records_of_firelib(engine: str, project: Path, tables: dict[str, pa.Table]) -> None:
    meter = Meter()
    assert ENGINES[engine].run(project, 0, meter) == _count_kept(tables)
    assert digest(find_shards(project, engine)) == digest(find_shards(project, "firelib"))
    assert meter.seconds > 0
    assert meter.cpu_seconds >= 0


def test_digest_tells_one_changed_byte_and_ignores_the_order(tmp_path: Path, project: Path) -> None:
    shards = find_shards(project, "firelib")
    assert digest(shards[::-1]) == digest(shards)
    content = bytearray(shards[0].read_bytes())
    content[100] ^= 1
    changed = tmp_path / "changed.tfrecord"
    changed.write_bytes(content)
    assert digest([changed, *shards[1:]]) != digest(shards)


def test_shards_are_ranges_of_hashes_within_the_splits(project: Path) -> None:
    plan = plan_shards(project, "a plan")
    assert plan.names == ["train-00000.tfrecord", "validation-00000.tfrecord", "test-00000.tfrecord"]
    hashes = np.array([0, plan.edges[0] - np.uint64(1), plan.edges[0], plan.edges[1]], np.uint64)
    assert plan.find_shards(hashes).tolist() == [0, 0, 1, 2]
    assert plan.edges[0] / 2**64 == pytest.approx(0.8)
