import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from firelib import storage
from tests.errors import refused


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def publish(final: Path, content: str) -> None:
    with storage.publish_folder(final) as work:
        (work / "content").write_text(content)
        assert not final.exists() or (final / "content").read_text() != content


def test_a_folder_is_published_and_replaced_atomically(tmp_path: Path) -> None:
    final = tmp_path / "new" / "model"
    publish(final, "one")
    (final / "extra").touch()
    publish(final, "two")
    assert names(final) == {"content"}
    assert (final / "content").read_text() == "two"
    assert names(tmp_path / "new") == {"model"}


@pytest.mark.parametrize(("mask", "rights"), [(0o022, 0o755), (0o077, 0o700), (0o002, 0o775)])
def test_a_folder_has_the_rights_of_any_new_folder(tmp_path: Path, mask: int, rights: int) -> None:
    before = os.umask(mask)
    try:
        for content in ("one", "two"):
            publish(tmp_path / "model", content)
            assert (tmp_path / "model").stat().st_mode & 0o777 == rights
    finally:
        os.umask(before)


def test_a_failing_block_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    publish(tmp_path / "model", "one")
    with pytest.raises(IsADirectoryError), storage.publish_folder(tmp_path / "model") as work:
        work.write_text("half of it is there, then this fails")
    assert (tmp_path / "model" / "content").read_text() == "one"
    assert names(tmp_path) == {"model"}


def test_a_killed_run_leaves_the_old_folder_and_the_next_run_removes_leftovers(tmp_path: Path) -> None:
    publish(tmp_path / "model", "one")
    code = f"""
import os, signal
from pathlib import Path
from firelib.storage import publish_folder
with publish_folder(Path({str(tmp_path / "model")!r})) as work:
    (work / "content").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "model" / "content").read_text() == "one"
    assert len(names(tmp_path)) == 2
    publish(tmp_path / "model", "two")
    assert names(tmp_path) == {"model"}


def test_the_work_of_a_process_that_runs_is_not_removed(tmp_path: Path) -> None:
    with storage.publish_folder(tmp_path / "model") as work:
        (work / "content").write_text("mine")
        publish(tmp_path / "model", "of the other")
    assert (tmp_path / "model" / "content").read_text() == "mine"
    assert names(tmp_path) == {"model"}


def test_cleanup_leaves_folders_of_unknown_owners_alone(tmp_path: Path) -> None:
    here = storage.Owner.current()
    others = {
        ".model.abcdefgh.tmp",
        f".model.{replace(here, host='elsewhere').token}.abcdefgh.tmp",
        f".model.{here.token}.abcdefgh.tmp",
    }
    reused = f".model.{replace(here, started=here.started - 3600).token}.abcdefgh.tmp"
    for name in (*others, reused):
        (tmp_path / name).mkdir()
    publish(tmp_path / "model", "one")
    assert names(tmp_path) == {"model", *others}, "only the process that had this id before is known to have ended"


def test_a_folder_that_a_killed_process_moved_away_comes_back(tmp_path: Path) -> None:
    publish(tmp_path / "model", "one")
    ended = replace(storage.Owner.current(), started=0)
    (tmp_path / "model").rename(tmp_path / f".model.{ended.token}.abcdefgh.old")
    with pytest.raises(ZeroDivisionError), storage.publish_folder(tmp_path / "model"):
        raise ZeroDivisionError
    assert (tmp_path / "model" / "content").read_text() == "one"
    assert names(tmp_path) == {"model"}


@pytest.mark.parametrize("late", [False, True])
def test_files_that_are_not_firelibs_are_refused(tmp_path: Path, late: bool) -> None:
    publish(tmp_path / "model", "one")
    notes = tmp_path / "model" / "notes"
    if not late:
        notes.mkdir()
    with (
        refused(what="notes", where=tmp_path / "model"),
        storage.publish_folder(tmp_path / "model", {"content"}.__contains__),
    ):
        assert late, "known before the work starts"
        notes.mkdir()
    assert names(tmp_path / "model") == {"content", "notes"}
    assert names(tmp_path) == {"model"}


def test_cleanup_leaves_other_folders_alone(tmp_path: Path) -> None:
    """`flights.v2` is being written while `flights` is published; `[a]` is no pattern."""
    with storage.publish_folder(tmp_path / "flights.v2") as work:
        (work / "content").write_text("safe")
        publish(tmp_path / "flights", "one")
        (tmp_path / ".flights.notes.tmp").write_text("a file of someone else")
        publish(tmp_path / "flights", "two")
    publish(tmp_path / "[a]", "one")
    assert (tmp_path / "flights.v2" / "content").read_text() == "safe"
    assert names(tmp_path) == {"flights", "flights.v2", "[a]", ".flights.notes.tmp"}


def test_a_link_to_another_disk_stays_a_link(tmp_path: Path) -> None:
    publish(tmp_path / "big" / "model", "zero")
    (tmp_path / "model").symlink_to(tmp_path / "big" / "model")
    publish(tmp_path / "model", "one")
    assert (tmp_path / "model").is_symlink()
    assert (tmp_path / "big" / "model" / "content").read_text() == "one"
    assert names(tmp_path / "big") == {"model"}


def test_a_file_with_the_final_name_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("precious")
    with refused(what=["file", "folder"], where=tmp_path / "model"):
        publish(tmp_path / "model", "one")
    assert (tmp_path / "model").read_text() == "precious"
