"""Ray Data: hash shuffles on the same Ray that firelib uses."""

import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.engines.meter import Meter
from benchmarks.engines.shards import ShardPlan, plan_shards
from benchmarks.engines.trips import Trips, add_label, data_files
from firelib.config import Environment
from firelib.data.split.position import HASH, key_hashes
from firelib.ray_setup.session import ray_session

SETTINGS = "read_parquet, join, groupby, map_groups by the shard, zones as a map; partitions of 256 MiB, at least 2"

_PARTITION_BYTES = 256 << 20


def run(folder: Path, partition_bytes: int, meter: Meter) -> int:
    """Make the dataset; return its number of rows.

    Args:
        folder: The benchmark's project.
        partition_bytes: Size of a partition of a shuffle; 0 is 256 MiB.
        meter: Measures what counts.
    """
    plan = plan_shards(folder, "Ray Data")
    with ray_session(Environment()):
        import ray

        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        with meter:
            return _run(folder, partition_bytes or _PARTITION_BYTES, plan)


def _run(folder: Path, partition_bytes: int, plan: ShardPlan) -> int:
    import ray
    from ray.data.aggregate import Count, Sum

    files = {table: data_files(folder, table) for table in ("trips", "riders", "zones")}
    partitions = max(2, _count_bytes(files["trips"]) // partition_bytes)
    spent = ray.data.read_parquet(files["trips"], columns=["rider", "cents"]).groupby("rider", partitions)
    totals = spent.aggregate(Count(alias_name="rides"), Sum("cents", alias_name="spent"))
    riders = ray.data.read_parquet(files["riders"]).join(totals, "left_outer", partitions, on=("rider",))
    zones = pq.read_table(files["zones"])
    trips = ray.data.read_parquet(files["trips"]).map_batches(_add_area, batch_format="pyarrow", fn_args=(zones,))
    joined = trips.join(riders, "left_outer", partitions, on=("rider",))
    labelled = joined.map_batches(_describe, batch_format="pandas", fn_args=(plan,))
    written = labelled.groupby("shard", partitions).map_groups(partial(_write, plan=plan), batch_format="pyarrow")
    return int(written.sum("rows"))


def _count_bytes(files: list[str]) -> int:
    """Size of tables in memory: Parquet's uncompressed bytes."""
    metadata = [pq.read_metadata(file) for file in files]
    return sum(each.row_group(index).total_byte_size for each in metadata for index in range(each.num_row_groups))


def _add_area(rows: pa.Table, zones: pa.Table) -> pa.Table:
    where = pc.index_in(rows["zone"], value_set=zones["zone"].combine_chunks())
    return rows.append_column("area", zones["area"].take(where))


def _describe(rows: pd.DataFrame, plan: ShardPlan) -> pd.DataFrame:
    """Exclude rows, and add label, hash and shard."""
    rows = rows[rows["minutes"] != 0]
    hashes = key_hashes(rows, Trips.key)
    return add_label(rows).assign(**{HASH: hashes, "shard": plan.find_shards(hashes)})


def _write(rows: pa.Table, plan: ShardPlan) -> dict[str, Any]:
    shard = rows["shard"][0].as_py()
    return {"rows": np.array([plan.write_one(shard, rows.sort_by(HASH))])}
