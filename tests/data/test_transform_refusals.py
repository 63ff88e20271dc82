"""What the transform refuses, and what it leaves behind then: the old dataset, and nothing else."""

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from firelib.data.extract import extract
from firelib.recipe import Recipe
from tests.data.transformed import assert_no_leftovers, hashes, make
from tests.errors import refused
from tests.full_disk import small_disk
from tests.recipes.tiny import Row, Tiny, derive, order_rows, project, tiny_recipe, write_sources

pytestmark = pytest.mark.usefixtures("ray_cluster")


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
    """Fails on data, not on the empty frame with which Dask infers the columns."""

    def transform(self, tables: Mapping[str, Any]) -> Any:
        return super().transform(tables).map_partitions(fail_on_data)


def fail_on_data(rows: pd.DataFrame) -> pd.DataFrame:
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
        (Tiny, with_amount("much"), {}, {"what": ["amount", "double", "string"], "where": "orders.csv"}),
        (Tiny, with_day(1), {}, {"what": ["key", "id", 1], "where": "transform", "remedy": "nulls"}),
        (Misspelt, None, {}, {"what": "amuont", "where": "transform", "remedy": "amount"}),
        (MisspeltInside, None, {}, {"what": "amuont", "where": "transform", "remedy": "amount"}),
        (WithoutCity, None, {}, {"what": ["transform", "city"], "where": "tiny", "remedy": "items"}),
        (UnknownTable, None, {}, {"what": "order", "where": "transform", "remedy": "orders"}),
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
def test_invalid_input_is_explained_and_the_old_dataset_stays(
    published: Path,
    kind: Callable[[], Recipe],
    orders: list[Row] | None,
    data: dict[str, Any],
    named: dict[str, Any],
) -> None:
    paths = project(published)[1]
    before, set_aside = hashes(paths.tfrecords), paths.set_aside.read_bytes()
    write_sources(published, orders)
    with refused(**named):
        make(published, tiny_recipe(published, kind=kind), **data)
    assert hashes(paths.tfrecords) == before
    assert paths.set_aside.read_bytes() == set_aside
    assert_no_leftovers(paths)


def test_a_word_among_numbers_is_named(tmp_path: Path) -> None:
    """Without a lake.json, extract has no types to compare with."""
    write_sources(tmp_path, with_amount("much"))
    with refused(what=["amount", "float32", "much"], where="amount"):
        make(tmp_path)


def test_a_version_of_tables_with_one_version(tmp_path: Path) -> None:
    write_sources(tmp_path)
    with refused(what=["tiny", 3], where=["params.yaml", "data.version"], remedy="Source.commit_by"):
        make(tmp_path, tiny_recipe(tmp_path, commit_by=()), version=3)


@pytest.mark.parametrize("folder", ["data/tiny", "storage/scratch"])
def test_a_full_disk_is_explained_and_the_old_dataset_stays(tmp_path: Path, folder: str) -> None:
    with small_disk(tmp_path / folder, 100):
        write_sources(tmp_path, order_rows(100))
        _, paths = make(tmp_path)
        before = hashes(paths.tfrecords)
        write_sources(tmp_path, order_rows(20_000))
        with refused(what="disk", where=tmp_path / folder, remedy="space"):
            make(tmp_path)
        assert hashes(paths.tfrecords) == before
        assert_no_leftovers(paths)


def killed_before_the_manifest(folder: Path) -> None:
    """Run the transform in a Ray worker, and kill it after all shards are written."""
    from firelib.data import transform as stage

    stage.build_manifest = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    stage.transform(tiny_recipe(folder), *project(folder))


def test_a_killed_run_leaves_the_old_dataset_and_the_next_run_removes_leftovers(tmp_path: Path) -> None:
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
    assert_no_leftovers(paths)
