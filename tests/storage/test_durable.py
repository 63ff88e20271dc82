"""What survives a power failure: the calls of fsync, since a test cannot cut the power."""

import os
from pathlib import Path

import pytest

from firelib import storage


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each file and folder that is synchronised, in order."""
    names: list[str] = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        names.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return names


def test_a_new_name_is_durable_after_its_content(tmp_path: Path, synced: list[str]) -> None:
    storage.write_bytes(str(tmp_path / "a" / "file"), b"content")
    assert synced[0] == tmp_path.name, "the folder that holds the new folder"
    assert synced[-1] == "a"
    assert synced[-2].startswith(".file.")


def test_a_folder_is_durable_with_its_files(tmp_path: Path, synced: list[str]) -> None:
    for _ in range(2):
        synced.clear()
        with storage.publish_folder(tmp_path / "model") as work:
            (work / "inner").mkdir()
            (work / "inner" / "weights").touch()
        assert {"weights", "inner", work.name} <= set(synced)
        assert synced[-1] == tmp_path.name, "the rename comes last"


def test_a_second_name_of_a_published_file_costs_nothing(tmp_path: Path, synced: list[str]) -> None:
    storage.write_bytes(str(tmp_path / "shard"), b"content")
    synced.clear()
    with storage.publish_folder(tmp_path / "dataset") as work:
        os.link(tmp_path / "shard", work / "shard")
        (work / "manifest").touch()
    assert "manifest" in synced
    assert "shard" not in synced


def test_file_systems_that_cannot_synchronise_a_folder_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").resolve().is_dir():
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    storage.write_bytes(str(tmp_path / "file"), b"content")
    assert storage.read_back(str(tmp_path / "file")) == b"content"
