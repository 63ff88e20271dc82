"""Generations of the tiny recipe, made version by version and from scratch."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from firelib.data.generations import build
from firelib.data.row_validation import REASON
from firelib.data.split import leakage
from firelib.data.transform import transform
from tests.data.generations.made import assert_from_scratch, generations_of, made_files, remake
from tests.data.transformed import INVALID, TWICE, assert_no_leftovers, hashes, make, rows_of
from tests.recipes.tiny import Tiny, derive, order_rows, project, tiny_recipe, write_sources

pytestmark = pytest.mark.usefixtures("ray_cluster")
ROWS = [*order_rows(), *INVALID, *TWICE]


def test_each_version_adds_shards_and_equals_the_one_from_scratch(tmp_path: Path) -> None:
    write_sources(tmp_path / "a", ROWS)
    _, paths = make(tmp_path / "a", version=0)
    for version in (1, 2, 3):
        before = made_files(paths)
        _, paths = remake(tmp_path / "a", version=version)
        after = made_files(paths)
        assert before.items() <= after.items()
        assert generations_of(after.keys() - before.keys()) == {f"{version:05d}"}
    assert_from_scratch(paths, tmp_path / "b", ROWS)
    assert_no_leftovers(paths)


def test_small_commits_share_a_generation(tmp_path: Path) -> None:
    """Half of a quarter of 60 KB are 75 rows of 137 bytes, or one day, and rows set aside."""
    write_sources(tmp_path / "a", ROWS)
    make(tmp_path / "a", version=2, shard_mib=0.06)
    manifest, paths = remake(tmp_path / "a", shard_mib=0.06)
    assert generations_of({shard.name for shard in manifest.splits["train"].shards}) == {"00000", "00001"}
    assert_from_scratch(paths, tmp_path / "b", ROWS, shard_mib=0.06)


def test_a_second_transform_makes_nothing_again(tmp_path: Path) -> None:
    write_sources(tmp_path, ROWS)
    _, paths = make(tmp_path)
    before, set_aside = made_files(paths), paths.set_aside.read_bytes()
    paths.set_aside.unlink()
    for path in paths.tfrecords.iterdir():  # as DVC does before a stage
        path.unlink()
    remake(tmp_path)
    assert made_files(paths) == before
    assert paths.set_aside.read_bytes() == set_aside


def test_a_fresh_transform_makes_all_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sources(tmp_path, ROWS)
    _, paths = make(tmp_path)
    before = hashes(paths.tfrecords)
    params, _ = project(tmp_path)
    capsys.readouterr()
    transform(tiny_recipe(tmp_path), params, paths, fresh=True)
    assert "4 generations, 4 to be made" in capsys.readouterr().err
    assert hashes(paths.tfrecords) == before


def test_the_number_of_generations_in_a_graph_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_sources(tmp_path, ROWS)
    _, paths = make(tmp_path)
    before = hashes(paths.tfrecords)
    monkeypatch.setattr(build, "_MOST_SAMPLED", 1)  # one generation after the other
    monkeypatch.setattr(leakage, "_SAMPLE", 100)  # rows, of about 600
    transform(tiny_recipe(tmp_path), project(tmp_path)[0], paths, fresh=True)
    assert hashes(paths.tfrecords) == before


def test_only_generations_with_corrected_or_deleted_rows_are_made_again(tmp_path: Path) -> None:
    write_sources(tmp_path / "a", ROWS)
    _, paths = make(tmp_path / "a")
    before = made_files(paths)
    corrected = [{**row, "amount": 1} if (row["day"], row["id"]) == (2, 80) else row for row in ROWS]
    corrected = [row for row in corrected if (row["day"], row["id"]) != (4, 290)]
    write_sources(tmp_path / "a", corrected)
    make(tmp_path / "a")
    after = made_files(paths)
    assert generations_of({name for name, _ in before.items() ^ after.items()}) <= {"00001", "00003"}
    assert before.items() & after.items()
    assert_from_scratch(paths, tmp_path / "b", corrected)


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_what_is_damaged_is_made_again(tmp_path: Path, damage: str) -> None:
    write_sources(tmp_path, ROWS)
    _, paths = make(tmp_path)
    before = hashes(paths.tfrecords)
    victims = [next(Path(paths.shards).glob("train-00001-*")), next(Path(paths.records).glob("*.zip"))]
    for victim in victims:
        content = victim.read_bytes()
        victim.unlink()
        if damage != "gone":
            at = len(content) // 2
            victim.write_bytes(
                content[:at] + (bytes([content[at] ^ 1]) + content[at + 1 :] if damage == "flip" else b"")
            )
    remake(tmp_path)
    assert hashes(paths.tfrecords) == before


class ById(Tiny):
    """A key without the column of `commit_by`."""

    key = ("id",)


def test_a_key_of_an_earlier_generation_is_set_aside(tmp_path: Path) -> None:
    late = [{**row, "day": 3, "amount": 7} for row in ROWS if row["day"] == 1][:40]
    latest = [{**row, "day": 4, "amount": 8} for row in late]
    rows = [*ROWS, *late, *latest]
    write_sources(tmp_path / "a", rows)
    recipe = tiny_recipe(tmp_path / "a", kind=ById)
    make(tmp_path / "a", recipe, version=2)
    manifest, paths = remake(tmp_path / "a", recipe)
    paid = Counter(row["id"] for row in rows if row["state"] == "paid" and row not in INVALID)
    kept = [int(row["window"][1]) for split in manifest.splits for row in rows_of(manifest, paths, split)]
    assert sorted(kept) == sorted(paid)
    days = {
        int(row["window"][1]): int(row["window"][0]) for s in manifest.splits for row in rows_of(manifest, paths, s)
    }
    assert {days[row["id"]] for row in late if row["state"] == "paid"} == {1}
    set_aside = [row["id"] for row in pq.read_table(paths.set_aside).to_pylist() if "twice" in row[REASON]]
    assert Counter(set_aside) == Counter({key: count - 1 for key, count in paid.items() if count > 1})
    assert_from_scratch(paths, tmp_path / "b", rows, ById)


class Renumbered(Tiny):
    """Its rows have the column of `commit_by`, with other values: the key does not tell the commit."""

    def transform(self, tables: Mapping[str, Any]) -> Any:
        return super().transform(tables).assign(day=7)


def test_a_key_that_only_seems_to_tell_the_commit(tmp_path: Path) -> None:
    rows = [*order_rows(), *({**row, "day": 4} for row in order_rows()[:30])]
    write_sources(tmp_path, rows)
    manifest, paths = make(tmp_path, tiny_recipe(tmp_path, kind=Renumbered))
    twice = sum(row["state"] == "paid" for row in order_rows()[:30])
    assert manifest.quality["rejected"] == {"the key is there twice": twice}
    assert_no_leftovers(paths)


class Ranked(Tiny):
    """A row depends on all rows of its shop."""

    def transform(self, tables: Mapping[str, Any]) -> Any:
        orders = tables["orders"]
        counts = orders.groupby("shop")["id"].count().rename("count").reset_index()
        joined = orders.merge(counts, how="left", on="shop").merge(tables["shops"], how="left", on="shop")
        return joined.map_partitions(rank)


def rank(rows: pd.DataFrame) -> pd.DataFrame:
    return derive(rows.assign(id=rows["id"])).assign(items=rows["count"] % 100)


def test_rows_that_depend_on_others_are_one_generation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sources(tmp_path / "a", ROWS)
    recipe = tiny_recipe(tmp_path / "a", kind=Ranked)
    make(tmp_path / "a", recipe, version=2)
    manifest, paths = remake(tmp_path / "a", recipe)
    assert "one generation" in (printed := capsys.readouterr().err)
    assert "depend" in printed
    assert generations_of({shard.name for shard in manifest.splits["train"].shards}) == {"00000"}
    assert_from_scratch(paths, tmp_path / "b", ROWS, Ranked)
