"""Two states of the tiny recipe's lake, of which the second supersedes the first."""

from collections.abc import Sequence
from pathlib import Path

from firelib.data.extract import extract
from firelib.data.lake import Lake
from firelib.data.versions.pinned_table import PinnedTable, find_tables
from firelib.project_layout import Paths
from tests.recipes.tiny import Row, project, tiny_recipe, write_sources

Tables = dict[str, PinnedTable]


def extract_rows(folder: Path, rows: Sequence[Row]) -> tuple[Lake, Paths]:
    """Write the orders, and extract them into the lake of the folder."""
    write_sources(folder, rows)
    paths = project(folder)[1]
    return extract(tiny_recipe(folder), paths), paths


def tables_of(lake: Lake, paths: Paths, version: int | None = None) -> Tables:
    return find_tables(lake, lake.resolve_versions(version), paths.lake)


def two_tables(folder: Path, before: Sequence[Row], after: Sequence[Row]) -> tuple[PinnedTable, PinnedTable]:
    """The table of orders, first with some rows, then with others."""
    (first, paths), (second, _) = extract_rows(folder, before), extract_rows(folder, after)
    return tables_of(first, paths)["orders"], tables_of(second, paths)["orders"]
