"""Shards as shared files, named by their content."""

import os
from pathlib import Path

import fsspec
import numpy as np
import pytest

from firelib import storage
from firelib.data.generations.shard_store import are_intact, list_files, remove_leftovers, stamp_files, store_shard
from firelib.recipe import Feature
from firelib.tfrecord.format.manifest import Shard
from firelib.tfrecord.write.shard_writer import choose_layout
from tests.errors import refused

NUMBERS = [Feature("x", "int64")]
TEXTS = [Feature("text", "string")]


def store(folder: str, rows: int = 3, features: list[Feature] = NUMBERS) -> Shard:
    import pyarrow as pa

    from firelib.tfrecord.format.arrow_columns import to_columns

    values = pa.table({"x": range(rows), "text": [f"{row}" for row in range(rows)]})
    return store_shard(folder, "train-00002-00000", to_columns(values, features), choose_layout(features))


@pytest.fixture(params=["folder", "bucket"])
def folder(request: pytest.FixtureRequest, tmp_path: Path):
    yield str(tmp_path / "shards") if request.param == "folder" else f"memory://{tmp_path.name}/shards"
    fsspec.filesystem("memory").store.clear()


@pytest.mark.parametrize("features", [NUMBERS, TEXTS], ids=["fixed", "canonical"])
def test_the_name_of_a_shard_tells_its_content(folder: str, features: list[Feature]) -> None:
    shard = store(folder, features=features)
    assert shard.name == f"train-00002-00000-{shard.xxh128}.tfrecord"
    sizes = storage.sizes(folder, [])
    assert sorted(sizes) == sorted(file.name for file in list_files([shard]))
    assert sizes[shard.name] == shard.bytes
    assert are_intact(folder, list_files([shard]), stamp_files(folder, list_files([shard])), sizes)


def test_equal_content_is_written_once(tmp_path: Path) -> None:
    shard = store(str(tmp_path), features=TEXTS)
    before = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    assert store(str(tmp_path), features=TEXTS) == shard
    assert {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("features", [NUMBERS, TEXTS], ids=["fixed", "canonical"])
def test_damage_is_noticed_and_repaired(tmp_path: Path, features: list[Feature]) -> None:
    folder = str(tmp_path)
    shard = store(folder, features=features)
    stamps = stamp_files(folder, list_files([shard]))
    for name in (file.name for file in list_files([shard])):
        path, content = tmp_path / name, (tmp_path / name).read_bytes()
        for damaged in (content[:-1] + bytes([content[-1] ^ 1]), content[:-1], None):
            path.unlink()
            if damaged is not None:
                path.write_bytes(damaged)
            assert not are_intact(folder, list_files([shard]), stamps, {})
            store(folder, features=features)
            assert path.read_bytes() == content
            assert are_intact(folder, list_files([shard]), stamps, {})


def test_a_shard_that_was_copied_is_intact(tmp_path: Path) -> None:
    shard = store(str(tmp_path))
    stamps = stamp_files(str(tmp_path), list_files([shard]))
    os.utime(tmp_path / shard.name, ns=(1, 1))
    assert are_intact(str(tmp_path), list_files([shard]), stamps, {})


def test_a_shard_that_a_bucket_lacks_is_not_intact(tmp_path: Path) -> None:
    folder = f"memory://{tmp_path.name}/shards"
    shard = store(folder, features=TEXTS)
    sizes = storage.sizes(folder, [])
    for name in (file.name for file in list_files([shard])):
        assert not are_intact(
            folder, list_files([shard]), {}, {other: size for other, size in sizes.items() if other != name}
        )
    fsspec.filesystem("memory").store.clear()


def test_a_shard_that_is_gone_before_its_record_is_written_is_named(tmp_path: Path) -> None:
    """Garbage was collected meanwhile, or a worker of another machine has a folder of its own under this path."""
    shard = store(str(tmp_path))
    (tmp_path / shard.name).unlink()
    with refused(what=shard.name, where=tmp_path, remedy=["firelib transform", "storage.root"]):
        stamp_files(str(tmp_path), list_files([shard]))


def test_a_failure_leaves_nothing(folder: str) -> None:
    with pytest.raises(Exception, match="text"):
        store_shard(folder, "train-0-0", {"x": np.zeros(1)}, choose_layout(TEXTS))
    assert not storage.exists(folder) or storage.sizes(folder, []) == {}


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    owner = storage.Owner.current()
    living, ended = (tmp_path / f".{owner.host}-{owner.pid}-{owner.started + late}.x.tmp" for late in (0, 1))
    for work in (living, ended):
        work.mkdir()
    remove_leftovers(str(tmp_path))
    assert [*tmp_path.iterdir()] == [living]
