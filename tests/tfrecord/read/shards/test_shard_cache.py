"""Decompressed shards: room is checked before it is used, and the content is what the manifest says."""

import gzip
import random
import tracemalloc
import zlib
from pathlib import Path

import pytest
import xxhash

from firelib import Feature, open_dataset, write_tfrecords
from firelib.tfrecord.read.shards.shard_cache import decompress_shard
from tests.errors import refused

CONTENT = random.Random(0).randbytes(3 << 20) + bytes(5 << 20)


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FIRELIB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "shards"


def put(folder: Path, content: bytes) -> tuple[str, str]:
    (folder / "x.gz").write_bytes(content)
    return str(folder / "x.gz"), xxhash.xxh3_128_hexdigest(content)


@pytest.mark.parametrize("size", [None, len(CONTENT)])
@pytest.mark.parametrize("members", [1, 3])
def test_all_members_are_decompressed(tmp_path: Path, members: int, size: int | None) -> None:
    cut = len(CONTENT) // members + 1
    parts = [gzip.compress(CONTENT[start : start + cut], 1) for start in range(0, len(CONTENT), cut)]
    path = decompress_shard(*put(tmp_path, b"".join(parts)), "gzip", size, is_hash=True)
    assert path.read_bytes() == CONTENT


def test_zlib_is_decompressed(tmp_path: Path) -> None:
    path = decompress_shard(*put(tmp_path, zlib.compress(CONTENT, 1)), "zlib", None, is_hash=False)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize("size", [0, len(CONTENT) - 1, len(CONTENT) + 1])
def test_another_size_than_expected_is_refused(tmp_path: Path, cache: Path, size: int) -> None:
    with pytest.raises(zlib.error, match=f"expected {size} bytes"):
        decompress_shard(*put(tmp_path, gzip.compress(CONTENT, 1)), "gzip", size, is_hash=True)
    assert [path.name for path in cache.iterdir()] == [".lock"]


@pytest.mark.parametrize("size", [None, 400 << 20])
def test_room_is_checked_before_a_file_is_unpacked(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    """400 MiB of zeros in 400 KiB, and a cache of 20 MiB."""
    monkeypatch.setenv("FIRELIB_CACHE_GIB", str(20 / 1024))
    bomb = put(tmp_path, gzip.compress(bytes(1 << 20), 1) * 400)
    tracemalloc.start()
    try:
        with refused(what=400 if size else "MiB", where=cache, remedy="FIRELIB_CACHE_GIB"):
            decompress_shard(*bomb, "gzip", size, is_hash=True)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert [path.name for path in cache.iterdir()] == [".lock"]


@pytest.mark.parametrize("feature", [Feature("x", "int64"), Feature("x", "int64", ragged=True)])
def test_a_shard_with_another_content_does_not_enter_the_cache(tmp_path: Path, cache: Path, feature: Feature) -> None:
    rows = {"a": [[1], [2]], "b": [[3], [4]]} if feature.ragged else {"a": [1, 2], "b": [3, 4]}
    shards = {}
    for name, values in rows.items():
        manifest = write_tfrecords({"x": values}, str(tmp_path / name), [feature], compression="gzip")
        shards[name] = tmp_path / name / manifest.split("train").shards[0].name
    shards["a"].write_bytes(shards["b"].read_bytes())
    with refused(what=shards["a"].name, where=tmp_path / "a"):
        open_dataset(str(tmp_path / "a")).as_numpy("train")
    assert not list(cache.glob("*.raw"))
