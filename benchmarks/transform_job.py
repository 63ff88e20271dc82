"""One transform of the benchmark's tables by one engine, in a process of its own.

    python -m benchmarks.transform_job ENGINE FOLDER [PARTITION_BYTES]

All engines do the same job: read the data files of the lake, join, group, exclude, hash the key, and write the rows of
each split in the order of the hashes as shards of the same layout. The last line of the output is JSON.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import psutil
import pyarrow as pa
from deltalake import DeltaTable

from benchmarks.transform_data import Trips
from firelib import storage
from firelib.config import Environment, Params, parse_params
from firelib.data.split.position import HASH, key_hashes
from firelib.project_layout import Paths
from firelib.tfrecord.format.arrow_columns import to_columns
from firelib.tfrecord.write.shard_writer import choose_layout, write_shard

SHARD_MIB = 16
_RECIPE = Trips()
_FEATURES = [*Trips.features, Trips.label]
_SHARES = (0.8, 0.9, 1.0)


def main() -> None:
    engine, folder, partition_bytes = sys.argv[1], Path(sys.argv[2]), int((*sys.argv[3:], 0)[0])
    with _Memory() as memory:
        seconds, rows = ENGINES[engine](folder, partition_bytes)
    print(json.dumps({"seconds": seconds, "rows": rows, "driver_mib": memory.peak_mib}))  # noqa: T201  the parent reads it


def paths_of(folder: Path) -> Paths:
    """The paths of the benchmark's project."""
    return Paths(Trips.name, str(folder / "storage"), folder)


def _params(folder: Path, partition_bytes: int) -> Params:
    raw: dict[str, Any] = {"recipe": Trips.name, "storage": {"root": str(folder / "storage")}}
    split = {"train": 0.8, "validation": 0.1, "test": 0.1}
    raw["data"] = {"version": None, "split": split, "shard_mib": SHARD_MIB}
    if partition_bytes:
        raw["data"]["partition_bytes"] = partition_bytes
    raw["train"] = {"workers": 1, "global_batch_size": 16, "epochs": 1, "lr": 0.1, "seed": 1}
    return parse_params(raw, "the benchmark")


def _firelib(folder: Path, partition_bytes: int) -> tuple[float, int]:
    from firelib.data.transform import transform
    from firelib.ray_setup.session import ray_session

    params, paths = _params(folder, partition_bytes), paths_of(folder)
    for known in (paths.records, paths.shards):  # an earlier run's, which would be used again
        storage.remove_folder(known)
    with ray_session(Environment()):
        started = time.perf_counter()
        manifest = transform(_RECIPE, params, paths)
        seconds = time.perf_counter() - started
    return seconds, sum(split.rows for split in manifest.splits.values())


def _duckdb(folder: Path, _: int) -> tuple[float, int]:
    import duckdb

    started = time.perf_counter()
    connection = duckdb.connect()
    for name in ("trips", "riders", "zones"):
        connection.read_parquet(_files(folder, name)).create_view(name)
    table = connection.execute(
        """
        select trips.*, zones.area, riders.* exclude (rider), rides, spent,
               case when number_0 + score > 1 then 1 else 0 end as tipped, hash(id) as firelib_hash
        from trips left join zones using (zone) left join riders using (rider)
        left join (select rider, count(*) as rides, sum(cents)::bigint as spent from trips group by rider) using (rider)
        where minutes <> 0 order by firelib_hash
        """
    ).to_arrow_table()
    rows = _write_shards(table, folder / "duckdb")
    return time.perf_counter() - started, rows


def _dask_threads(folder: Path, partition_bytes: int) -> tuple[float, int]:
    with dask.config.set(scheduler="threads"):
        return _dask(folder, partition_bytes, "threads")


def _dask_distributed(folder: Path, partition_bytes: int) -> tuple[float, int]:
    from distributed import Client, LocalCluster

    with LocalCluster(n_workers=psutil.cpu_count(), threads_per_worker=1) as cluster, Client(cluster):
        return _dask(folder, partition_bytes, "distributed")


def _dask(folder: Path, partition_bytes: int, name: str) -> tuple[float, int]:
    """The recipe's own transform, then a shuffle by the shard."""
    import dask.dataframe as dd

    started = time.perf_counter()
    blocksize = partition_bytes or "default"
    tables = {
        table: dd.read_parquet(_files(folder, table), blocksize=blocksize) for table in ("trips", "riders", "zones")
    }
    frame = _RECIPE.transform(tables)
    frame = frame[frame["minutes"] != 0].map_partitions(_add_shard, shards=frame.npartitions)
    target = folder / name
    target.mkdir(exist_ok=True)
    shuffled = frame.shuffle("shard", npartitions=frame.npartitions)
    rows = shuffled.map_partitions(_write_partition, target, meta=("rows", "int64")).compute().sum()
    return time.perf_counter() - started, int(rows)


def _add_shard(rows: pd.DataFrame, shards: int) -> pd.DataFrame:
    hashes = key_hashes(rows, Trips.key)
    return rows.assign(**{HASH: hashes, "shard": (hashes >> np.uint64(32)).astype("int64") * shards >> 32})


def _write_partition(rows: pd.DataFrame, target: Path) -> "pd.Series[int]":
    written = [
        _write_one(pa.Table.from_pandas(part.sort_values(HASH), preserve_index=False), target / f"{shard}.tfrecord")
        for shard, part in rows.groupby("shard")
    ]
    return pd.Series([sum(written)], name="rows")


def _write_shards(table: pa.Table, target: Path) -> int:
    """Write a sorted table as shards of the same size as those of firelib."""
    target.mkdir(exist_ok=True)
    count = max(1, table.num_rows * 250 // (SHARD_MIB * 2**20))
    edges = np.linspace(0, table.num_rows, count + 1).astype(int)
    return sum(
        _write_one(table.slice(first, stop - first), target / f"{first}.tfrecord") for first, stop in pairwise(edges)
    )


def _write_one(table: pa.Table, path: Path) -> int:
    return write_shard(path, to_columns(table, _FEATURES), choose_layout(_FEATURES)).rows


def _files(folder: Path, table: str) -> list[str]:
    return sorted(DeltaTable(storage.join(paths_of(folder).lake, table)).file_uris())


class _Memory:
    """The peak memory of this process (PSS), sampled. Workers are other processes."""

    def __enter__(self) -> "_Memory":
        self.peak_mib = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _sample(self) -> None:
        process = psutil.Process()
        while True:
            self.peak_mib = max(self.peak_mib, process.memory_full_info().pss / 2**20)
            if self._done.wait(0.5):
                return


ENGINES: dict[str, Callable[[Path, int], tuple[float, int]]] = {
    "firelib": _firelib,
    "DuckDB": _duckdb,
    "Dask threads": _dask_threads,
    "dask.distributed": _dask_distributed,
}

if __name__ == "__main__":
    main()
