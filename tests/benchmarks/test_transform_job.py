"""All engines of the benchmark of the transform do the same job."""

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from benchmarks.transform_data import make_tables, write_lake
from benchmarks.transform_job import ENGINES, paths_of
from firelib.tfrecord.read.dataset import open_dataset

pytestmark = pytest.mark.usefixtures("ray_cluster")


def test_engines_give_the_same_rows_and_firelib_the_right_totals(tmp_path: Path) -> None:
    tables = make_tables(3000)
    write_lake(tables, 3, paths_of(tmp_path))
    expected = pc.sum(pc.not_equal(tables["trips"]["minutes"], 0)).as_py()
    for engine in ("firelib", "DuckDB", "Dask threads"):
        _, rows = ENGINES[engine](tmp_path, 40_000)
        assert rows == expected, engine
    trips = tables["trips"]
    cents = np.bincount(trips["rider"].to_numpy(), trips["cents"].to_numpy())
    spent = cents[trips["rider"].to_numpy()][trips["minutes"].to_numpy() != 0]
    dataset = open_dataset(str(paths_of(tmp_path).tfrecords))
    written = np.concatenate([dataset.as_numpy(split)["spent"] for split in ("train", "validation", "test")])
    assert sorted(written.tolist()) == sorted(spent.astype(int).tolist())
