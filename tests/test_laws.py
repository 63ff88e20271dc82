"""The laws of the house that imports can break."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import ROOT

# From the top floor down; a room imports from rooms below it only.
FLOORS = (
    ("cli",),
    ("launch",),
    ("dvc_pipeline", "tune"),
    ("console_tables", "evaluate", "train"),
    ("data",),
    ("dataset_store",),
    ("doctor", "job_context", "lineage", "project_layout", "ray_setup", "recipes", "tfrecord"),
    ("config", "recipe", "storage"),
    ("keras_import",),
    ("console", "errors", "gcp", "machine", "signals", "user_folders"),
)
FLOOR_OF = {room: len(FLOORS) - index for index, rooms in enumerate(FLOORS) for room in rooms}


def imported_rooms(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("firelib.")} & set(FLOOR_OF)


@pytest.mark.parametrize("path", sorted((ROOT / "firelib").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_down_only(path):
    room = path.relative_to(ROOT / "firelib").parts[0].removesuffix(".py")
    if room == "__init__":
        return
    for other in imported_rooms(path) - {room}:
        assert FLOOR_OF[other] <= FLOOR_OF[room], f"{room} imports {other}, which is above it"


def test_recipes_import_nothing_of_firelib_but_the_contract():
    for path in (ROOT / "firelib" / "recipes").glob("[!_]*.py"):
        assert imported_rooms(path) == {"recipe"}


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("firelib.data.extract, firelib.data.transform, firelib.recipes.flights", {"tensorflow", "keras", "wandb"}),
        ("firelib.train.worker.training_loop, firelib.evaluate.evaluate", {"dask", "deltalake"}),
        ("firelib", {"numpy", "pyarrow", "ray", "pydantic"}),
    ],
)
def test_component_leaves_out_what_others_need(modules, absent):
    code = f"import sys, {modules}; print(*{absent!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == []
