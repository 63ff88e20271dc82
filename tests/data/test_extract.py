from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib.data import extract as extract_module
from firelib.data.delta_tables import append_part, open_table
from firelib.data.extract import ensure_lake, extract
from firelib.data.lake import read_lake
from firelib.data.parts.part import Part, split_into_parts
from firelib.data.streams import open_files, stream_files
from firelib.data.streams.read_ahead import Unit
from firelib.project_layout import Paths
from firelib.recipe import Feature, Recipe, Source
from firelib.storage import remove_folder
from tests.errors import refused
from tests.recipes.tiny import DAYS, Row, order_rows, project, tiny_recipe, write_sources


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return project(tmp_path)[1]


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    write_sources(tmp_path)
    return tiny_recipe(tmp_path)


def files(paths: Paths) -> set[Path]:
    return {path for path in Path(paths.lake).rglob("*") if path.is_file()}


def superseded(paths: Paths) -> list[str]:
    return [path.name for path in Path(paths.lake).iterdir() if "superseded" in path.name]


def days(paths: Paths, version: int | None = None) -> list[int]:
    table = open_table(f"{paths.lake}/orders", version)
    assert table is not None
    return sorted(set(table.to_pyarrow_table()["day"].to_pylist()))


def test_each_group_is_a_version(recipe: Recipe, paths: Paths) -> None:
    lake = extract(recipe, paths)
    assert [days(paths, version) for version in range(DAYS)] == [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]]
    assert lake.tables["orders"].version == DAYS - 1
    assert lake.tables["orders"].rows == 300
    assert [commit.group for commit in lake.tables["orders"].commits] == [{"day": day} for day in (1, 2, 3, 4)]
    assert lake.tables["shops"].version == 0
    assert lake.tables["orders"].columns["amount"] == "double"


@pytest.mark.parametrize(("folder", "text"), [("x[1]", "'['"), ("a\\b", "'\\\\'"), ("a%20b", "'%20'")])
def test_paths_that_the_delta_library_cannot_open_are_refused(
    recipe: Recipe, tmp_path: Path, folder: str, text: str
) -> None:
    """With a bracket, it ends the process with a dump of its native code; with the others, it writes elsewhere."""
    paths = Paths(recipe.name, str(tmp_path / folder), tmp_path)
    with refused(what=[("'orders'", text), ("'shops'", text)], where=folder, remedy="storage.root"):
        extract(recipe, paths)
    assert not (tmp_path / folder).exists()


def test_a_second_run_changes_nothing(recipe: Recipe, paths: Paths) -> None:
    extract(recipe, paths)
    before, pinned = files(paths), paths.lake_json.read_bytes()
    extract(recipe, paths)
    assert files(paths) == before
    assert paths.lake_json.read_bytes() == pinned


def test_lake_json_depends_on_the_sources_alone(recipe: Recipe, paths: Paths) -> None:
    extract(recipe, paths)
    pinned = paths.lake_json.read_bytes()
    remove_folder(paths.root)
    paths.lake_json.unlink()
    extract(recipe, paths)
    assert paths.lake_json.read_bytes() == pinned


