"""Partitions that do not fit into the memory of this machine are named before the transform refuses them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib import machine
from firelib.check.finding import Finding
from firelib.data.extract import extract
from tests.check.signs import Mistake, describe, write_project

ROWS = 1 << 22  # of 32 bytes and more
CENTRED = """
def transform(tables):
    rows = tables["rows"]
    return rows.assign(twice=rows["number"] - rows["number"].mean())
"""
PLAIN = """
def transform(tables):
    return tables["rows"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with 150 MiB of rows, in a container with 1 GiB of memory."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path)
    numbers = np.arange(ROWS)
    columns = {"id": numbers, "number": numbers % 7 / 7, "word": np.array(["a", "b", "c"])[numbers % 3]}
    pq.write_table(pa.table({**columns, "positive": numbers % 2}), tmp_path / "rows.parquet")
    Mistake('Source("rows.csv")', 'Source("rows.parquet")', ()).plant(tmp_path)
    for name, own in {"_OWN_CGROUPS": "own", "_CGROUPS": "cgroup"}.items():
        monkeypatch.setattr(machine, name, tmp_path / own)
    (tmp_path / "own").write_text("4:memory:/job\n")
    (tmp_path / "cgroup" / "memory" / "job").mkdir(parents=True)
    (tmp_path / "cgroup" / "memory" / "job" / "memory.limit_in_bytes").write_text(str(2**30))
    return tmp_path


def find_lack(folder: Path) -> list[Finding]:
    return [each for each in describe(folder).findings if "MiB for tasks" in each.what]


def test_partitions_are_compared_with_the_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe, params = folder / "recipe.py", folder / "params.yaml"
    begin, end = recipe.read_text().split("@rows\ndef transform(rows):")
    rest = end[end.index("\ndef build_model") :]
    recipe.write_text(begin + CENTRED + rest)
    params.write_text(params.read_text().replace("  shard_mib: 1\n", "  shard_mib: 1\n  partition_bytes: 1073741824\n"))
    assert find_lack(folder) == []  # there is no lake yet
    described = describe(folder)
    assert described.recipe
    extract(described.recipe, described.paths)
    (found,) = find_lack(folder)
    assert found.severity == "warning"
    assert "one partition of each table" in found.what
    assert "set data.partition_bytes to" in found.remedy
    assert found.line == 8
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6379")  # the memory of that Ray is not known here
    assert find_lack(folder) == []
    monkeypatch.delenv("RAY_ADDRESS")
    recipe.write_text(begin + PLAIN + rest)  # its partitions may be smaller
    assert find_lack(folder) == []
