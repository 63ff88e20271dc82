"""The memory of a task that gathers one large shard, in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from firelib.data.memory.task_memory import TaskMemory
from firelib.data.shard_gather import GatherTask, ShardPlan, estimate_gather, gather_shards, group_shards
from firelib.data.shuffle.sorted_files import write_sorted
from firelib.data.split.position import HASH_SPACE, HashRange, compute_hashes
from firelib.recipe import Feature, Recipe
from tests.patience import patience
from tests.project import ROOT

_MIB = 2**20
_PARTITION_BYTES = 32 * _MIB


class Table(Recipe):
    """Rows with the types and the key of flights."""

    name = "table"
    key = ("day", "carrier", "flight")
    features = (
        *(Feature(f"x{index}", "float32", nullable=True) for index in range(6)),
        *(Feature(name, "string", max_length=3) for name in ("carrier", "origin", "dest")),
        Feature("hour", "int64"),
    )
    label = Feature("late", "int64", range=(0, 1))

    def transform(self, tables: Any) -> Any:
        return tables["rows"]


class Images(Table):
    """Grey pictures."""

    key = ("id",)
    features = (Feature("pixels", "uint8", shape=(28, 28)),)  # type: ignore[assignment]  a tuple of another length


class Texts(Table):
    """Rows with free text, whose records have no fixed size."""

    key = ("id",)
    features = (Feature("text", "string"),)  # type: ignore[assignment]  a tuple of another length


def make_table() -> pa.Table:
    numbers = np.arange(400_000)
    columns: dict[str, Any] = {f"x{index}": numbers / 7 for index in range(6)}
    for name, words in {"carrier": ["AA", "BB", "C"], "origin": ["JFK", "LGA"], "dest": ["ÄA", "BBB"]}.items():
        columns[name] = np.array(words)[numbers % len(words)]
    return pa.table({**columns, "hour": numbers, "day": numbers // 1000, "flight": numbers, "late": numbers % 2})


def make_images() -> pa.Table:
    numbers = np.arange(60_000)
    pixels = np.random.default_rng(0).integers(0, 255, len(numbers) * 784, dtype=np.uint8)
    edges = np.arange(len(numbers) + 1, dtype=np.int32) * 784
    return pa.table({"pixels": pa.ListArray.from_arrays(edges, pixels), "id": numbers, "late": numbers % 2})


def make_texts() -> pa.Table:
    numbers = np.arange(400_000)
    texts = [f"a remark about row {number}, with a few words" * 2 for number in numbers]
    return pa.table({"text": texts, "id": numbers, "late": numbers % 2})


KINDS: dict[str, tuple[type[Recipe], Callable[[], pa.Table]]] = {
    "table": (Table, make_table),
    "images": (Images, make_images),
    "texts": (Texts, make_texts),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_holds(tmp_path: Path, kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", __name__, kind, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=patience(120),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows, taken, most = json.loads(done.stdout)
    assert rows > 30
    assert taken < most, f"{taken / rows:.1f} times the rows"


def _gather(kind: str, folder: str) -> None:
    """Print the MiB of the rows, those that gathering them takes at most, and those that the estimate allows."""
    recipe_type, make = KINDS[kind]
    recipe, table = recipe_type(), make()
    _gather_table(table.slice(0, 1000), recipe, Path(folder, "small"))  # loads the compiled kernels
    rows, taken, most = _gather_table(table, recipe, Path(folder, "large"))
    print(json.dumps([rows / _MIB, taken / _MIB, most / _MIB]))  # noqa: T201


def _gather_table(table: pa.Table, recipe: Recipe, folder: Path) -> tuple[int, int, int]:
    folder.mkdir()
    tasks, need = _prepare(table, recipe, folder)
    pa.default_memory_pool().release_unused()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _read_status("VmRSS")
    gather_shards(tasks[0], recipe, str(folder / "shards"), str(folder))
    return table.nbytes, _read_status("VmHWM") - before, need.copies * need.rows_bytes


def test_tasks_share_the_files(tmp_path: Path) -> None:
    positions = np.random.default_rng(0).integers(0, HASH_SPACE, 1000, dtype=np.uint64)
    files = [write_sorted(pa.table({"x": positions}), positions, str(tmp_path / f"{index}.arrow")) for index in (0, 1)]
    ranges = HashRange(0, HASH_SPACE).divide(4)
    plans = [ShardPlan("train", f"train-00000-{index:05d}", part, 500) for index, part in enumerate(ranges)]
    tasks = group_shards(plans, files, 1)
    assert [task.plans for task in tasks] == [[plan] for plan in plans]
    assert len(tasks[0].files) == 2
    assert all(task.files is tasks[0].files for task in tasks)


def _prepare(table: pa.Table, recipe: Recipe, folder: Path) -> tuple[list[GatherTask], TaskMemory]:
    """Write the files of the first pass, and plan one shard."""
    positions = compute_hashes(table.select(list(recipe.key)).to_pandas(), recipe.key)
    count, files = -(-table.nbytes // _PARTITION_BYTES), []
    for index in range(count):
        start, stop = (table.num_rows * edge // count for edge in (index, index + 1))
        part = table.slice(start, stop - start)
        files.append(write_sorted(part, positions[start:stop], str(folder / f"{index}.arrow")))
    plan = ShardPlan("train", "train-00000-00000", HashRange(0, HASH_SPACE), table.num_rows)
    tasks = group_shards([plan], files, 1)
    return tasks, estimate_gather(tasks, table.nbytes // table.num_rows + 8, 64, _PARTITION_BYTES)


def _read_status(name: str) -> int:
    """A number of bytes in this process's status."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    _gather(*sys.argv[1:])
