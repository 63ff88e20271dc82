"""Projects of the benchmark, and what it restores."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.jobs import lab
from firelib.config import Environment, load_params


def test_a_project_has_the_parameters_of_the_repository_but_its_own_size(tmp_path: Path) -> None:
    with ExitStack() as stack:
        folder = lab.Lab(stack, tmp_path, workers=3, epochs=7).write_project("one")
    params = load_params(folder / "params.yaml", Environment(tracking="none"))
    assert (params.recipe, params.train.workers, params.train.epochs) == ("flights", 3, 7)


def test_a_training_is_removed_but_not_its_data(tmp_path: Path) -> None:
    for name in ("data/flights", "models/flights", "storage/lake", "storage/runs/1", "storage/jobs/1"):
        (tmp_path / name).mkdir(parents=True)
    lab.clear(tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("*/*")) == ["data/flights", "storage/lake"]


@pytest.mark.parametrize("before", [None, "earlier"])
def test_a_variable_is_restored(monkeypatch: pytest.MonkeyPatch, before: str | None) -> None:
    monkeypatch.delenv("BENCH_OWN", raising=False)
    if before:
        monkeypatch.setenv("BENCH_OWN", before)
    with ExitStack() as stack:
        lab.set_variable(stack, "BENCH_OWN", "value")
        assert os.environ["BENCH_OWN"] == "value"
    assert os.environ.get("BENCH_OWN") == before


def test_a_failed_command_is_an_error_with_its_output(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"sh -c echo \$WHY.*\n.*because"):
        lab.run("sh", "-c", "echo $WHY; exit 3", folder=tmp_path, WHY="because")


def test_missing_programs_are_named_where_nobody_can_install_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert lab.find_missing(["sh", "no-such-program"]) == (
        "no-such-program missing, and only root on Debian can install them"
    )
    assert lab.find_missing(["sh"]) is None
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name, path=None: "/bin/apt-get" if name == "apt-get" else None)
    assert lab.find_missing(["no-such-program"]) is None
