"""Datasets replace only files that firelib wrote, in folders and in buckets."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest

from firelib import Feature, open_dataset, storage, write_tfrecords
from firelib.storage import Owner
from firelib.tfrecord.format.manifest import read_manifest
from firelib.tfrecord.write.staging import MARK, _Mark, stage_dataset
from tests.errors import refused
from tests.tfrecord.small import FEATURES, LABEL, columns

SHARD = "train-00000-of-00001.tfrecord"


@pytest.fixture(params=["folder", "bucket"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path / "d") if request.param == "folder" else f"memory://{tmp_path.name}/d"
    fsspec.filesystem("memory").store.clear()


def write(uri: str, rows: int = 9, **options: bool) -> None:
    write_tfrecords(columns(rows), uri, FEATURES, label=LABEL, **options)


def names(uri: str) -> set[str]:
    fs, path = storage.filesystem(uri)
    return {name.rpartition("/")[2] for name in fs.find(path)}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("name", ["p-0.tfrecord", SHARD, f"{SHARD}.index", "x.tmp", ".hidden", "x.tfrecord/part-0"])
def test_files_without_a_manifest_are_refused(uri: str, name: str, overwrite: bool) -> None:
    storage.write_bytes(storage.join(uri, name), b"precious")
    with refused(what=name.partition("/")[0], where=uri):
        write(uri, overwrite=overwrite)
    assert storage.read_bytes(storage.join(uri, name)) == b"precious"
    assert len(names(uri)) == 1


@pytest.mark.parametrize("name", ["p-0.tfrecord", "train-00000-of-00002.tfrecord", f"{SHARD}.index", "x.tmp"])
def test_files_beside_a_dataset_are_refused(uri: str, name: str) -> None:
    write(uri)
    storage.write_bytes(storage.join(uri, name), b"precious")
    with refused(what=name, where=uri):
        write(uri, 5, overwrite=True)
    assert storage.read_bytes(storage.join(uri, name)) == b"precious"
    assert open_dataset(uri).rows("train") == 9


@pytest.mark.parametrize("content", [b'{"name": "an app"}', b"[]", b"{", b'"\\ud800"'])
def test_a_manifest_of_another_program_is_refused(uri: str, content: bytes) -> None:
    storage.write_bytes(storage.join(uri, "manifest.json"), content)
    with refused(what="manifest.json", where=uri):
        write(uri, overwrite=True)
    assert storage.read_bytes(storage.join(uri, "manifest.json")) == content


def test_empty_shards_leave_no_file(uri: str) -> None:
    import dask.dataframe as dd
    import pandas as pd

    frame = dd.from_pandas(pd.DataFrame({"x": range(8)}), npartitions=4, sort=False)
    features = [Feature("x", "int64")]
    write_tfrecords(frame[frame.x > 5], uri, features)
    assert names(uri) == {"manifest.json", SHARD}
    write_tfrecords(frame, uri, features, overwrite=True)
    assert open_dataset(uri).rows("train") == 8


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A dataset in a bucket whose writer was killed after it had removed the old manifest."""
    uri = f"memory://{tmp_path.name}/d"
    write(uri)
    create_bytes, ended = storage.create_bytes, replace(Owner.current(), started=0)

    def die(target: str, data: bytes) -> bool:
        if target.endswith("/manifest.json"):
            raise KeyboardInterrupt
        return create_bytes(target, data)

    with monkeypatch.context() as context:
        context.setattr(storage, "create_bytes", die)
        context.setattr(storage, "remove_folder", lambda uri: None)
        context.setattr("firelib.tfrecord.write.staging.Owner.current", lambda: ended)
        with pytest.raises(KeyboardInterrupt):
            write_tfrecords(columns(500), uri, FEATURES, label=LABEL, shard_mib=0.01, overwrite=True)
    yield uri
    fsspec.filesystem("memory").store.clear()


def test_a_killed_replacement_is_completed_by_the_next_writer(killed: str) -> None:
    assert {MARK, SHARD} < names(killed)
    assert "manifest.json" not in names(killed)
    write(killed, 5)
    assert names(killed) == {"manifest.json", SHARD}
    assert open_dataset(killed).rows("train") == 5


