"""What the transform writes."""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xxhash

from firelib.config import declare_splits
from firelib.data.dataset_manifest import count_rows, report_rows
from firelib.data.row_validation import REASON
from firelib.data.split.position import key_hashes, split_ranges
from firelib.project_layout import Paths
from firelib.recipe import split_columns
from firelib.tfrecord.format.manifest import Manifest, read_manifest
from tests.data.transformed import INVALID, TWICE, assert_no_leftovers, hashes, make, rows_of
from tests.recipes.tiny import DAYS, Row, Tiny, derive, order_rows, project, tiny_recipe, write_sources

pytestmark = pytest.mark.usefixtures("ray_cluster")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, ray_cluster: None) -> tuple[Manifest, Paths]:
    """A dataset of valid, invalid and repeated rows; tests only read it."""
    folder = tmp_path_factory.mktemp("made")
    write_sources(folder, [*order_rows(), *INVALID, *TWICE])
    return make(folder)


def test_the_shards_contain_every_valid_row_once_in_its_split(made: tuple[Manifest, Paths]) -> None:
    manifest, paths = made
    source = [row for row in [*order_rows(), *TWICE[1::2]] if row["state"] == "paid"]
    expected = {(row["day"], row["id"]): row for row in source}
    actual: dict[tuple[int, int], tuple[str, Row]] = {}
    for split in manifest.splits:
        for row in rows_of(manifest, paths, split):
            key = (int(row["window"][0]), int(row["window"][1]))
            assert key not in actual
            actual[key] = (split, row)
    assert actual.keys() == expected.keys()
    keys = pd.DataFrame(list(actual), columns=["day", "id"])
    ranges = split_ranges(project(paths.project)[0].data.split)
    for (split, row), row_hash, key in zip(actual.values(), key_hashes(keys, ["day", "id"]), actual, strict=True):
        assert ranges[split].low <= int(row_hash) < ranges[split].high
        source_row = expected[key]
        assert row["shop"].decode() == source_row["shop"]
        assert row["items"] == (-1 if source_row["items"] == "" else source_row["items"])
        assert row["big"] == source_row["big"]
        if source_row["amount"] == "NA":
            assert np.isnan(row["amount"])
        else:
            assert row["amount"] == np.float32(source_row["amount"])


def test_rows_of_a_commit_are_sorted_by_hash(made: tuple[Manifest, Paths]) -> None:
    manifest, paths = made
    rows = pd.DataFrame([row["window"] for row in rows_of(manifest, paths, "train")], columns=["day", "id"])
    rows["hash"] = key_hashes(rows, ["day", "id"]).astype(object)
    assert rows["day"].is_monotonic_increasing
    assert all(each["hash"].is_monotonic_increasing for _, each in rows.groupby("day"))
    assert len(manifest.splits["train"].shards) >= DAYS


def test_invalid_rows_are_set_aside_with_the_reason_and_counted(made: tuple[Manifest, Paths]) -> None:
    manifest, paths = made
    set_aside = pq.read_table(paths.set_aside).to_pylist()
    assert [(row["id"], row[REASON]) for row in set_aside] == [
        (901, "amount is outside [0, 1000]"),
        (901, "amount is outside [0, 1000]"),
        (902, "items is outside [0, 100]"),
        (950, "the key is there twice"),
        (903, "shop is longer than 2 bytes"),
        (950, "the key is there twice"),
        (904, "big is outside [0, 1]"),
    ]
    assert [row["amount"] for row in set_aside if row["id"] == 950] == [20, 20]
    assert manifest.quality["rejected"] == dict(Counter(row[REASON] for row in set_aside))
    read, accounted_for = count_rows(manifest)
    assert read == accounted_for == len([*order_rows(), *INVALID, *TWICE])


