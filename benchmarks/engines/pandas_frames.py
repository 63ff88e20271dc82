"""pandas: everything in memory, on one core but for reading and writing."""

from pathlib import Path

import pandas as pd
import pyarrow as pa

from benchmarks.engines.meter import Meter
from benchmarks.engines.shards import plan_shards
from benchmarks.engines.trips import Trips, add_label, data_files
from firelib.data.split.position import HASH, key_hashes

SETTINGS = "read_parquet, merge, groupby, sort_values by the hash"


def run(folder: Path, _: int, meter: Meter) -> int:
    """Make the dataset; return its number of rows.

    Args:
        folder: The benchmark's project.
        meter: Measures what counts.
    """
    plan = plan_shards(folder, "pandas")
    with meter:
        trips, riders, zones = (_read(data_files(folder, name)) for name in ("trips", "riders", "zones"))
        grouped = trips.groupby("rider", sort=False)["cents"]
        totals = grouped.agg(rides="count", spent="sum").reset_index()
        rows = trips[trips["minutes"] != 0].merge(zones, how="left", on="zone")
        del trips
        rows = add_label(rows.merge(riders.merge(totals, how="left", on="rider"), how="left", on="rider"))
        rows = rows.assign(**{HASH: key_hashes(rows, Trips.key)}).sort_values(HASH)
        return plan.write_sorted(pa.Table.from_pandas(rows, preserve_index=False))


def _read(files: list[str]) -> pd.DataFrame:
    return pd.read_parquet(files)  # type: ignore[call-overload,no-any-return]  # pandas-stubs know of one file only
