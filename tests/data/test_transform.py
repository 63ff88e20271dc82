import hashlib
import os
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import xxhash

from firelib import storage
from firelib.data.extract import extract
from firelib.data.row_validation import REASON
from firelib.data.split import key_hashes, split_ranges
from firelib.data.transform import report, transform
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.tfrecord.format.fixed_decoder import decode
from firelib.tfrecord.format.framing import unframed, verify
from firelib.tfrecord.format.manifest import Manifest, read_manifest
from tests.errors import refused
from tests.full_disk import small_disk
from tests.recipes.tiny import Row, Tiny, derive, order_rows, project, tiny_recipe, write_sources

pytestmark = pytest.mark.usefixtures("ray_cluster")

BAD: list[Row] = [
    {"day": 1, "id": 901, "shop": "s1", "amount": 5000, "items": 1, "state": "paid", "big": 0},
    {"day": 1, "id": 901, "shop": "s2", "amount": 6000, "items": 1, "state": "paid", "big": 0},
    {"day": 2, "id": 902, "shop": "s1", "amount": 5, "items": 101, "state": "paid", "big": 0},
    {"day": 3, "id": 903, "shop": "s1x", "amount": 5, "items": 1, "state": "paid", "big": 1},
    {"day": 4, "id": 904, "shop": "s1", "amount": 5, "items": 1, "state": "paid", "big": 2},
    {"day": 4, "id": 904, "shop": "s1", "amount": 5000, "items": 1, "state": "returned", "big": 2},
]
TWICE: list[Row] = [
    {"day": day, "id": 950, "shop": "s1", "amount": amount, "items": 1, "state": "paid", "big": 0}
    for day in (2, 3)
    for amount in (20, 10)
]


def make(folder: Path, recipe: Recipe | None = None, **data: Any) -> tuple[Manifest, Paths]:
    """Extract and transform the sources in a folder."""
    recipe = recipe or tiny_recipe(folder)
    params, paths = project(folder, **data)
    extract(recipe, paths)
    return transform(recipe, params, paths), paths


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def rows_of(manifest: Manifest, paths: Paths, split: str) -> list[Row]:
    """What the shards hold, as (day, id) and values."""
    rows = []
    for shard in manifest.splits[split].shards:
        block = np.frombuffer((paths.tfrecords / shard.name).read_bytes(), np.uint8)
        verify(block, manifest.record_bytes, shard.name)
        columns = decode(unframed(block, manifest.record_bytes), manifest.layout)
        assert {len(column) for column in columns.values()} == {shard.rows}
        rows += [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return rows


def assert_nothing_left(paths: Paths) -> None:
    assert not storage.exists(paths.scratch) or list(Path(paths.scratch).iterdir()) == []
    left = [path.name for path in paths.tfrecords.parent.iterdir()]
    assert sorted(left) == sorted({"lake.json", "rejected.parquet", "tfrecords"} & set(left))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, ray_cluster: None) -> tuple[Manifest, Paths]:
    """A dataset of good, bad and repeated rows; tests only read it."""
    folder = tmp_path_factory.mktemp("made")
    write_sources(folder, [*order_rows(), *BAD, *TWICE])
    return make(folder)


def test_the_shards_hold_every_good_row_once_in_its_split(made: tuple[Manifest, Paths]) -> None:
    manifest, paths = made
    source = [row for row in [*order_rows(), *TWICE[1::2]] if row["state"] == "paid"]
    expected = {(row["day"], row["id"]): row for row in source}
    found: dict[tuple[int, int], tuple[str, Row]] = {}
    for split in manifest.splits:
        for row in rows_of(manifest, paths, split):
            key = (int(row["window"][0]), int(row["window"][1]))
            assert key not in found
            found[key] = (split, row)
    assert found.keys() == expected.keys()
    keys = pd.DataFrame(list(found), columns=["day", "id"])
    ranges = split_ranges(project(paths.project)[0].data.split)
    for (split, row), place, key in zip(found.values(), key_hashes(keys, ["day", "id"]), found, strict=True):
        assert ranges[split].low <= int(place) < ranges[split].high
        source_row = expected[key]
        assert row["shop"].decode() == source_row["shop"]
        assert row["items"] == (-1 if source_row["items"] == "" else source_row["items"])
        assert row["big"] == source_row["big"]
        if source_row["amount"] == "NA":
            assert np.isnan(row["amount"])
        else:
            assert row["amount"] == np.float32(source_row["amount"])


