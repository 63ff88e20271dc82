from pathlib import Path

import pytest

from firelib.data.lake import Commit, Lake, TableRecord, read_lake
from tests.errors import refused


def lake_of(versions: int) -> Lake:
    commits = tuple(Commit(version=v, rows=v + 1, group={"day": v}, sha256=f"{v}") for v in range(versions))
    record = TableRecord(
        source="t.csv", sha256="0", columns={"day": "int64"}, rows=versions, version=versions - 1, commits=commits
    )
    return Lake(recipe="r", tables={"t": record})


def test_the_wanted_version_must_exist() -> None:
    lake = lake_of(3)
    assert [lake.resolve_version("t", wanted) for wanted in (None, 0, 2)] == [2, 0, 2]
    with refused(what=["t", 0, 2, 3], where=["params.yaml", "data.version"], remedy="firelib data log"):
        lake.resolve_version("t", 3)


def test_a_table_with_one_version_ignores_the_wanted_version() -> None:
    assert lake_of(1).resolve_version("t", 5) == 0


def test_lake_json_is_read_back(tmp_path: Path) -> None:
    lake_of(3).write(tmp_path / "lake.json")
    assert read_lake(tmp_path / "lake.json") == lake_of(3)


@pytest.mark.parametrize("content", ["[]", '{"recipe": "r"}', '{"recipe": "r", "tables": {"t": {}}}'])
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "lake.json").write_text(content)
    with refused(what="lake.json", where=tmp_path / "lake.json", remedy="firelib extract"):
        read_lake(tmp_path / "lake.json")


def test_invalid_fields_of_lake_json_are_named(tmp_path: Path) -> None:
    (tmp_path / "lake.json").write_text('{"recipe": "r", "tables": {"t": {"verison": 1}}}')
    with refused(what=[("tables.t.verison", "version"), ("tables.t.rows",)], where=tmp_path / "lake.json"):
        read_lake(tmp_path / "lake.json")
