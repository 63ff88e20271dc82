"""The engines by name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.engines import (
    dask_frames,
    duckdb_query,
    firelib_ray,
    pandas_frames,
    polars_frames,
    ray_datasets,
)
from benchmarks.engines.meter import Meter


@dataclass(frozen=True)
class Engine:
    """A contender.

    Attributes:
        run: Makes the dataset of a folder, in partitions of a size in bytes (0 is its default), and returns its rows.
        settings: Its settings, for the report.
        on_ray: Whether Ray's processes work for it.
        goal: Least speed of firelib relative to it; None if there is no goal.
    """

    run: Callable[[Path, int, Meter], int]
    settings: str
    on_ray: bool = False
    goal: float | None = None


ENGINES = {
    "firelib": Engine(firelib_ray.run, firelib_ray.SETTINGS, on_ray=True),
    "Dask threads": Engine(dask_frames.run_threads, dask_frames.THREADS_SETTINGS, goal=1 / 1.5),
    "dask.distributed": Engine(dask_frames.run_distributed, dask_frames.DISTRIBUTED_SETTINGS, goal=1),
    "Ray Data": Engine(ray_datasets.run, ray_datasets.SETTINGS, on_ray=True),
    "Polars": Engine(polars_frames.run, polars_frames.SETTINGS),
    "DuckDB": Engine(duckdb_query.run, duckdb_query.SETTINGS, goal=1 / 2),
    "pandas": Engine(pandas_frames.run, pandas_frames.SETTINGS),
}
