"""Of several processes, one holds a lease; that of a process that was killed is taken over."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from firelib import storage
from firelib.storage import Owner, lease
from firelib.storage.lease import Work, hold_lease
from tests.errors import refused
from tests.patience import wait_until

HERE = Owner.current()
ELSEWHERE = replace(HERE, host="elsewhere")


@pytest.fixture(params=["folder", "memory"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    yield f"{tmp_path if request.param == 'folder' else f'memory://{tmp_path.name}'}/run.lease.json"
    fsspec.filesystem("memory").store.clear()


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def work(notes: list[str]) -> Work:
    return Work("training run tiny-1", notes.append, lambda: notes.append("lost"))


def leave(uri: str, owner: Owner) -> None:
    """What a process leaves that was killed."""
    storage.write_bytes(uri, storage.to_json({"owner": owner.token, "host": "there", "id": "1"}))


def test_one_process_at_a_time(uri: str, work: Work, notes: list[str]) -> None:
    for _ in range(2):
        with (
            hold_lease(uri, work),
            refused(what=["training run tiny-1", HERE.pid], where=uri, remedy="SIGTERM"),
            hold_lease(uri, work),
        ):
            raise AssertionError("two processes hold it")
        assert not storage.exists(uri)
    assert notes == []


def test_a_failing_block_releases_it(uri: str, work: Work) -> None:
    with pytest.raises(ZeroDivisionError), hold_lease(uri, work):
        raise ZeroDivisionError
    assert not storage.exists(uri)


def test_the_lease_of_a_killed_process_is_taken_over_at_once(tmp_path: Path, work: Work, notes: list[str]) -> None:
    uri = str(tmp_path / "run.lease.json")
    code = f"""
import os, signal
from firelib.storage import Work, hold_lease
with hold_lease({uri!r}, Work("training", print, print)):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    assert storage.exists(uri)
    with hold_lease(uri, work):
        assert json.loads(storage.read_bytes(uri))["owner"] == HERE.token
    assert notes == []


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b'{"owner": 1}'])
def test_a_damaged_lease_is_taken_over(uri: str, work: Work, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(lease, "_STALE_SECONDS", 0.05)
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.01)
    storage.write_bytes(uri, content)
    with hold_lease(uri, work):
        pass
    assert not storage.exists(uri)


def test_the_lease_of_another_host_is_taken_over_when_it_is_not_renewed(
    uri: str, work: Work, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_STALE_SECONDS", 0.3)
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.05)
    leave(uri, ELSEWHERE)
    with hold_lease(uri, work):
        assert json.loads(storage.read_bytes(uri))["owner"] == HERE.token
    [said] = notes
    assert f"process {ELSEWHERE.pid} on there" in said


def test_the_lease_of_another_host_is_respected_while_it_is_renewed(
    uri: str, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_POLL_SECONDS", 0.05)
    leave(uri, ELSEWHERE)
    with (
        storage.repeat(lambda: leave(uri, ELSEWHERE), 0.01),
        refused(what=[ELSEWHERE.pid, "there"], where=uri),
        hold_lease(uri, work),
    ):
        raise AssertionError("two processes hold it")
    assert storage.exists(uri)


def test_a_lease_is_renewed(uri: str, work: Work, notes: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "_RENEWED_SECONDS", 0.01)
    with hold_lease(uri, work):
        first = storage.modified_at(uri)
        wait_until(lambda: storage.modified_at(uri) != first, 20, "the lease is renewed")
    assert notes == []


def test_a_process_that_has_lost_its_lease_is_told_once_and_leaves_it(
    uri: str, work: Work, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_RENEWED_SECONDS", 0.01)
    calls = threading.Semaphore(0)
    with hold_lease(uri, replace(work, on_loss=calls.release)):
        # A renewal may just replace the file.
        wait_until(lambda: calls.acquire(blocking=False) or leave(uri, ELSEWHERE), 20, "the loss is noticed")
        leave(uri, ELSEWHERE)
    assert not calls.acquire(blocking=False)
    assert json.loads(storage.read_bytes(uri))["owner"] == ELSEWHERE.token


def test_a_lease_that_somebody_removed_is_written_again(
    uri: str, work: Work, notes: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease, "_RENEWED_SECONDS", 0.01)
    with hold_lease(uri, work):
        storage.remove_file(uri)
        wait_until(lambda: storage.exists(uri), 20, "the lease is there again")
    assert notes == []


def test_errors_of_a_repeated_action_do_not_end_it() -> None:
    calls = threading.Semaphore(0)

    def fail() -> None:
        calls.release()
        raise OSError("later, it may succeed")

    with storage.repeat(fail, 0.01):
        wait_until(lambda: calls.acquire(blocking=False), 20, "the first call")
        wait_until(lambda: calls.acquire(blocking=False), 20, "the second call")
