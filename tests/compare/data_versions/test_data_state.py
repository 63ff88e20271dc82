"""What names of states of the data mean: versions, and git revisions with the lake.json of their time."""

from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from firelib.compare.data_versions.data_state import open_state
from firelib.compare.data_versions.difference import compare_tables
from firelib.compare.data_versions.metrics_by_version import read_metrics
from firelib.data.extract import extract
from firelib.data.lake import read_lake
from firelib.project_layout import Paths
from tests.compare.test_compare import git, write
from tests.errors import refused
from tests.recipes.tiny import Row, order_rows, project, tiny_recipe, write_sources

ROWS = order_rows(80)
AUCS = {"half": 0.7, "whole": 0.8}


def commit(folder: Path, name: str, rows: list[Row], version: int | None) -> None:
    """Extract rows, and commit the lake.json with metrics."""
    write_sources(folder, rows)
    params, paths = project(folder, version=version)
    extract(tiny_recipe(folder), paths)
    write(folder, "params.yaml", yaml.safe_dump(params.model_dump(mode="json", exclude_none=True, exclude={"tune"})))
    write(folder, "metrics/tiny/test.json", {"roc_auc": AUCS[name]})
    git(folder, "add", ".")
    git(folder, "commit", "-m", name)
    git(folder, "tag", name)


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """Two commits; the second one has a new value of `items`, and a row less."""
    folder = tmp_path_factory.mktemp("project")
    git(folder, "init", "--initial-branch", "main")
    Repo.init(str(folder)).close()
    write(folder, ".gitignore", "storage\n")
    commit(folder, "half", ROWS, version=1)
    commit(folder, "whole", [{**ROWS[0], "items": 99}, *ROWS[2:]], version=None)
    return project(folder)[1]


def test_a_number_is_a_version(paths: Paths) -> None:
    tables = open_state("2", paths).tables
    assert {name: table.version for name, table in tables.items()} == {"orders": 2, "shops": 0}
    assert open_state(None, paths).tables["orders"].version == 3
    assert open_state(None, paths, version=1).tables["orders"].version == 1


def test_a_revision_has_the_version_and_the_rows_of_its_time(paths: Paths) -> None:
    half, whole = open_state("half", paths), open_state("whole", paths)
    assert half.tables["orders"].version == 1
    assert whole.tables["orders"].version == 3
    assert half.tables["orders"].uri != whole.tables["orders"].uri
    orders = compare_tables(half, whole, tiny_recipe(paths.project)).rows[0]
    assert (orders.table, orders.added, orders.removed, orders.changed) == ("orders", 40, 1, 1)
    assert orders.columns == {"items": 1}


def test_an_unknown_version_is_refused(paths: Paths) -> None:
    with refused(what=["7", "orders", "3"], where="command line", remedy="firelib data log"):
        open_state("7", paths)


def test_an_unknown_revision_is_refused(paths: Paths) -> None:
    with refused(what="hlf", where="command line", remedy="half"):
        open_state("hlf", paths)


def test_a_model_has_the_versions_that_it_was_trained_on(paths: Paths, tmp_path: Path) -> None:
    write(tmp_path, "lineage.json", {"data": {"tables": {"orders": 2, "shops": 0}}})
    state = open_state(str(tmp_path), paths)
    assert {name: table.version for name, table in state.tables.items()} == {"orders": 2, "shops": 0}
    write(tmp_path, "lineage.json", {"data": {"tables": {"orders": 9, "shops": 0}}})
    with refused(what="orders", where=tmp_path.name, remedy="git revision"):
        open_state(str(tmp_path), paths)


def test_metrics_of_revisions_belong_to_versions(paths: Paths) -> None:
    lake = read_lake(paths.lake_json)
    found = {entry.version: entry for entry in read_metrics(lake, paths)["orders"]}
    assert found[1].metrics == {"roc_auc": AUCS["half"]}
    assert found[3].metrics == {"roc_auc": AUCS["whole"]}
    assert found[3].states[0] == "working tree"
    assert {state.partition(" ")[0] for state in found[3].states} == {"working", "HEAD", "main", "whole"}


def test_a_project_without_git_has_the_metrics_of_its_working_tree(tmp_path: Path) -> None:
    write_sources(tmp_path, ROWS)
    params, paths = project(tmp_path)
    lake = extract(tiny_recipe(tmp_path), paths)
    write(tmp_path, "params.yaml", yaml.safe_dump(params.model_dump(mode="json", exclude_none=True, exclude={"tune"})))
    assert read_metrics(lake, paths) == {}
    write(tmp_path, "metrics/tiny/test.json", {"roc_auc": 0.5})
    assert [(entry.version, entry.states) for entry in read_metrics(lake, paths)["orders"]] == [(3, ("working tree",))]
    other = {"stages": {"extract": {"outs": [{"path": "data/tiny/lake.json", "md5": "0123456789abcdef"}]}}}
    write(tmp_path, "dvc.lock", yaml.safe_dump(other))
    assert read_metrics(lake, paths) == {}, "metrics of other sources belong to no version of this lake"