def test_rows_lie_in_the_order_of_their_hashes(made: tuple[Manifest, Paths]) -> None:
    manifest, paths = made
    rows = [row["window"] for row in rows_of(manifest, paths, "train")]
    places = key_hashes(pd.DataFrame(rows, columns=["day", "id"]), ["day", "id"])
    assert (np.diff(places.astype(object)) > 0).all()
    assert len(manifest.splits["train"].shards) > 1


def test_bad_rows_are_kept_aside_with_the_reason_and_counted(made: tuple[Manifest, Paths]) -> None:
    manifest, paths = made
    rejected = pq.read_table(paths.set_aside).to_pylist()
    assert [(row["id"], row[REASON]) for row in rejected] == [
        (901, "amount is outside [0, 1000]"),
        (901, "amount is outside [0, 1000]"),
        (902, "items is outside [0, 100]"),
        (950, "the key is there twice"),
        (903, "shop is longer than 2 bytes"),
        (950, "the key is there twice"),
        (904, "big is outside [0, 1]"),
    ]
    assert [row["amount"] for row in rejected if row["id"] == 950] == [20, 20]
    assert manifest.quality["rejected"] == dict(Counter(row[REASON] for row in rejected))


def test_every_row_read_is_accounted_for(made: tuple[Manifest, Paths]) -> None:
    manifest, _ = made
    states = Counter(row["state"] for row in [*order_rows(), *BAD, *TWICE])
    quality = manifest.quality
    assert quality["excluded"] == {"cancelled": states["cancelled"], "returned": states["returned"]}
    kept = sum(split.rows for split in manifest.splits.values())
    assert (
        quality["read"] == states.total() == kept + sum(quality["excluded"].values()) + len(BAD) - 1 + len(TWICE) // 2
    )


def test_statistics_are_those_of_the_training_split(made: tuple[Manifest, Paths]) -> None:
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
    assert_nothing_left(paths)


def test_the_report_says_what_became_of_the_rows(
    made: tuple[Manifest, Paths], capsys: pytest.CaptureFixture[str]
) -> None:
    report(made[0])
    said = capsys.readouterr().err
    for text in ("rows read", "cancelled", "the key is there twice", "train:", "validation:", "test:"):
        assert text in said


@pytest.mark.parametrize("commit_by", [(), ("day", "shop")], ids=["one", "many"])
def test_partitions_of_the_tables_change_no_byte(
    made: tuple[Manifest, Paths], tmp_path: Path, commit_by: tuple[str, ...]
) -> None:
    manifest, paths = made
    rows = [*order_rows(), *BAD, *TWICE]
    np.random.default_rng(1).shuffle(rows)
    write_sources(tmp_path, rows)
    other, others = make(tmp_path, tiny_recipe(tmp_path, commit_by=commit_by))
    shards, other_shards = hashes(paths.tfrecords), hashes(others.tfrecords)
    del shards["manifest.json"], other_shards["manifest.json"]
    assert other_shards == shards
    assert other.model_copy(update={"tables": manifest.tables}) == manifest
    assert pq.read_table(others.set_aside).equals(pq.read_table(paths.set_aside))


