import signal
import subprocess
import sys
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
    assert final.stat().st_mode & 0o777 == 0o755


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
