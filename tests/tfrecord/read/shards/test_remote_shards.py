"""Datasets on object stores and web servers: written, read in ranges, cached within a limit, despite failures."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import numpy as np
import pytest
import stamina

from firelib import open_dataset, storage, write_tfrecords
from firelib.errors import UnreachableError
from firelib.tfrecord.read.shards.sparse_copy import SparseCopy
from tests.errors import refused
from tests.full_disk import small_disk
from tests.tfrecord.file_server import FileServer, serve
from tests.tfrecord.samples import assert_equal
from tests.tfrecord.small import FEATURES, LABEL, TEXT_FEATURES, columns, text_table

ROWS = 40_000


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FIRELIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "shards"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards of more than one block of the cache."""
    folder = tmp_path_factory.mktemp("served") / "d"
    write_tfrecords(columns(ROWS), str(folder), FEATURES, label=LABEL, shard_mib=3)
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[FileServer]:
    with serve(folder) as server, stamina.set_testing(True, attempts=3):
        yield server


def _sizes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.tfrecord"))


def _names(uri: str) -> set[str]:
    fs, path = storage.filesystem(uri)
    return {name.rpartition("/")[2] for name in fs.find(path)}


def test_the_fixed_layout_round_trips(bucket: str) -> None:
    uri = storage.join(bucket, "fixed")
    write_tfrecords(columns(500), uri, FEATURES, label=LABEL, shard_mib=0.01)
    dataset = open_dataset(uri)
    assert_equal(dataset.as_numpy("train"), columns(500))
    dataset.verify()
    seen = [count for batch in dataset.as_tf(64, seed=1).as_numpy_iterator() for count in batch[0]["count"].tolist()]
    assert sorted(seen) == list(range(500))


def test_the_canonical_layout_round_trips(bucket: str) -> None:
    uri = storage.join(bucket, "canonical")
    write_tfrecords(text_table(300), uri, TEXT_FEATURES, label=LABEL, shard_mib=0.01, compression="gzip")
    dataset = open_dataset(uri)
    assert dataset.as_arrow("train")["text"].to_pylist() == text_table(300)["text"].to_pylist()
    dataset.verify()


def test_a_dataset_in_a_bucket_is_replaced_without_leftovers(bucket: str) -> None:
    uri = storage.join(bucket, "replaced")
    write_tfrecords(columns(500), uri, FEATURES, label=LABEL, shard_mib=0.01)
    with refused(where=uri, remedy="overwrite=True"):
        write_tfrecords(columns(9), uri, FEATURES, label=LABEL)
    ended = replace(storage.Owner.current(), started=0)
    storage.write_bytes(
        storage.join(uri, f".{ended.token}.{'0' * 32}.tmp", "train.00000.00000"), b"left behind by a killed writer"
    )
    write_tfrecords(columns(9), uri, FEATURES, label=LABEL, overwrite=True)
    assert _names(uri) == {"manifest.json", "train-00000-of-00001.tfrecord"}
    assert_equal(open_dataset(uri).as_numpy("train"), columns(9))


def test_a_failed_write_leaves_a_bucket_unchanged(bucket: str) -> None:
    uri = storage.join(bucket, "failed")
    write_tfrecords(columns(500), uri, FEATURES, label=LABEL)

    def rows() -> Iterator[dict[str, np.ndarray]]:
        yield columns(1000)
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError, match="the source broke"):
        write_tfrecords(rows(), uri, FEATURES, label=LABEL, overwrite=True)
    assert_equal(open_dataset(uri).as_numpy("train"), columns(500))
    assert _names(uri) == {"manifest.json", "train-00000-of-00001.tfrecord"}


def test_files_of_another_writer_in_a_bucket_are_read(bucket: str, folder: Path) -> None:
    uri = storage.join(bucket, "foreign")
    for path in folder.glob("*.tfrecord"):
        storage.write_bytes(storage.join(uri, path.name), path.read_bytes())
    assert open_dataset(uri).as_numpy("train")["count"].tolist() == list(range(ROWS))


