from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib import machine
from firelib.ray_setup import memory_budget
from firelib.ray_setup.memory_budget import measure_budget, plan_memory, report_budget
from tests.full_disk import small_disk

MIB, GIB = 2**20, 2**30
BYTES = st.integers(64 * MIB, 4096 * GIB)


@given(BYTES, BYTES, st.integers(1, 512), st.none() | BYTES)
def test_the_shares_fit_into_the_limit(limit: int, total: int, cores: int, shared: int | None) -> None:
    budget = plan_memory(limit, total, cores, shared)
    assert budget.limit == min(limit, total)
    assert 1 <= budget.workers <= cores
    assert budget.object_store >= 75 * MIB  # Ray refuses less
    if budget.limit >= GIB:
        assert budget.tasks_bytes + budget.object_store < budget.limit
    if shared is not None and shared >= 100 * MIB:
        assert budget.object_store < shared


@given(BYTES, st.integers(1, 512))
def test_a_worker_has_room_for_python_and_some_rows(limit: int, cores: int) -> None:
    assert plan_memory(limit, 2**60, cores).worker_bytes >= 256 * MIB


@given(BYTES, BYTES, st.integers(1, 64))
def test_more_memory_is_never_less_for_workers(limit: int, more: int, cores: int) -> None:
    low, high = sorted((limit, more))
    small, large = (plan_memory(each, 2**60, cores) for each in (low, high))
    assert small.tasks_bytes <= large.tasks_bytes + small.workers  # whole bytes
    assert small.workers <= large.workers
    assert small.object_store <= large.object_store


def test_the_budget_follows_the_cgroup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, folder in {"_OWN_CGROUPS": "own", "_CGROUPS": "cgroup"}.items():
        monkeypatch.setattr(machine, name, tmp_path / folder)
    (tmp_path / "own").write_text("4:memory:/job\n")
    (tmp_path / "cgroup" / "memory" / "job").mkdir(parents=True)
    (tmp_path / "cgroup" / "memory" / "job" / "memory.limit_in_bytes").write_text(str(2 * GIB))
    budget = measure_budget(num_cpus=8)
    assert budget.limit == 2 * GIB
    assert budget.workers == 4  # not 8, which would have 150 MiB each
    report_budget(budget)
    assert "memory limit: 2.0 GiB: 4 workers with" in capsys.readouterr().err


def test_without_a_limit_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    report_budget(plan_memory(2**60, psutil.virtual_memory().total, 2, shared=None))
    assert "memory limit" not in capsys.readouterr().err


def test_little_shared_memory_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "shm", 1024):
        monkeypatch.setattr(memory_budget, "_SHM", tmp_path / "shm")
        report_budget(measure_budget())
    assert str(tmp_path / "shm") in capsys.readouterr().err