def test_a_row_keeps_its_split_when_others_arrive(made: tuple[Manifest, Paths], tmp_path: Path) -> None:
    """Version 1 holds the first two of four days."""
    manifest, paths = made
    write_sources(tmp_path, [*order_rows(), *BAD, *TWICE])
    early, early_paths = make(tmp_path, version=1)
    assert early.tables == {"orders": 1, "shops": 0}
    for split in manifest.splits:
        late_keys = [tuple(row["window"]) for row in rows_of(manifest, paths, split)]
        early_keys = [tuple(row["window"]) for row in rows_of(early, early_paths, split)]
        assert early_keys == [key for key in late_keys if key[0] <= 2]


class Watched(Tiny):
    """Leaves the process and the Ray task of each partition behind."""

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
    write_sources(tmp_path)
    plain, _ = make(tmp_path)
    shuffled, _ = make(tmp_path, tiny_recipe(tmp_path, kind=Shuffled))
    assert shuffled.splits == plain.splits


class Initials(Tiny):
    """Its arrays tell rows apart that agree in all else."""

    def transform(self, tables: Mapping[str, Any]) -> Any:
        return super().transform(tables).map_partitions(with_initials)


def with_initials(rows: pd.DataFrame) -> pd.DataFrame:
    letters = [[ord(str(state)[0]), 0] for state in rows["state"]]
    return rows.assign(window=pd.Series(letters, index=rows.index, dtype=object))


def test_which_repeated_row_stays_does_not_depend_on_their_order(tmp_path: Path) -> None:
    twice = [{**row, "state": "sent"} for row in order_rows() if row["state"] == "paid"]
    recipe = tiny_recipe(tmp_path, commit_by=(), kind=Initials)
    write_sources(tmp_path, [*order_rows(), *twice])
    first, _ = make(tmp_path, recipe)
    write_sources(tmp_path, [*twice, *order_rows()])
    second, _ = make(tmp_path, recipe)
    assert second.splits == first.splits
    assert second.quality["rejected"] == {"the key is there twice": len(twice)}


class Misspelt(Tiny):
    def transform(self, tables: Mapping[str, Any]) -> Any:
        return tables["orders"].assign(double=tables["orders"]["amuont"] * 2)


class MisspeltInside(Tiny):
    def transform(self, tables: Mapping[str, Any]) -> Any:
        return tables["orders"].map_partitions(lambda rows: rows.assign(double=rows["amuont"] * 2))


class WithoutCity(Tiny):
    def transform(self, tables: Mapping[str, Any]) -> Any:
        return tables["orders"].map_partitions(derive)


class UnknownTable(Tiny):
    def transform(self, tables: Mapping[str, Any]) -> Any:
        return tables["order"]


class WrongExclusion(Tiny):
    def exclude(self, rows: pd.DataFrame) -> Mapping[str, Any]:
        return {"no": rows["staet"] == "no"}


class Failing(Tiny):
    """Fails on data, not on the empty frame that Dask tries it with."""

    def transform(self, tables: Mapping[str, Any]) -> Any:
        return super().transform(tables).map_partitions(refuse)


def refuse(rows: pd.DataFrame) -> pd.DataFrame:
    if len(rows) and (rows["id"] == 0).any():
        raise ValueError("id 0 is cursed")
    return rows


def with_label(value: Any) -> list[Row]:
    return [*order_rows(), {**order_rows(1)[0], "id": 777, "state": "paid", "big": value}]


def with_amount(value: Any) -> list[Row]:
    return [*order_rows(), {**order_rows(1)[0], "id": 777, "state": "paid", "amount": value}]


def with_day(value: Any) -> list[Row]:
    return [*order_rows(), {**order_rows(1)[0], "id": "", "state": "paid", "day": value}]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory, ray_cluster: None) -> Path:
    folder = tmp_path_factory.mktemp("published")
    write_sources(folder)
    make(folder)
    return folder


