"""The reader of W&B's files, against files that W&B itself wrote, whole and cut or damaged anywhere."""

from pathlib import Path

import pytest
import wandb

from firelib.train.tracking.wandb_log import TornLogError, read_log
from firelib.train.tracking.wandb_runs import find_last_step, mark_empty_files, read_runs

STEPS = 900  # several blocks of 32 KiB


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which W&B tracked a run offline."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "wandb").mkdir()
    settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
    run = wandb.init(project="p", name="n", id="abc", dir=str(folder / "wandb"), mode="offline", settings=settings)
    for step in range(1, STEPS + 1):
        run.log({"loss": 1 / step, "text": "x" * 50}, step=step)
    run.finish()
    wandb.teardown()
    return folder


@pytest.fixture(scope="module")
def file(project: Path) -> Path:
    (file,) = project.rglob("*.wandb")
    return file


def test_a_run_has_what_was_logged(project: Path) -> None:
    (run,) = read_runs(project, "n")
    assert (run.id, run.project, run.attempts, run.is_finished, run.unreadable) == ("abc", "p", 1, True, [])
    assert [run.history[step]["loss"] for step in (1, 2, STEPS)] == [1, 0.5, 1 / STEPS]
    assert (len(run.history), run.missing_steps, run.repeated.total()) == (STEPS, [], 0)
    assert run.summary["loss"] == 1 / STEPS
    assert read_runs(project, "another") == []


def test_the_last_step(project: Path) -> None:
    assert find_last_step(project, "abc") == STEPS
    assert find_last_step(project, "other") is None


def read_until_torn(content: bytes, path: Path) -> list[bytes]:
    """The records before the torn one; fails if there is none."""
    path.write_bytes(content)
    reader, found = read_log(path), []
    while True:
        try:
            found.append(next(reader))
        except TornLogError:
            return found


@pytest.mark.parametrize("share", [0.001, 0.3, 0.77, 0.999])
def test_a_file_that_was_cut_has_its_first_records(file: Path, tmp_path: Path, share: float) -> None:
    whole, content = list(read_log(file)), file.read_bytes()
    found = read_until_torn(content[: max(8, int(len(content) * share))], tmp_path / "cut.wandb")
    assert found == whole[: len(found)]
    assert len(found) < len(whole)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.4, 0.9])
def test_a_changed_bit_ends_the_records(file: Path, tmp_path: Path, share: float) -> None:
    whole, content = list(read_log(file)), bytearray(file.read_bytes())
    content[int(len(content) * share)] ^= 4
    found = read_until_torn(bytes(content), tmp_path / "changed.wandb")
    assert found == whole[: len(found)]


@pytest.mark.parametrize("content", [b"", b"PK\3\4 something else", b":W&B\xe1\xbe\0" + bytes(7)])
def test_another_file_is_none_of_w_and_b(tmp_path: Path, content: bytes) -> None:
    assert read_until_torn(content, tmp_path / "run-x.wandb") == []


def test_an_empty_file_of_a_killed_attempt_holds_no_step(tmp_path: Path) -> None:
    folder = tmp_path / "wandb" / "wandb" / "offline-run-20260101_000000-abc"
    folder.mkdir(parents=True)
    (folder / "run-abc.wandb").write_bytes(b"")
    assert find_last_step(tmp_path, "abc") == 0
    (run,) = read_runs(tmp_path)
    assert run.unreadable


def test_only_empty_files_of_the_run_are_marked_as_uploaded(file: Path, tmp_path: Path) -> None:
    contents = {"1-abc": b"", "2-abc": b":W&B\xe1\xbe\0", "3-abc": file.read_bytes(), "4-other": b""}
    for name, content in contents.items():
        folder = tmp_path / "wandb" / "wandb" / f"offline-run-{name}"
        folder.mkdir(parents=True)
        (folder / f"run-{name.partition('-')[2]}.wandb").write_bytes(content)
    marked = [path.parent.name for path in mark_empty_files(tmp_path, "abc")]
    assert marked == ["offline-run-1-abc", "offline-run-2-abc"]
    assert sorted(path.parent.name for path in tmp_path.rglob("*.wandb.synced")) == marked
    assert [path.read_bytes() for path in sorted(tmp_path.rglob("*.wandb"))] == list(contents.values())