def test_missing_and_truncated_shards_of_a_bucket_are_named_before_the_first_batch(bucket: str) -> None:
    uri = storage.join(bucket, "damaged")
    write_tfrecords(columns(500), uri, FEATURES, label=LABEL, shard_mib=0.02)
    first, second, *_ = [shard.name for shard in open_dataset(uri).manifest.split("train").shards]
    fs, path = storage.filesystem(storage.join(uri, first))
    fs.rm_file(path)
    cut = storage.join(uri, second)
    content = storage.read_bytes(cut)
    storage.write_bytes(cut, content[:-1])
    with refused(what=[first, (second, len(content) - 1, len(content))], where=uri):
        open_dataset(uri).as_tf(8)


def test_opening_a_dataset_takes_one_request(server: FileServer) -> None:
    open_dataset(server.uri)
    assert server.requests == [("GET", "manifest.json")]


def test_every_byte_is_fetched_once_and_the_second_epoch_is_local(
    server: FileServer, folder: Path, cache: Path
) -> None:
    dataset = open_dataset(server.uri)
    for epoch in range(2):
        batches = dataset.as_tf(512, seed=1, epoch=epoch).as_numpy_iterator()
        assert sorted(count for batch in batches for count in batch[0]["count"].tolist()) == list(range(ROWS))
        assert server.bytes_served() == _sizes(folder)
    hashes = {shard.xxh128 for shard in dataset.manifest.split("train").shards}
    assert {path.name for path in cache.iterdir()} == {*hashes, ".lock"}
    assert_equal(open_dataset(server.uri).as_numpy("train"), columns(ROWS))
    assert server.bytes_served() == _sizes(folder)