@pytest.mark.parametrize(
    ("kind", "orders", "data", "named"),
    [
        (Tiny, with_label(""), {}, {"what": ["big", 1], "where": "id=777", "remedy": "Recipe.exclude"}),
        (Tiny, with_amount("much"), {}, {"what": ["amount", "float32", "much"], "where": "amount"}),
        (Tiny, with_day(1), {}, {"what": ["key", "id", 1], "where": "transform", "remedy": "nulls"}),
        (Misspelt, None, {}, {"what": "amuont", "where": "transform", "remedy": "amount"}),
        (MisspeltInside, None, {}, {"what": "amuont", "where": "transform", "remedy": "amount"}),
        (WithoutCity, None, {}, {"what": ["transform", "city"], "where": "tiny", "remedy": "items"}),
        (UnknownTable, None, {}, {"what": "order", "where": "transform", "remedy": "lake.json"}),
        (WrongExclusion, None, {}, {"what": "staet", "where": "exclude", "remedy": "state"}),
        (Failing, None, {}, {"what": ["ValueError", "id 0 is cursed"], "remedy": "--debug"}),
        (Tiny, None, {"version": 9}, {"what": ["orders", 0, 3, 9], "remedy": "firelib data log"}),
        (
            Tiny,
            None,
            {"split": {"train": 0.8, "validation": 0.2 - 1e-9, "test": 1e-9}},
            {"what": ["test", "1e-09"], "where": "data.split", "remedy": "data.version"},
        ),
    ],
)
def test_bad_input_is_explained_and_the_old_dataset_stays(
    published: Path,
    kind: Callable[[], Recipe],
    orders: list[Row] | None,
    data: dict[str, Any],
    named: dict[str, Any],
) -> None:
    paths = project(published)[1]
    before, rejected = hashes(paths.tfrecords), paths.set_aside.read_bytes()
    write_sources(published, orders)
    with refused(**named):
        make(published, tiny_recipe(published, kind=kind), **data)
    assert hashes(paths.tfrecords) == before
    assert paths.set_aside.read_bytes() == rejected
    assert_nothing_left(paths)


def test_a_version_where_no_table_grows(tmp_path: Path) -> None:
    write_sources(tmp_path)
    with refused(what=["tiny", 3], where=["params.yaml", "data.version"], remedy="Source.commit_by"):
        make(tmp_path, tiny_recipe(tmp_path, commit_by=()), version=3)


@pytest.mark.parametrize("place", ["data/tiny", "storage/scratch"])
def test_a_full_disk_is_explained_and_the_old_dataset_stays(tmp_path: Path, place: str) -> None:
    with small_disk(tmp_path / place, 100):
        write_sources(tmp_path, order_rows(100))
        _, paths = make(tmp_path)
        before = hashes(paths.tfrecords)
        write_sources(tmp_path, order_rows(20_000))
        with refused(what="disk", where=tmp_path / place, remedy="space"):
            make(tmp_path)
        assert hashes(paths.tfrecords) == before
        assert_nothing_left(paths)


def killed_before_the_manifest(folder: Path) -> None:
    """Run in a Ray worker, which then is the driver of the transform; all shards are written by then."""
    from firelib.data import transform as room

    room._manifest = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    room.transform(tiny_recipe(folder), *project(folder))


def test_a_killed_run_leaves_the_old_dataset_and_the_next_one_clears_up(tmp_path: Path) -> None:
    import ray

    write_sources(tmp_path)
    _, paths = make(tmp_path)
    before = hashes(paths.tfrecords)
    write_sources(tmp_path, order_rows(200, seed=3))
    extract(tiny_recipe(tmp_path), paths)
    doomed = ray.remote(num_cpus=0, max_retries=0)(killed_before_the_manifest)
    with pytest.raises(ray.exceptions.WorkerCrashedError):
        ray.get(doomed.remote(tmp_path))
    assert hashes(paths.tfrecords) == before
    assert list(Path(paths.scratch).iterdir())
    make(tmp_path)
    assert hashes(paths.tfrecords) != before
    assert_nothing_left(paths)