def test_an_interrupted_run_is_resumed(recipe: Recipe, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_at_third(uri: str, part: Part, version: int) -> None:
        if part.group == {"day": 3}:
            raise KeyboardInterrupt
        append_part(uri, part, version)

    with monkeypatch.context() as patch:
        patch.setattr(extract_module, "append_part", cut_at_third)
        with pytest.raises(KeyboardInterrupt):
            extract(recipe, paths)
    assert days(paths) == [1, 2]
    assert not paths.lake_json.exists()
    before = files(paths)
    extract(recipe, paths)
    assert files(paths) > before
    assert days(paths) == [1, 2, 3, 4]
    assert superseded(paths) == []


def test_a_source_that_grows_adds_a_version(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    extract(recipe, paths)
    before = files(paths)
    later: list[Row] = [{**row, "day": 5, "id": 1000 + row["id"]} for row in order_rows(20, seed=5)]
    write_sources(tmp_path, order_rows() + later)
    lake = extract(recipe, paths)
    assert files(paths) > before
    assert days(paths) == [1, 2, 3, 4, 5]
    assert lake.tables["orders"].version == DAYS
    assert superseded(paths) == []


def test_a_changed_source_supersedes_the_old_table(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    old = extract(recipe, paths)
    write_sources(tmp_path, order_rows(seed=7))
    new = extract(recipe, paths)
    assert new.tables["orders"] != old.tables["orders"]
    assert new.tables["shops"] == old.tables["shops"]
    (name,) = superseded(paths)
    kept = open_table(f"{paths.lake}/{name}")
    assert kept is not None
    assert kept.to_pyarrow_table().num_rows == 300
    assert days(paths) == [1, 2, 3, 4]


def test_a_restored_lake_json_extracts_its_lake_again(recipe: Recipe, paths: Paths) -> None:
    pinned = extract(recipe, paths)
    remove_folder(paths.root)
    assert ensure_lake(recipe, paths) == pinned
    assert days(paths) == [1, 2, 3, 4]


def test_an_existing_lake_is_left_alone(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    """The sources may be missing: the lake has everything that lake.json pins."""
    pinned = extract(recipe, paths)
    before = files(paths)
    (tmp_path / "orders.csv").unlink()
    assert ensure_lake(recipe, paths) == pinned
    assert files(paths) == before


def test_a_lake_that_grew_still_has_the_older_pin(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    pinned = extract(recipe, paths)
    old_json = paths.lake_json.read_bytes()
    write_sources(tmp_path, [*order_rows(), {**order_rows(1)[0], "day": 5}])
    extract(recipe, paths)
    paths.lake_json.write_bytes(old_json)
    assert ensure_lake(recipe, paths) == pinned
    assert days(paths, pinned.tables["orders"].version) == [1, 2, 3, 4]


def test_a_lake_that_differs_from_lake_json_is_extracted_again(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    """`git checkout` restores lake.json and the sources; the lake still has the newer rows."""
    pinned = extract(recipe, paths)
    old_json = paths.lake_json.read_bytes()
    write_sources(tmp_path, order_rows(seed=7))
    extract(recipe, paths)
    paths.lake_json.write_bytes(old_json)
    write_sources(tmp_path)
    assert ensure_lake(recipe, paths) == pinned
    table = open_table(f"{paths.lake}/orders")
    assert table is not None
    shops = table.to_pyarrow_table().sort_by("id")["shop"].to_pylist()
    assert shops == [row["shop"] for row in order_rows()]


def test_changed_sources_cannot_restore_a_pinned_lake(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    extract(recipe, paths)
    pinned = paths.lake_json.read_bytes()
    remove_folder(paths.root)
    write_sources(tmp_path, order_rows(seed=7))
    with refused(what="orders", where=paths.lake_json, remedy="firelib extract"):
        ensure_lake(recipe, paths)
    assert paths.lake_json.read_bytes() == pinned


def test_a_table_with_fewer_rows_than_its_source(recipe: Recipe, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def lose_a_row(uri: str, part: Part, version: int) -> None:
        append_part(uri, Part(part.group, pa.Table.from_batches(part.rows.to_batches()).slice(1)), version)

    monkeypatch.setattr(extract_module, "append_part", lose_a_row)
    with refused(what=[300, 296], where="orders"):
        extract(recipe, paths)
    assert not paths.lake_json.exists()


def test_no_lake_json(recipe: Recipe, paths: Paths) -> None:
    with refused(what=paths.lake_json):
        ensure_lake(recipe, paths)


def test_an_unknown_column_to_commit_by(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    with refused(what=["orders", "dya"], where=tmp_path / "orders.csv", remedy="day"):
        extract(tiny_recipe(tmp_path, commit_by=("dya",)), paths)
    assert not paths.lake_json.exists()


def test_missing_values_in_commit_by(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    path, text = tmp_path / "orders.csv", (tmp_path / "orders.csv").read_text()
    path.write_text(text.replace("paid", "NA"))
    with refused(what=["state", text.count("paid")], where=["orders", path, "commit_by"]):
        extract(tiny_recipe(tmp_path, commit_by=("state",)), paths)
    assert not paths.lake_json.exists()


def test_an_empty_table(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "shops.csv").write_text("shop,city\n")
    with refused(what="shops", where=tmp_path / "shops.csv"):
        extract(recipe, paths)


def test_unknown_schemes_and_formats_are_refused_before_any_fetch(paths: Paths, tmp_path: Path) -> None:
    recipe = tiny_recipe(tmp_path)  # without its files: a fetch would fail
    recipe.sources = {  # type: ignore[misc]
        "orders": recipe.sources["orders"],
        "shops": Source("pgk://shops/shops.csv"),
        "cities": Source("cities.parqet"),
        "states": Source("states", format="cvs"),
    }
    named = [("shops", "pgk", "pkg"), ("cities", "parqet", "parquet"), ("states", "cvs", "csv")]
    with refused(what=named, where=["tiny", "sources"], remedy=["pkg", "parquet", "csv"]):
        extract(recipe, paths)
    assert files(paths) == set()


def test_sources_without_files_are_refused_before_any_fetch(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    recipe.sources = {  # type: ignore[misc]
        **recipe.sources,
        "empty": Source(f"{tmp_path}/empty/"),
        "pattern": Source(f"{tmp_path}/*.tsv"),
        "gone": Source(str(tmp_path / "gone.csv")),
        "database": Source(f"sqlite:///{tmp_path}/gone.db", table="rows"),
    }
    named = [("empty", tmp_path / "empty"), ("pattern", "*.tsv"), ("gone", "gone.csv"), ("database", "gone.db")]
    with refused(what=named, where=["tiny", "sources"]):
        extract(recipe, paths)
    assert files(paths) == set()


def test_lake_json_records_types_that_differ_from_the_file(paths: Paths, tmp_path: Path) -> None:
    pq.write_table(pa.table({"u": pa.array([1], pa.uint8()), "x": [1]}), tmp_path / "rows.parquet")
    recipe = tiny_recipe(tmp_path)
    recipe.sources = {"t": Source(str(tmp_path / "rows.parquet"))}  # type: ignore[misc]
    record = extract(recipe, paths).tables["t"]
    assert (record.columns, record.raw_types) == ({"u": "int16", "x": "int64"}, {"u": "uint8"})
    assert read_lake(paths.lake_json).tables["t"] == record
    assert "raw_types" not in record.model_copy(update={"raw_types": {}}).model_dump()


def test_columns_that_stay_text_are_noted_and_recorded(
    paths: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The feature `state` is a string, and the key has `id`; each name is in another table, too."""
    (tmp_path / "a.csv").write_text("id,state,items\n007,1,1\n008,2,2\n")
    (tmp_path / "b.csv").write_text("id,state\n1,x\n2,2\n")
    recipe = tiny_recipe(tmp_path)
    recipe.features = (Feature("state", "string"),)  # type: ignore[misc]
    recipe.sources = {  # type: ignore[misc]
        "a": Source(str(tmp_path / "a.csv")),
        "b": Source(str(tmp_path / "b.csv")),
        "c": Source(str(tmp_path / "a.csv"), types={"state": "string", "id": "string"}),
    }
    tables = extract(recipe, paths).tables
    assert {name: table.raw_types for name, table in tables.items()} == {
        "a": {"id": "int64", "state": "int64"},
        "b": {},
        "c": {},
    }
    assert tables["a"].columns == {"id": "string", "state": "string", "items": "int64"}
    noted = [line for line in capsys.readouterr().err.splitlines() if "int64" in line]
    assert len(noted) == 1
    assert all(part in noted[0] for part in ("a:", "id", "state"))


def test_new_rows_of_another_kind_do_not_change_the_versions_of_earlier_rows(paths: Paths, tmp_path: Path) -> None:
    """The inferred type, which is noted, depends on all rows."""
    recipe = tiny_recipe(tmp_path)
    recipe.features = (Feature("zip", "string"),)  # type: ignore[misc]
    recipe.sources = {"t": Source(str(tmp_path / "t.csv"), commit_by=("month",))}  # type: ignore[misc]
    (tmp_path / "t.csv").write_text("month,zip\n1,01\n1,02\n")
    first = extract(recipe, paths).tables["t"]
    (tmp_path / "t.csv").write_text("month,zip\n1,01\n1,02\n2,1A\n")
    second = extract(recipe, paths).tables["t"]
    assert (first.raw_types, second.raw_types) == ({"zip": "int64"}, {})
    assert second.commits[:1] == first.commits
    assert superseded(paths) == []


def test_a_record_of_earlier_versions_pins_the_same_lake(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    """They did not record types of the raw file."""
    (tmp_path / "t.csv").write_text("zip\n01\n")
    recipe.features = (Feature("zip", "string"),)  # type: ignore[misc]
    recipe.sources = {"t": Source(str(tmp_path / "t.csv"))}  # type: ignore[misc]
    lake = extract(recipe, paths)
    older = lake.model_copy(update={"tables": {"t": lake.tables["t"].model_copy(update={"raw_types": {}})}})
    older.write(paths.lake_json)
    remove_folder(paths.lake)
    assert ensure_lake(recipe, paths) == older


def test_integers_beside_fractions_that_floats_would_round_are_noted(
    paths: Paths, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_text("mixed,long\n0.5,12345678901234567890\n12345678901234567,1\n")
    recipe = tiny_recipe(tmp_path)
    recipe.features = (Feature("long", "string"),)  # type: ignore[misc]
    recipe.sources = {"t": Source(str(tmp_path / "t.csv"))}  # type: ignore[misc]
    record = extract(recipe, paths).tables["t"]
    assert record.columns == {"mixed": "string", "long": "string"}
    assert record.raw_types == {"mixed": "double"}  # the other one would stay text, whatever its name
    assert "mixed (by inference double)" in capsys.readouterr().err


def test_the_rows_of_a_version_keep_the_order_of_the_source(paths: Paths, tmp_path: Path) -> None:
    """`write_deltalake` mixed up the batches of a stream."""
    rows = 300_000
    (tmp_path / "t.csv").write_text("number\n" + "".join(f"{number}\n" for number in range(rows)))
    recipe = tiny_recipe(tmp_path)
    recipe.sources = {"t": Source(str(tmp_path / "t.csv"))}  # type: ignore[misc]
    extract(recipe, paths)
    table = open_table(f"{paths.lake}/t")
    assert table is not None
    assert table.to_pyarrow_table()["number"].to_pylist() == list(range(rows))


@pytest.mark.parametrize("whole_bytes", [-1, 1 << 20])
def test_a_file_that_changes_while_it_is_read(
    recipe: Recipe, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole_bytes: int
) -> None:
    def read_before_a_change(rows: Any, *arguments: Any) -> list[Part]:
        parts = split_into_parts(rows, *arguments)
        with (tmp_path / "orders.csv").open("a") as file:
            file.write("5,1000,s1,1,1,paid,1\n")
        return parts

    monkeypatch.setattr(stream_files, "_WHOLE_BYTES", whole_bytes)
    monkeypatch.setattr(extract_module, "split_into_parts", read_before_a_change)
    with refused(what=["changed", tmp_path / "orders.csv"], where="orders", remedy="again"):
        extract(recipe, paths)
    assert not paths.lake_json.exists()
    assert files(paths) == set()


def test_many_small_files_are_read_in_few_tasks(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, tasks = tmp_path / "a folder ü", []
    folder.mkdir()
    for index in range(600):
        (folder / f"{index:05} ñ.csv").write_text(f"number,text\n{index},t{index}\n")

    class Counted(Unit[Any]):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            tasks.append(self)

    monkeypatch.setattr(stream_files, "_WHOLE_BYTES", -1)
    monkeypatch.setattr(open_files, "Unit", Counted)
    recipe = tiny_recipe(tmp_path)
    recipe.sources = {"t": Source(str(folder))}  # type: ignore[misc]
    assert extract(recipe, paths).tables["t"].rows == 600
    assert len(tasks) == 2 * 3  # passes over the files, and 256 files in each task
    table = open_table(f"{paths.lake}/t")
    assert table is not None
    assert table.to_pyarrow_table()["number"].to_pylist() == list(range(600))
