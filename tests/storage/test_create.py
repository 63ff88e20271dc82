import errno
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import pytest

from firelib import storage
from tests.errors import refused


@pytest.fixture(params=["folder", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path / "new") if request.param == "folder" else f"memory://{tmp_path.name}"
    fsspec.filesystem("memory").store.clear()


def test_an_existing_file_stays(folder: str) -> None:
    uri = storage.join(folder, "mark")
    assert storage.create_bytes(uri, b"first")
    assert not storage.create_bytes(uri, b"second")
    assert storage.create_bytes(uri, b"first")  # an attempt whose answer was lost
    assert storage.read_bytes(uri) == b"first"
    fs, path = storage.filesystem(folder)
    assert [Path(name).name for name in fs.ls(path, detail=False)] == ["mark"]


def test_of_several_one_succeeds(tmp_path: Path) -> None:
    uri = str(tmp_path / "mark")
    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(lambda index: storage.create_bytes(uri, b"%d" % index), range(8)))
    assert created.count(True) == 1
    assert storage.read_bytes(uri) == b"%d" % created.index(True)
    assert [path.name for path in tmp_path.iterdir()] == ["mark"]


def test_file_systems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    test_an_existing_file_stays(str(tmp_path / "new"))
    (tmp_path / "others").mkdir()
    test_of_several_one_succeeds(tmp_path / "others")


def test_a_folder_without_rights_is_an_error_of_this_machine(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="mark"):
        storage.create_bytes("/proc/1/mark", b"x")


def test_a_scheme_without_its_package_is_named() -> None:
    with refused(where="adl://account/mark", remedy="install"):
        storage.create_bytes("adl://account/mark", b"x")
