import subprocess
import sys
import time
from collections.abc import Iterator
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


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path / "r ü" / "er") if request.param == "local" else f"memory://{tmp_path.name}/r ü/er"
    fsspec.filesystem("memory").store.clear()


def check_folder(folder: str, tmp_path: Path) -> None:
    (tmp_path / "made" / "inner").mkdir(parents=True)
    for name in ("a", "inner/b c.txt", ".hidden"):
        (tmp_path / "made" / name).write_text(name)
    storage.upload_folder(tmp_path / "made", folder)
    storage.upload_folder(tmp_path / "made", folder)
    assert storage.list_names(folder) == [".hidden", "a", "inner"]
    assert storage.list_names(storage.join(folder, "inner")) == ["b c.txt"]
    storage.download_folder(folder, tmp_path / "got")
    found = {path.relative_to(tmp_path / "got").as_posix() for path in (tmp_path / "got").rglob("*") if path.is_file()}
    assert found == {"a", "inner/b c.txt", ".hidden"}
    assert all((tmp_path / "got" / name).read_text() == name for name in found)
    storage.remove_empty_folder(folder)
    assert storage.exists(folder)
    storage.remove_folder(folder)
    assert storage.list_names(folder) == []
    storage.remove_empty_folder(folder)


def test_folders_are_copied_and_listed(folder: str, tmp_path: Path) -> None:
    check_folder(folder, tmp_path)


def test_folders_in_object_stores(bucket: str, tmp_path: Path) -> None:
    check_folder(storage.join(bucket, "r 1 ü", "er"), tmp_path)


def test_names_of_removed_folders_are_no_patterns(folder: str) -> None:
    for each in ("[1]", "1"):
        storage.write_bytes(f"{folder}{each}/value", b"1")
    storage.remove_folder(f"{folder}[1]")
    assert not storage.exists(f"{folder}[1]/value")
    assert storage.exists(f"{folder}1/value")


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
    subprocess.run([sys.executable, "-c", write], check=True, timeout=patience(120))
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
