"""Polars: a lazy query of its streaming engine."""

from pathlib import Path

from benchmarks.engines.meter import Meter
from benchmarks.engines.shards import plan_shards
from benchmarks.engines.trips import data_files
from firelib.data.split.position import HASH

SETTINGS = "lazy scan_parquet, join, group_by, sort by the hash; streaming engine"


def run(folder: Path, _: int, meter: Meter) -> int:
    """Make the dataset; return its number of rows.

    Args:
        folder: The benchmark's project.
        meter: Measures what counts.
    """
    import polars as pl

    plan = plan_shards(folder, "Polars")
    with meter:
        trips, riders, zones = (pl.scan_parquet(data_files(folder, name)) for name in ("trips", "riders", "zones"))
        totals = trips.group_by("rider").agg(rides=pl.len().cast(pl.Int64), spent=pl.col("cents").sum())
        described = riders.join(totals, on="rider", how="left")
        joined = trips.filter(pl.col("minutes") != 0).join(zones, on="zone", how="left")
        rows = joined.join(described, on="rider", how="left").with_columns(
            (pl.col("number_0") + pl.col("score") > 1).cast(pl.Int64).alias("tipped"), pl.col("id").hash().alias(HASH)
        )
        return plan.write_sorted(rows.sort(HASH).collect(engine="streaming").to_arrow())
