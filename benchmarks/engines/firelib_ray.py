"""firelib's own transform: Dask on Ray."""

from pathlib import Path
from typing import Any

from benchmarks.engines.meter import Meter
from benchmarks.engines.shards import SHARD_MIB, SPLIT
from benchmarks.engines.trips import Trips, paths_of
from firelib import storage
from firelib.config import Environment, Params, parse_params
from firelib.data.transform import transform
from firelib.ray_setup.session import ray_session

SETTINGS = "firelib transform: Dask on Ray"


def run(folder: Path, partition_bytes: int, meter: Meter) -> int:
    """Make the dataset; return its number of rows.

    Args:
        folder: The benchmark's project.
        partition_bytes: `data.partition_bytes`; 0 is the default.
        meter: Measures what counts.
    """
    params, paths = parse(folder, partition_bytes), paths_of(folder)
    for known in (paths.records, paths.shards):  # an earlier run's, which would be used again
        storage.remove_folder(known)
    with ray_session(Environment()), meter:
        manifest = transform(Trips(), params, paths)
    return sum(split.rows for split in manifest.splits.values())


def parse(folder: Path, partition_bytes: int = 0) -> Params:
    """The parameters of the transform.

    Args:
        folder: The benchmark's project.
        partition_bytes: `data.partition_bytes`; 0 is the default.
    """
    data: dict[str, Any] = {"version": None, "split": SPLIT, "shard_mib": SHARD_MIB}
    if partition_bytes:
        data["partition_bytes"] = partition_bytes
    train = {"workers": 1, "global_batch_size": 16, "epochs": 1, "lr": 0.1, "seed": 1}
    raw = {"recipe": Trips.name, "storage": {"root": str(folder / "storage")}, "data": data, "train": train}
    return parse_params(raw, "the benchmark")
