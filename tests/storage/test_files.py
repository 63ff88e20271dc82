import subprocess
import sys
import time
from pathlib import Path

import fsspec
import pytest

from firelib import storage
from tests.errors import refused
from tests.patience import patience


@pytest.mark.parametrize("scheme", ["local", "memory"])
def test_a_written_file_is_read_back(tmp_path: Path, scheme: str) -> None:
    folder = str(tmp_path / "deep" / "er") if scheme == "local" else f"memory://{tmp_path}"
    uri = storage.join(folder, "value.json")
    storage.write_bytes(uri, storage.to_json({"a": 1}))
    storage.write_bytes(uri, storage.to_json({"b": 2}))
    assert storage.exists(uri)
    assert storage.read_json(uri) == {"b": 2}
    fs, path = fsspec.core.url_to_fs(folder)
    assert [Path(name).name for name in fs.ls(path, detail=False)] == ["value.json"]
    storage.remove_folder(folder)
    storage.remove_folder(folder)
    assert not storage.exists(uri)


def test_object_stores(bucket: str) -> None:
    folder = storage.join(bucket, "deep", "er")
    uri = storage.join(folder, "value.json")
    assert not storage.exists(uri)
    assert storage.sizes(folder, ["value.json"]) == {}
    with refused(what=uri, where=uri, remedy="dvc dag"):
        storage.read_json(uri)
    for value in ({"a": 1}, {"b": 22}):
        storage.write_bytes(uri, storage.to_json(value))
        assert storage.read_json(uri) == value
        assert storage.exists(uri)
    content = storage.read_bytes(uri)
    assert storage.sizes(folder, ["value.json", "other"]) == {"value.json": len(content)}
    assert storage.read_ranges([(uri, 0, 3), (uri, 4, 9)]) == [content[:3], content[4:9]]
    assert (storage.read_head(uri, 5), storage.read_head(uri, 999)) == (content[:5], content)
    storage.make_folder(folder)
    storage.remove_folder(folder)
    storage.remove_folder(folder)
    assert not storage.exists(uri)


def test_writes_of_another_process_are_visible(bucket: str) -> None:
    folder = storage.join(bucket, "shared")
    storage.write_bytes(storage.join(folder, "one"), b"1")
    assert set(storage.sizes(folder, [])) == {"one"}
    write = f"from firelib import storage; storage.write_bytes({storage.join(folder, 'two')!r}, b'22')"
    subprocess.run([sys.executable, "-c", write], check=True, timeout=120)
    assert storage.exists(storage.join(folder, "two"))
    assert storage.sizes(folder, []) == {"one": 1, "two": 2}


def test_age_is_measured_by_the_clock_of_the_storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uri = f"memory://{tmp_path.name}/mark"
    storage.write_bytes(uri, b"1")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_400)
    age = storage.age_seconds(uri)
    assert age is not None
    assert 0 <= age < patience(60)
    assert storage.age_seconds(f"{uri}-missing") is None
    fs, path = storage.filesystem(f"memory://{tmp_path.name}")
    assert [Path(name).name for name in fs.ls(path, detail=False)] == ["mark"]
    fs.rm(path, recursive=True)