def test_a_step_fetches_only_what_it_needs(server: FileServer, folder: Path) -> None:
    batches = open_dataset(server.uri).as_tf(64, start_step=ROWS // 64 - 1)
    assert len(list(batches)) == 1
    assert 0 < server.bytes_served() < _sizes(folder) // 2


def test_without_a_cache_shards_are_read_into_memory(
    server: FileServer, folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRELIB_CACHE_GIB", "0")
    dataset = open_dataset(server.uri)
    assert_equal(dataset.as_numpy("train"), columns(ROWS))
    dataset.verify()
    assert [path.name for path in cache.iterdir()] == [".lock"]


def test_a_server_without_ranges(server: FileServer) -> None:
    server.ranges = False
    assert_equal(open_dataset(server.uri).as_numpy("train"), columns(ROWS))


@pytest.mark.parametrize("status", [503, 429, 0])
def test_transient_failures_are_retried(server: FileServer, status: int) -> None:
    dataset = open_dataset(server.uri)
    server.failures, server.status = 2, status
    assert_equal(dataset.as_numpy("train"), columns(ROWS))


def test_permanent_failures_are_reported(server: FileServer) -> None:
    dataset = open_dataset(server.uri)
    server.failures, server.status = 10**6, 503
    with refused(what=["web server", 503], where=server.uri, remedy="wait", kind=UnreachableError):
        dataset.as_numpy("train")


def test_another_file_of_the_same_size_is_detected_by_its_hash(tmp_path: Path) -> None:
    write_tfrecords(columns(900), str(tmp_path / "d"), FEATURES, label=LABEL)
    write_tfrecords(columns(900, start=5), str(tmp_path / "e"), FEATURES, label=LABEL)
    name = "train-00000-of-00001.tfrecord"
    (tmp_path / "d" / name).write_bytes((tmp_path / "e" / name).read_bytes())
    with serve(tmp_path / "d") as server, refused(what=[name, "hash"], where=server.uri):
        open_dataset(server.uri).as_numpy("train")


def test_the_least_recently_used_copy_is_evicted_and_none_in_use(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRELIB_CACHE_GIB", str(2.5 * 2**20 / 2**30))
    hashes = []
    for index in range(4):
        write_tfrecords(columns(9000, start=index), str(tmp_path / "d" / str(index)), FEATURES, label=LABEL)
    with serve(tmp_path / "d") as server:
        for index in (0, 1, 0, 2):
            dataset = open_dataset(f"{server.uri}/{index}")
            dataset.as_numpy("train")
            hashes.append(dataset.manifest.split("train").shards[0].xxh128)
            used = dataset
        kept = {path.name for path in cache.iterdir()} - {".lock"}
        assert kept <= {hashes[0], hashes[3]}
        assert hashes[3] in kept
        monkeypatch.setenv("FIRELIB_CACHE_GIB", str(1.0 * 2**20 / 2**30))
        assert_equal(open_dataset(f"{server.uri}/3").as_numpy("train"), columns(9000, start=3))
        assert hashes[3] in {path.name for path in cache.iterdir()}, "a copy in use must not be evicted"
    assert used.rows("train") == 9000


def test_files_in_the_cache_that_are_not_firelibs_stay(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRELIB_CACHE_GIB", "0")
    (cache / "thesis").mkdir(parents=True)
    for name in ("thesis.txt", "thesis.tmp", f"{'0' * 32}.txt", "0" * 32):
        (cache / name).write_text("years")
    write_tfrecords(columns(9), str(tmp_path / "d"), FEATURES, label=LABEL)
    with serve(tmp_path / "d") as server:
        open_dataset(server.uri).as_numpy("train")
    kept = {path.name for path in cache.iterdir()}
    assert kept == {".lock", "thesis", "thesis.txt", "thesis.tmp", f"{'0' * 32}.txt"}


def test_a_full_disk_is_logged_and_reading_continues(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk", 5 << 10):
        monkeypatch.setenv("FIRELIB_CACHE", str(tmp_path / "disk"))
        dataset = open_dataset(server.uri)
        dataset.as_tf(512)  # copies are created while there is room
        store = dataset._stores["train"]
        store.load(np.array([0, ROWS - 10]), np.array([10, ROWS]))
        free = os.statvfs(tmp_path / "disk")
        (tmp_path / "disk" / "other").write_bytes(bytes(free.f_bavail * free.f_frsize - (64 << 10)))
        assert_equal(dataset.as_numpy("train"), columns(ROWS))
    assert "is full" in capfd.readouterr().err


READ = """
import sys
from firelib import open_dataset
for batch in open_dataset(sys.argv[1]).as_tf(512, seed=1):
    pass
print("done")
"""


def test_processes_share_one_copy(server: FileServer, folder: Path, cache: Path) -> None:
    readers = [subprocess.Popen([sys.executable, "-c", READ, server.uri], stdout=subprocess.PIPE) for _ in range(2)]
    assert [reader.communicate(timeout=240)[0] for reader in readers] == [b"done\n"] * 2
    assert len(list(cache.glob("*.part"))) == 0
    assert_equal(open_dataset(server.uri).as_numpy("train"), columns(ROWS))
    assert server.bytes_served() <= 2 * _sizes(folder)


def test_another_reader_completes_the_copy_of_a_killed_reader(server: FileServer, folder: Path, cache: Path) -> None:
    server.latency = 0.3
    reader = subprocess.Popen([sys.executable, "-c", READ, server.uri], stdout=subprocess.DEVNULL)
    while not server.served or not server.served[-1][0].endswith(".tfrecord"):
        assert reader.poll() is None
        time.sleep(0.01)
    reader.send_signal(signal.SIGKILL)
    assert reader.wait(timeout=60) == -signal.SIGKILL
    server.latency = 0
    dataset = open_dataset(server.uri)
    assert_equal(dataset.as_numpy("train"), columns(ROWS))
    dataset.verify()
    assert not list(cache.glob("*.part"))


def test_a_complete_copy_of_a_killed_reader_is_finalized(server: FileServer, folder: Path, cache: Path) -> None:
    dataset = open_dataset(server.uri)
    for shard in dataset.manifest.split("train").shards:
        copy = SparseCopy.open(shard.xxh128, shard.bytes)
        assert copy
        copy.write_blocks(0, memoryview((folder / shard.name).read_bytes()))
    del copy
    assert_equal(dataset.as_numpy("train"), columns(ROWS))
    assert not server.bytes_served()
    assert not list(cache.glob("*.part"))


def test_memory_is_a_storage_like_any_other() -> None:
    write_tfrecords(columns(500), "memory://bucket/d", FEATURES, label=LABEL, shard_mib=0.01)
    assert_equal(open_dataset("memory://bucket/d").as_numpy("train"), columns(500))
    fsspec.filesystem("memory").rm("/bucket", recursive=True)
