import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firelib.data import extract as extract_module
from firelib.data.extract import ensure_lake, extract, read_raw
from firelib.data.lake import Part, append_part, open_table
from firelib.data.sources.fetch import RawFile
from firelib.project_layout import Paths
from firelib.recipe import Recipe, Source
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


def test_an_interrupted_run_goes_on(recipe: Recipe, paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_at_third(uri: str, part: Part) -> None:
        if part.group == {"day": 3}:
            raise KeyboardInterrupt
        append_part(uri, part)

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


def test_a_source_that_changed_sets_the_old_table_aside(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    old = extract(recipe, paths)
    write_sources(tmp_path, order_rows(seed=7))
    new = extract(recipe, paths)
    assert new.tables["orders"] != old.tables["orders"]
    assert new.tables["shops"] == old.tables["shops"]
    (aside,) = superseded(paths)
    kept = open_table(f"{paths.lake}/{aside}")
    assert kept is not None
    assert kept.to_pyarrow_table().num_rows == 300
    assert days(paths) == [1, 2, 3, 4]


def test_a_restored_lake_json_makes_its_lake_again(recipe: Recipe, paths: Paths) -> None:
    pinned = extract(recipe, paths)
    remove_folder(paths.root)
    assert ensure_lake(recipe, paths) == pinned
    assert days(paths) == [1, 2, 3, 4]


def test_a_lake_that_is_there_is_left_alone(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    """The sources may be gone: what lake.json pins lies in the lake."""
    pinned = extract(recipe, paths)
    before = files(paths)
    (tmp_path / "orders.csv").unlink()
    assert ensure_lake(recipe, paths) == pinned
    assert files(paths) == before


def test_a_lake_that_grew_still_holds_the_older_pin(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    pinned = extract(recipe, paths)
    old_json = paths.lake_json.read_bytes()
    write_sources(tmp_path, [*order_rows(), {**order_rows(1)[0], "day": 5}])
    extract(recipe, paths)
    paths.lake_json.write_bytes(old_json)
    assert ensure_lake(recipe, paths) == pinned
    assert days(paths, pinned.tables["orders"].version) == [1, 2, 3, 4]


def test_the_lake_of_another_lake_json_is_noticed(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    """`git checkout` brings back lake.json and the sources; the lake still holds the newer rows."""
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


def test_changed_sources_cannot_make_a_pinned_lake_again(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    extract(recipe, paths)
    pinned = paths.lake_json.read_bytes()
    remove_folder(paths.root)
    write_sources(tmp_path, order_rows(seed=7))
    with refused(what="orders", where=paths.lake_json, remedy="firelib extract"):
        ensure_lake(recipe, paths)
    assert paths.lake_json.read_bytes() == pinned


def test_no_lake_json(recipe: Recipe, paths: Paths) -> None:
    with refused(what=paths.lake_json):
        ensure_lake(recipe, paths)


def test_an_unknown_column_to_commit_by(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    with refused(what=["orders", "dya"], where=tmp_path / "orders.csv", remedy="day"):
        extract(tiny_recipe(tmp_path, commit_by=("dya",)), paths)
    assert not paths.lake_json.exists()


def test_an_empty_table(recipe: Recipe, paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "shops.csv").write_text("shop,city\n")
    with refused(what="shops", where=tmp_path / "shops.csv"):
        extract(recipe, paths)


CSV = b"id,word,none\n1,a,NA\n2,NA,\n"
TABLE = pa.table({"id": [1, 2], "word": ["a", None], "none": pa.array([None, None], pa.string())})


def as_csv(path: Path) -> None:
    path.write_bytes(CSV)


def as_gz(path: Path) -> None:
    path.write_bytes(gzip.compress(CSV))


def as_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("folder/rows.csv", CSV)


def as_parquet(path: Path) -> None:
    pq.write_table(TABLE, path)


@pytest.mark.parametrize(
    ("name", "write"), [("a.csv", as_csv), ("a.csv.gz", as_gz), ("a.csv.zip", as_zip), ("a.parquet", as_parquet)]
)
def test_kinds_of_files(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    write(tmp_path / name)
    assert read_raw(RawFile(tmp_path / name, ""), Source(name)).equals(TABLE)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"id,word\n1,a,b\n"),
        ("a.csv", b""),
        ("a.csv.gz", gzip.compress(CSV * 100)[:-30]),
        ("a.csv.gz", CSV),
        ("a.zip", b"no archive"),
        ("a.parquet", CSV),
    ],
)
def test_damaged_files(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with refused(where=f"https://example.org/{name}", remedy=["CSV", "Parquet"]):
        read_raw(RawFile(tmp_path / name, ""), Source(f"https://example.org/{name}", sha256="0"))


def test_an_archive_of_two_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.csv", CSV)
        archive.writestr("b.csv", CSV)
    with refused(what=[2, "a.zip"], where="a.zip"):
        read_raw(RawFile(tmp_path / "a.zip", ""), Source("a.zip"))
