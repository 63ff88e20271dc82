"""Scratch folders are removed at the end, and those of processes that were lost at the next start."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import fsspec
import pytest

from firelib import storage
from firelib.data import scratch
from firelib.data.scratch import scratch_folder
from firelib.storage import Owner
from tests.patience import wait_until

HERE = Owner.current()
ENDED, ELSEWHERE = replace(HERE, started=0), replace(HERE, host="elsewhere")


@pytest.fixture(params=["folder", "bucket"])
def parent(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield str(tmp_path / "scratch") if request.param == "folder" else f"memory://{tmp_path.name}/scratch"
    fsspec.filesystem("memory").store.clear()


def leave(parent: str, owner: Owner, lease: bool = True) -> str:
    """What a process leaves behind that is lost in the middle of its work."""
    folder = storage.join(parent, f"{owner.token}.0a1b2c3d")
    for name in ("rows.arrow", *(["lease"] if lease else [])):
        storage.write_bytes(storage.join(folder, name), b"1")
    return folder


def make_older(folder: str, minutes: float) -> None:
    fs, path = storage.filesystem(storage.join(folder, "lease"))
    fs.store[path].modified -= timedelta(minutes=minutes)


def test_folder_is_removed_at_the_end(parent: str) -> None:
    with scratch_folder(parent) as folder:
        storage.write_bytes(storage.join(folder, "rows.arrow"), b"1")
        assert storage.exists(folder)
    assert not storage.exists(folder)


def test_folders_of_processes_that_have_ended_are_removed(parent: str) -> None:
    ended, running, other = leave(parent, ENDED), leave(parent, HERE), storage.join(parent, "mine", "notes.txt")
    storage.write_bytes(other, b"keep")
    with scratch_folder(parent) as folder:
        assert [storage.exists(each) for each in (ended, running, folder, other)] == [False, True, True, True]


@pytest.mark.parametrize("parent", ["bucket"], indirect=True)
def test_folder_of_a_lost_host_is_removed_when_its_lease_is_old(parent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = leave(parent, ELSEWHERE)
    running = leave(parent, replace(ELSEWHERE, pid=7))
    unknown = leave(parent, replace(ELSEWHERE, pid=8), lease=False)
    make_older(lost, 16)
    make_older(running, 14)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 86_400)  # this host's clock is a day ahead, and decides nothing
    with scratch_folder(parent):
        assert [storage.exists(each) for each in (lost, running, unknown)] == [False, True, True]


@pytest.mark.parametrize("parent", ["bucket"], indirect=True)
def test_lease_is_renewed(parent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_RENEWED_SECONDS", 0.01)
    with scratch_folder(parent) as folder:
        lease = storage.join(folder, "lease")
        first = storage.modified_at(lease)
        wait_until(lambda: storage.modified_at(lease) != first, 20, "the lease is renewed")
