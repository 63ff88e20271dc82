"""DuckDB: one query."""

from pathlib import Path

from benchmarks.engines.meter import Meter
from benchmarks.engines.shards import plan_shards
from benchmarks.engines.trips import data_files
from firelib.data.split.position import HASH

SETTINGS = "one SQL query of views of the files, ordered by the hash, as an Arrow table"

_QUERY = f"""
    select trips.*, zones.area, riders.* exclude (rider), rides, spent,
           case when number_0 + score > 1 then 1 else 0 end as tipped, hash(id) as {HASH}
    from trips left join zones using (zone) left join riders using (rider)
    left join (select rider, count(*) as rides, sum(cents)::bigint as spent from trips group by rider) using (rider)
    where minutes <> 0 order by {HASH}
"""  # noqa: S608  our own constant


def run(folder: Path, _: int, meter: Meter) -> int:
    """Make the dataset; return its number of rows.

    Args:
        folder: The benchmark's project.
        meter: Measures what counts.
    """
    import duckdb

    plan = plan_shards(folder, "DuckDB")
    with meter:
        connection = duckdb.connect()
        for name in ("trips", "riders", "zones"):
            connection.read_parquet(data_files(folder, name)).create_view(name)
        return plan.write_sorted(connection.sql(_QUERY).to_arrow_table())
