import os
from pathlib import Path

import fsspec
import pytest

from firelib.data.sources import bucket as bucket_module
from firelib.data.sources.bucket import download_object
from firelib.recipe import Source
from tests.errors import refused

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
