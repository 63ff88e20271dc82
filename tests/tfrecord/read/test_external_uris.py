"""Which files of other writers a file, a folder, a pattern or a list names."""

from pathlib import Path

import fsspec
import numpy as np
import pytest

from firelib import Feature, FirelibError, open_dataset, write_tfrecords
from tests.errors import refused


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of five records."""
    folder = tmp_path_factory.mktemp("own") / "data"
    manifest = write_tfrecords({"x": np.arange(5)}, str(folder), [Feature("x", "int64")])
    return (folder / manifest.split("train").shards[0].name).read_bytes()


@pytest.fixture
def folder(tmp_path: Path, records: bytes) -> Path:
    for name, content in {
        "a/0.tfrecord": b"",
        "a/1.tfrecord": records,
        "b/2.tfrecord": records + records,
        "b/_hidden": b"no records",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


@pytest.mark.parametrize(
    ("uris", "rows"),
    [
        ("a", 5),  # the first file is empty
        ("*/*.tfrecord", 15),
        ("**/[12].tfrecord", 15),
        (["b/2.tfrecord", "a/*"], 15),
        (["a", "a/1.tfrecord"], 5),
    ],
)
def test_patterns_and_lists(folder: Path, uris: str | list[str], rows: int) -> None:
    paths = f"{folder}/{uris}" if isinstance(uris, str) else [f"{folder}/{uri}" for uri in uris]
    found = open_dataset(paths)
    assert found.rows("train") == rows
    assert found.as_numpy("train")["x"].tolist() == [*range(5)] * (rows // 5)


def test_files_of_a_list_keep_their_order(folder: Path) -> None:
    dataset = open_dataset([f"{folder}/b/2.tfrecord", f"{folder}/a/1.tfrecord"])
    assert [shard.name for shard in dataset.manifest.split("train").shards] == ["b/2.tfrecord", "a/1.tfrecord"]


def test_patterns_in_object_stores(records: bytes) -> None:
    for name in ("a/1.tfrecord", "b/2.tfrecord"):
        fsspec.filesystem("memory").pipe_file(f"/patterns/{name}", records)
    dataset = open_dataset("memory://patterns/*/*.tfrecord")
    assert dataset.as_numpy("train")["x"].tolist() == [*range(5)] * 2


def test_what_has_no_files_is_refused_by_name(folder: Path) -> None:
    with refused(where=folder / "*.csv", remedy="hidden"):
        open_dataset(f"{folder}/*.csv")
    with refused(where=folder / "absent", remedy="write_tfrecords"):
        open_dataset(f"{folder}/absent")
    with refused(where=folder / "absent"):
        open_dataset([f"{folder}/a", f"{folder}/absent"])
    with refused(what="empty"):
        open_dataset([])
    with refused(where=["memory://patterns/a/1.tfrecord", folder / "a/1.tfrecord"]):
        open_dataset(["memory://patterns/a/1.tfrecord", f"{folder}/a/1.tfrecord"])


def test_a_damaged_record_is_named_with_its_file_and_index_and_without_stages(folder: Path, records: bytes) -> None:
    damaged = bytearray(records)
    damaged[-5] ^= 1
    (folder / "a/1.tfrecord").write_bytes(damaged)
    with refused(what=4, where=folder / "a/1.tfrecord") as raised:
        open_dataset(str(folder / "a")).as_numpy("train")
    assert_foreign(str(raised.value))


def test_a_file_that_disappears_is_named_without_stages(folder: Path) -> None:
    dataset = open_dataset(f"{folder}/*/*.tfrecord")
    (folder / "a/1.tfrecord").unlink()
    with refused(what="a/1.tfrecord", where=folder) as raised:
        dataset.as_numpy("train")
    assert_foreign(str(raised.value))


@pytest.mark.parametrize("content", [b"no records at all", b"\x1f\x8b\x08" + b"no gzip"])
def test_other_files_are_refused_without_stages(folder: Path, content: bytes) -> None:
    (folder / "a/1.tfrecord").write_bytes(content)
    with pytest.raises(FirelibError) as raised:
        open_dataset(str(folder / "a"))
    assert str(folder / "a") in str(raised.value.where)
    assert "1.tfrecord" in str(raised.value)
    assert_foreign(str(raised.value))


def test_a_value_that_does_not_fit_is_named_with_its_record(folder: Path) -> None:
    write_tfrecords({"x": [[1], [2, 3], [400]]}, str(folder / "wide"), [Feature("x", "int64", ragged=True)])
    shard = next((folder / "wide").glob("*.tfrecord"))
    dataset = open_dataset(str(shard), features=[Feature("x", "uint8", ragged=True)])
    with refused(what=[400, "uint8"], where=["record", 2, shard]):
        dataset.as_numpy("train")


def assert_foreign(message: str) -> None:
    """Others' files have neither stages nor DVC."""
    assert "dvc" not in message
    assert "firelib transform" not in message