def test_rows_read_are_samples_excluded_or_set_aside(made: tuple[Manifest, Paths]) -> None:
    manifest, _ = made
    states = Counter(row["state"] for row in [*order_rows(), *INVALID, *TWICE])
    quality = manifest.quality
    assert quality["excluded"] == {"cancelled": states["cancelled"], "returned": states["returned"]}
    samples = sum(split.rows for split in manifest.splits.values())
    set_aside = len(INVALID) - 1 + len(TWICE) // 2
    assert quality["read"] == states.total() == samples + sum(quality["excluded"].values()) + set_aside


def test_statistics_are_computed_on_the_training_split(made: tuple[Manifest, Paths]) -> None:
    manifest, paths = made
    rows = pd.DataFrame(rows_of(manifest, paths, "train"))
    amount, city = manifest.fitted["amount"], manifest.fitted["city"]
    assert amount.count == rows["amount"].notna().sum()
    assert amount.missing == rows["amount"].isna().sum() > 0
    assert amount.mean == pytest.approx(rows["amount"].astype(float).mean())
    assert amount.std == pytest.approx(rows["amount"].astype(float).std(ddof=0))
    words = Counter(word.decode() for word in rows["city"] if word)
    assert city.vocabulary == tuple(word for word, _ in sorted(words.items(), key=lambda item: (-item[1], item[0])))
    assert city.missing == (rows["city"] == b"").sum() > 0


def test_the_manifest_names_every_file_with_its_hash(made: tuple[Manifest, Paths]) -> None:
    manifest, paths = made
    named = {shard.name: shard.xxh128 for split in manifest.splits.values() for shard in split.shards}
    found = {path.name: xxhash.xxh3_128_hexdigest(path.read_bytes()) for path in paths.tfrecords.iterdir()}
    assert found.pop("manifest.json")
    assert found == named
    assert read_manifest(str(paths.tfrecords)) == manifest
    assert_no_leftovers(paths)


def test_the_report_counts_rows_by_reason(made: tuple[Manifest, Paths], capsys: pytest.CaptureFixture[str]) -> None:
    report_rows(made[0])
    printed = capsys.readouterr().err
    reasons = ("excluded", "cancelled", "set aside", "the key is there twice")
    for text in ("rows read", *reasons, "train:", "validation:", "test:"):
        assert text in printed


@pytest.mark.parametrize("commit_by", [(), ("day",), ("day", "shop")])
def test_partitions_do_not_change_the_bytes(tmp_path: Path, commit_by: tuple[str, ...]) -> None:
    """With 10 KB for a shard, a generation of `("day", "shop")` has several commits, and so several files."""
    rows = [*order_rows(), *INVALID, *TWICE]
    made = []
    for folder, partition_bytes in ((tmp_path / "few", 2**20), (tmp_path / "many", 1024)):
        write_sources(folder, rows)
        recipe = tiny_recipe(folder, commit_by=commit_by)
        made.append(make(folder, recipe, partition_bytes=partition_bytes, shard_mib=0.01))
        np.random.default_rng(1).shuffle(rows)
    (manifest, paths), (other, others) = made
    assert other == manifest
    assert hashes(others.tfrecords) == hashes(paths.tfrecords)
    assert pq.read_table(others.set_aside).equals(pq.read_table(paths.set_aside))


def test_a_row_keeps_its_split_when_rows_are_added(made: tuple[Manifest, Paths], tmp_path: Path) -> None:
    """Version 1 holds the first two of four days."""
    manifest, paths = made
    write_sources(tmp_path, [*order_rows(), *INVALID, *TWICE])
    early, early_paths = make(tmp_path, version=1)
    assert early.tables == {"orders": 1, "shops": 0}
    for split in manifest.splits:
        late_keys = [tuple(row["window"]) for row in rows_of(manifest, paths, split)]
        early_keys = [tuple(row["window"]) for row in rows_of(early, early_paths, split)]
        assert early_keys == [key for key in late_keys if key[0] <= 2]


class Watched(Tiny):
    """Records the process and the Ray task of each partition."""

    folder: Path

    def exclude(self, rows: pd.DataFrame) -> Mapping[str, Any]:
        import ray

        task = ray.get_runtime_context().get_task_id()
        (self.folder / f"{task}.{os.getpid()}").touch()
        return super().exclude(rows)


