import os
from pathlib import Path

import fsspec
import pytest

from firelib.data.sources import bucket as bucket_module
from firelib.data.sources.bucket import download_object
from firelib.data.sources.listing import list_files
from firelib.recipe import Source
from tests.errors import refused
from tests.full_disk import small_disk

CONTENT = os.urandom(100_001)


def write(uri: str, content: bytes) -> None:
    fs, path = fsspec.core.url_to_fs(uri)
    fs.pipe_file(path, content)


@pytest.mark.parametrize("size", [1000, 100_001, 1 << 20])
def test_an_object_is_read_in_ranges(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(bucket_module, "_RANGE_BYTES", size)
    uri = f"{bucket}/a b/ü rows.csv"
    write(uri, CONTENT)
    path = download_object(Source(uri), tmp_path)
    assert path.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [path]


def test_an_object_that_changes_between_two_ranges(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bucket_module, "_RANGE_BYTES", 50_000)
    uri, copy = f"{bucket}/rows.csv", bucket_module._copy_range
    write(uri, CONTENT)

    def replace_before(uri: str, file: int, start: int, stop: int) -> int:
        if start == 50_000:
            write(uri, CONTENT[::-1])
        return copy(uri, file, start, stop)

    monkeypatch.setattr(bucket_module, "_copy_range", replace_before)
    with refused(what="changed", where=uri, remedy="again"):
        download_object(Source(uri), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a" * 250 + ".csv", "ü" * 300 + ".csv", "a b[1]*?#.csv"])
def test_any_name_of_an_object_is_downloaded(tmp_path: Path, name: str) -> None:
    uri = f"memory://{tmp_path.name}/{name}"
    write(uri, CONTENT)
    path = download_object(Source(uri), tmp_path)
    assert path.read_bytes() == CONTENT
    assert path.suffix == ".csv"
    assert download_object(Source(uri), tmp_path) == path
    fsspec.filesystem("memory").store.clear()


def test_names_with_signs_of_patterns_are_objects(bucket: str) -> None:
    for name in ("x[1]*.csv", "x1.csv", "y[1]/z.csv"):
        write(f"{bucket}/signs/{name}", b"1")
    [single] = list_files(Source(f"{bucket}/signs/x[1]*.csv"))
    assert (single.name, single.is_listed) == ("x[1]*.csv", False)
    assert [file.name for file in list_files(Source(f"{bucket}/signs/y[1]/"))] == ["z.csv"]
    assert [file.name for file in list_files(Source(f"{bucket}/signs/x[12].csv"))] == ["x1.csv"]


def test_a_full_disk_is_that_of_the_downloads(tmp_path: Path) -> None:
    uri = f"memory://{tmp_path.name}/rows.csv"
    write(uri, os.urandom(1 << 20))
    with small_disk(tmp_path / "disk", 64), refused(what="disk", where=tmp_path / "disk", remedy="space"):
        download_object(Source(uri), tmp_path / "disk")
    fsspec.filesystem("memory").store.clear()
