"""Dask without Ray: the recipe's own transform, then a shuffle by the shard."""

import sys
from pathlib import Path
from typing import cast

import dask
import pandas as pd
import pyarrow as pa

from benchmarks.engines.distributed_package import add_distributed
from benchmarks.engines.meter import Meter
from benchmarks.engines.shards import ShardPlan, plan_shards
from benchmarks.engines.trips import Trips, data_files
from firelib.data.split.position import HASH, key_hashes
from firelib.machine import usable_cores

THREADS_SETTINGS = "read_parquet, merge, shuffle by the shard; threaded scheduler"
DISTRIBUTED_SETTINGS = "the same on a LocalCluster, a process with one thread for each core, which is up before"


def run_threads(folder: Path, partition_bytes: int, meter: Meter) -> int:
    """Make the dataset with Dask's threads; return its number of rows.

    Args:
        folder: The benchmark's project.
        partition_bytes: Size of a partition; 0 is Dask's default.
        meter: Measures what counts.
    """
    with dask.config.set(scheduler="threads"):
        return _run(folder, partition_bytes, meter, plan_shards(folder, "Dask threads"))


def run_distributed(folder: Path, partition_bytes: int, meter: Meter) -> int:
    """Make the dataset with dask.distributed; return its number of rows.

    Args:
        folder: The benchmark's project.
        partition_bytes: Size of a partition; 0 is Dask's default.
        meter: Measures what counts.
    """
    add_distributed(sys.path)
    from distributed import Client, LocalCluster  # type: ignore[import-not-found]  # just installed

    plan = plan_shards(folder, "dask.distributed")
    options = {"n_workers": usable_cores(), "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options, local_directory=str(plan.folder)) as cluster, Client(cluster):
        return _run(folder, partition_bytes, meter, plan)


def _run(folder: Path, partition_bytes: int, meter: Meter, plan: ShardPlan) -> int:
    import dask.dataframe as dd

    with meter:
        tables = {
            table: dd.read_parquet(data_files(folder, table), blocksize=partition_bytes or "default")
            for table in ("trips", "riders", "zones")
        }
        frame = Trips().transform(tables)
        frame = frame[frame["minutes"] != 0].map_partitions(_add_shard, plan)
        shuffled = frame.shuffle("shard", npartitions=frame.npartitions)
        return int(shuffled.map_partitions(_write, plan, meta=("rows", "int64")).compute().sum())


def _add_shard(rows: pd.DataFrame, plan: ShardPlan) -> pd.DataFrame:
    hashes = key_hashes(rows, Trips.key)
    return rows.assign(**{HASH: hashes, "shard": plan.find_shards(hashes)})


def _write(rows: pd.DataFrame, plan: ShardPlan) -> "pd.Series[int]":
    written = [
        plan.write_one(cast(int, shard), pa.Table.from_pandas(part.sort_values(HASH), preserve_index=False))
        for shard, part in rows.groupby("shard")
    ]
    return pd.Series([sum(written)], name="rows")