def test_files_that_a_mark_does_not_list_are_refused(killed: str) -> None:
    storage.write_bytes(storage.join(killed, "p-0.tfrecord"), b"precious")
    with refused(what="p-0.tfrecord", where=killed):
        write(killed, 5)


def test_a_writer_that_runs_is_named(killed: str) -> None:
    mark = storage.read_json(storage.join(killed, MARK))
    here = Owner.current()
    storage.write_bytes(storage.join(killed, MARK), storage.to_json({**mark, "owner": here.token}))
    with refused(what=here.pid, where=killed):
        write(killed, 5)


def test_a_writer_elsewhere_is_refused_until_its_mark_is_old(killed: str) -> None:
    elsewhere = replace(Owner.current(), host="elsewhere")
    uri = storage.join(killed, MARK)
    storage.write_bytes(uri, storage.to_json({**storage.read_json(uri), "owner": elsewhere.token}))
    before = names(killed)
    with refused(what=elsewhere.pid, where=killed, remedy="15 minutes"):
        write(killed, 5)
    assert names(killed) == before
    fs, path = storage.filesystem(uri)
    fs.store[path].modified -= timedelta(minutes=16)
    write(killed, 5)
    assert names(killed) == {"manifest.json", SHARD}


def test_a_writer_that_starts_meanwhile_is_refused_before_anything_is_replaced(tmp_path: Path) -> None:
    uri = f"memory://{tmp_path.name}/d"
    write(uri)
    with stage_dataset(uri, overwrite=True) as staged:
        elsewhere = replace(Owner.current(), host="elsewhere")
        storage.write_bytes(storage.join(uri, MARK), storage.to_json({"owner": elsewhere.token, "files": []}))
        with refused(what=elsewhere.pid, where=uri):
            staged.publish(read_manifest(uri), {SHARD: "train.00000.00000"})
    assert open_dataset(uri).rows("train") == 9
    fsspec.filesystem("memory").store.clear()


def test_a_writer_whose_mark_was_replaced_stops(tmp_path: Path) -> None:
    uri = f"memory://{tmp_path.name}/d"
    first = _Mark(uri, [SHARD], replaces=False)
    first.check()
    with refused(where=uri, remedy="own folder"):
        _Mark(uri, [SHARD], replaces=False)
    first.check()
    second = _Mark(uri, [SHARD], replaces=True)
    with refused(where=uri, remedy="own folder"):
        first.check()
    second.check()
    storage.remove_file(storage.join(uri, MARK))
    with refused(where=uri):
        second.check()
    fsspec.filesystem("memory").store.clear()


def test_provisional_files_of_a_writer_that_runs_are_not_removed(tmp_path: Path) -> None:
    uri = f"memory://{tmp_path.name}/d"
    alive, ended = (
        f".{owner.token}.{'0' * 32}.tmp" for owner in (Owner.current(), replace(Owner.current(), started=0))
    )
    for name in (alive, ended):
        storage.write_bytes(storage.join(uri, name, "train.00000.00000"), b"in progress")
    write(uri)
    assert names(uri) == {"manifest.json", SHARD, "train.00000.00000"}
    assert storage.exists(storage.join(uri, alive))
    assert not storage.exists(storage.join(uri, ended))
    fsspec.filesystem("memory").store.clear()


def test_a_writer_that_fails_lets_the_next_one_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"memory://{tmp_path.name}/d"
    write(uri)

    def fail(*_: object) -> None:
        raise OSError("no network")

    with monkeypatch.context() as patched:
        patched.setattr(type(fsspec.filesystem("memory")), "cp_file", fail)
        with pytest.raises(OSError, match="no network"):
            write(uri, 5, overwrite=True)
    assert MARK in names(uri)
    write(uri, 5, overwrite=True)
    assert names(uri) == {"manifest.json", SHARD}
    assert open_dataset(uri).rows("train") == 5
    fsspec.filesystem("memory").store.clear()