def test_partitions_are_prepared_in_ray_workers(tmp_path: Path) -> None:
    write_sources(tmp_path)
    recipe = tiny_recipe(tmp_path, kind=Watched)
    recipe.folder = tmp_path / "seen"  # type: ignore[attr-defined]
    recipe.folder.mkdir()  # type: ignore[attr-defined]
    make(tmp_path, recipe)
    seen = [path.name.split(".") for path in (tmp_path / "seen").iterdir()]
    assert len(seen) == 4
    assert "None" not in {task for task, _ in seen}
    assert str(os.getpid()) not in {pid for _, pid in seen}


class Shuffled(Tiny):
    """Joins two tables of several partitions each, which needs a shuffle."""

    def transform(self, tables: Mapping[str, Any]) -> Any:
        orders = tables["orders"]
        states = orders[["id", "state"]].rename(columns={"state": "known"})
        joined = orders.merge(states, how="left", on="id").merge(tables["shops"], how="left", on="shop")
        return joined.map_partitions(derive)


def test_a_shuffle_gives_the_same_shards(tmp_path: Path) -> None:
    """Of one generation, so that all rows meet in the join."""
    write_sources(tmp_path)
    plain, _ = make(tmp_path, shard_mib=0.5)
    shuffled, _ = make(tmp_path, tiny_recipe(tmp_path, kind=Shuffled), shard_mib=0.5)
    assert shuffled.splits == plain.splits


class Initials(Tiny):
    """Has rows that differ only in an array."""

    def transform(self, tables: Mapping[str, Any]) -> Any:
        return super().transform(tables).map_partitions(with_initials)


def with_initials(rows: pd.DataFrame) -> pd.DataFrame:
    letters = [[ord(str(state)[0]), 0] for state in rows["state"]]
    return rows.assign(window=pd.Series(letters, index=rows.index, dtype=object))


def test_the_kept_row_of_a_key_does_not_depend_on_the_order(tmp_path: Path) -> None:
    twice = [{**row, "state": "sent"} for row in order_rows() if row["state"] == "paid"]
    recipe = tiny_recipe(tmp_path, commit_by=(), kind=Initials)
    write_sources(tmp_path, [*order_rows(), *twice])
    first, _ = make(tmp_path, recipe)
    write_sources(tmp_path, [*twice, *order_rows()])
    second, _ = make(tmp_path, recipe)
    assert second.splits == first.splits
    assert second.quality["rejected"] == {"the key is there twice": len(twice)}


class ByShop(Tiny):
    split_by = ("shop",)


class ByDay(Tiny):
    split_time = "day"


class ByBig(Tiny):
    stratify_by = ("big",)


@pytest.mark.parametrize(
    ("kind", "split", "declared"),
    [
        (ByShop, {"train": 0.4, "validation": 0.3, "test": 0.3}, "30.0%"),
        (ByDay, {"validation_from": 3, "test_from": 4}, "from 4"),
        (ByBig, {"train": 0.6, "validation": 0.2, "test": 0.2}, "20.0%"),
    ],
)
def test_the_manifest_says_what_decides_the_split(
    tmp_path: Path, kind: type[Tiny], split: dict[str, Any], declared: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sources(tmp_path)
    recipe = tiny_recipe(tmp_path, kind=kind)
    manifest, paths = make(tmp_path, recipe, split=split)
    described = manifest.quality["split"]
    assert described["columns"] == list(split_columns(recipe))
    assert len(set(count_rows(manifest))) == 1
    column = {"shop": lambda row: row["shop"], "day": lambda row: row["window"][0]}.get(described["columns"][0])
    if column:
        values = [{column(row) for row in rows_of(manifest, paths, name)} for name in manifest.splits]
        assert not values[0] & values[1]
        assert not (values[0] | values[1]) & values[2]
    report_rows(manifest, declare_splits(project(tmp_path, split=split)[0].data.split, recipe))
    assert declared in capsys.readouterr().err
