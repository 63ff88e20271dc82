"""`firelib transform` in a cgroup with little memory: it passes, or ends with one explained error."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.memory_limit import memory_limit
from tests.project import ROOT

TRANSFORM = (sys.executable, "-m", "firelib", "transform")
JOINED = '''
"""Flights with a group-by and a join of two large tables."""

from firelib.recipe import Feature
from firelib.recipes.flights import Flights


class Joined(Flights):
    name = "joined"
    features = (
        Feature("distance", "float32", range=(0, 12000)),
        Feature("carrier", "string", max_length=2),
        Feature("times", "int64"),
    )

    def transform(self, tables):
        rows = super().transform(tables)
        groups = rows.groupby(["carrier", "flight"]).agg({"day": "count"}, split_out=8)
        groups = groups.reset_index().rename(columns={"day": "times"})
        return rows.merge(groups, how="left", on=["carrier", "flight"], broadcast=False)
'''
HUNGRY = '''
"""Flights whose rows are derived in a way that needs far more memory than there is."""

import numpy as np

from firelib.recipes.flights import Flights


def hoard(rows):
    hoarded = [np.ones(2**27) for _ in range(4 if len(rows) > 10 else 0)]
    return rows.assign(distance=rows["distance"] + 0 * len(hoarded))


class Hungry(Flights):
    name = "hungry"

    def transform(self, tables):
        return super().transform(tables).map_partitions(hoard)
'''


def make_project(folder: Path, recipe: str, **data: int) -> None:
    """A project whose lake holds flights."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["recipe"] = "mine.py"
    params["data"] |= data
    (folder / "params.yaml").write_text(yaml.safe_dump(params))
    (folder / "mine.py").write_text(recipe)
    subprocess.run([*TRANSFORM[:3], "extract"], cwd=folder, check=True, capture_output=True)


@pytest.mark.integration
def test_too_little_memory_ends_in_one_explained_error(tmp_path: Path) -> None:
    """Each task takes 4 GiB, whatever firelib has estimated."""
    make_project(tmp_path, HUNGRY, scale=1)
    with memory_limit(1536) as limit:
        done = limit.run(TRANSFORM, tmp_path, seconds=60)
        assert limit.count_kills() >= 4
    assert done.returncode == 1
    assert done.stderr.count("error:") == 1
    assert "join and validate: out of memory: the kernel killed" in done.stderr
    assert "(the limit is 1.5 GiB); a task needs about" in done.stderr
    assert "data.partition_bytes" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "(raylet)" not in done.stdout + done.stderr
    assert not (tmp_path / "data" / "hungry" / "tfrecords").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("mib", "copies"), [(2048, 9), (1024, 3)])
def test_data_larger_than_memory_pass(tmp_path: Path, mib: int, copies: int) -> None:
    """A group-by and a join of 3 million rows; 1 GiB is less than `docs/costs.md` says that the transform takes."""
    make_project(tmp_path, JOINED, scale=copies)
    with memory_limit(mib) as limit:
        done = limit.run(TRANSFORM, tmp_path, seconds=900)
    assert done.returncode == 0, done.stderr
    assert f"memory limit: {mib / 1024:.1f} GiB" in done.stderr
    used = re.search(r"on disk meanwhile: ([\d,]+) MiB of scratch files, ([\d,]+) MiB of objects", done.stderr)
    assert used, done.stderr
    scratch, spilled = (int(number.replace(",", "")) for number in used.groups())
    read = json.loads((tmp_path / "data" / "joined" / "tfrecords" / "manifest.json").read_text())["quality"]["read"]
    assert read == 336_776 * copies
    assert scratch + spilled <= 3 * read * 150 / 2**20  # three times the rows in memory


@pytest.mark.slow
def test_the_value_that_the_remedy_names_passes(tmp_path: Path) -> None:
    """Shards of 64 MiB are too large for workers of 256 MiB."""
    make_project(tmp_path, JOINED, scale=3, shard_mib=64)
    with memory_limit(1024) as limit:
        failed = limit.run(TRANSFORM, tmp_path, seconds=600)
        assert failed.returncode == 1
        assert "write shards: out of memory" in failed.stderr
        remedy = re.search(r"remedy: set data.shard_mib to (\d+) in params.yaml", failed.stderr)
        assert remedy, failed.stderr
        params = yaml.safe_load((tmp_path / "params.yaml").read_text())
        params["data"]["shard_mib"] = int(remedy[1])
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
        passed = limit.run(TRANSFORM, tmp_path, seconds=600)
    assert passed.returncode == 0, passed.stderr
