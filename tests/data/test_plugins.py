"""The example in docs/sources.md: a scheme and a format of another package."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.orc
import pytest

from firelib.data.delta_tables import open_table
from firelib.data.extract import extract
from firelib.project_layout import Paths
from firelib.recipe import Source
from tests.errors import refused
from tests.project import ROOT
from tests.recipes.tiny import project, tiny_recipe, write_sources

PAGE = (ROOT / "docs" / "sources.md").read_text()
ROWS = pa.table({"shop": ["s1", "s2"], "city": ["Rome", "Oslo"]})


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the code blocks of the page as a package with entry points."""
    folder = tmp_path / "site"
    metadata = folder / "example_plugin-1.0.dist-info"
    metadata.mkdir(parents=True)
    modules = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", PAGE, re.DOTALL)
    assert len(modules) == 2
    for name, code in modules:
        (folder / name).write_text(code)
    (project_table,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    groups = tomllib.loads(project_table)["project"]["entry-points"]
    lines = [f"[{group}]\n" + "\n".join(f"{k} = {v}" for k, v in entries.items()) for group, entries in groups.items()]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: example-plugin\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(folder)


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    files = fsspec.filesystem("memory")
    with files.open("memory://rows.orc", "wb") as file:
        pyarrow.orc.write_table(ROWS, file)
    yield files
    files.rm("memory://rows.orc")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    write_sources(tmp_path)
    return project(tmp_path)[1]


@pytest.mark.usefixtures("plugin", "memory")
def test_a_plugin_adds_a_scheme_and_a_format(paths: Paths, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    recipe.sources = {**recipe.sources, "shops": Source("memory://rows.orc")}  # type: ignore[misc]
    extract(recipe, paths)
    table = open_table(f"{paths.lake}/shops")
    assert table is not None
    assert table.to_pyarrow_table().equals(ROWS)


@pytest.mark.usefixtures("plugin")
def test_schemes_and_formats_of_a_plugin_are_suggested(paths: Paths, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    recipe.sources = {"a": Source("memry://rows.csv"), "b": Source("rows.orcc")}  # type: ignore[misc]
    with refused(what=["memry", "orcc"], where="sources", remedy=["memory", "orc"]):
        extract(recipe, paths)


def test_without_the_plugin_both_are_refused(paths: Paths, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)
    recipe.sources = {"shops": Source("memory://rows.orc")}  # type: ignore[misc]
    with refused(what="memory", where="sources"):
        extract(recipe, paths)
    recipe.sources = {"shops": Source("rows.orc")}  # type: ignore[misc]
    with refused(what="orc", where="sources"):
        extract(recipe, paths)
