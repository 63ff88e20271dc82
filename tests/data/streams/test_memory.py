"""The extract of a source that is larger than the memory it may use, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib.data.delta_tables import open_table
from tests.patience import patience
from tests.project import ROOT

_MOST_MIB = 512
_SCRIPT = """
import json, sys
from pathlib import Path
from firelib.data.extract import extract
from firelib.project_layout import Paths
from firelib.recipe import Source
from tests.recipes.tiny import tiny_recipe

source, folder, *commit_by = sys.argv[1:]
recipe = tiny_recipe(Path(folder))
recipe.sources = {"t": Source(source, commit_by=tuple(commit_by))}
extract(recipe, Paths("tiny", f"{folder}/storage", Path(folder)))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps(int(peak.split()[1]) / 1024))
"""


def write_parquet(path: Path) -> int:
    """One row group with 512 MiB of rows, which are stored in few bytes."""
    rows = 1 << 21
    numbers = np.arange(rows) // 64 % 1000
    columns = {"day": numbers % 3, **{f"x{index}": numbers.astype(float) + index for index in range(31)}}
    pq.write_table(pa.table(columns), path, row_group_size=rows)
    return rows


def write_csv(path: Path) -> int:
    """96 MiB of text, 3 million rows whose types are not known before the last one."""
    block = "".join(f"{index % 3},{index},{index / 8},word {index % 100}\n" for index in range(1 << 15)).encode()
    blocks = (96 << 20) // len(block)
    with path.open("wb") as file:
        file.write(b"day,number,share,word\n")
        for _ in range(blocks):
            file.write(block)
        file.write(b"1,0.5,1,last\n")
    return blocks * (1 << 15) + 1


@pytest.mark.parametrize(
    ("name", "write", "commit_by"), [("t.parquet", write_parquet, []), ("t.csv", write_csv, ["day"])]
)
def test_memory_is_bounded(tmp_path: Path, name: str, write: Callable[[Path], int], commit_by: list[str]) -> None:
    rows = write(tmp_path / name)
    command = [sys.executable, "-c", _SCRIPT, str(tmp_path / name), str(tmp_path), *commit_by]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=patience(300), check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) < _MOST_MIB
    table = open_table(f"{tmp_path}/storage/lake/tiny/t")
    assert table is not None
    assert pa.table(table.get_add_actions())["num_records"].to_numpy().sum() == rows
    assert "rows" in done.stderr
