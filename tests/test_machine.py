import os

import pytest

from firelib import machine


def test_free_cores_are_at_most_the_usable_cores() -> None:
    assert 1 <= machine.free_cores(0.1) <= machine.usable_cores() <= len(os.sched_getaffinity(0))


def test_affinity_limits_the_cores() -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        assert machine.usable_cores() == machine.free_cores(0.1) == 1
    finally:
        os.sched_setaffinity(0, before)


@pytest.mark.parametrize(("quota", "cores"), [("max 100000", None), ("100000 100000", 1), ("1000 100000", 1)])
def test_quota_of_the_container_limits_the_cores(tmp_path, monkeypatch, quota, cores) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    monkeypatch.setattr(machine, "_QUOTA", tmp_path / "cpu.max")
    assert machine.usable_cores() == (cores or len(os.sched_getaffinity(0)))


def test_cgroup_v1(tmp_path, monkeypatch) -> None:
    files = (tmp_path / "quota", tmp_path / "period")
    monkeypatch.setattr(machine, "_QUOTA", tmp_path / "none")
    monkeypatch.setattr(machine, "_QUOTA_V1", files)
    assert machine.usable_cores() == len(os.sched_getaffinity(0))
    for quota, cores in (("-1", len(os.sched_getaffinity(0))), ("50000", 1)):
        files[0].write_text(quota)
        files[1].write_text("100000")
        assert machine.usable_cores() == cores


def test_describe_load_has_load_and_memory() -> None:
    text = machine.describe_load()
    assert f"on {machine.usable_cores()} cores" in text
    assert "GiB" in text


@pytest.fixture
def cgroups(tmp_path, monkeypatch):
    for name, folder in {"_OWN_CGROUPS": "own", "_CGROUPS": "cgroup", "_VMSTAT": "vmstat"}.items():
        monkeypatch.setattr(machine, name, tmp_path / folder)
    return tmp_path


@pytest.mark.parametrize(
    ("own", "folder", "files"),
    [
        ("0::/job\n", "cgroup/job", {"memory.events": "oom 5\noom_kill 3\n", "memory.max": "1024\n"}),
        ("0::/elsewhere\n", "cgroup", {"memory.events": "oom_kill 3\n", "memory.max": "1024\n"}),
        (
            "4:memory:/job\n0::/\n",
            "cgroup/memory/job",
            {"memory.oom_control": "oom_kill_disable 0\noom_kill 3", "memory.limit_in_bytes": "1024"},
        ),
    ],
    ids=["v2", "v2 in a container", "v1"],
)
def test_oom_kills_and_limit_of_the_own_cgroup(cgroups, own, folder, files) -> None:
    (cgroups / "own").write_text(own)
    (cgroups / "vmstat").write_text("oom_kill 99\n")
    (cgroups / folder).mkdir(parents=True)
    for name, text in files.items():
        (cgroups / folder / name).write_text(text)
    assert machine.count_oom_kills() == 3
    assert machine.memory_limit() == 1024


@pytest.mark.parametrize(
    ("own", "root", "name"), [("0::/a/b/c", "", "memory.max"), ("4:memory:/a/b/c", "memory", "memory.limit_in_bytes")]
)
def test_smallest_limit_of_the_ancestors_counts(cgroups, own, root, name) -> None:
    (cgroups / "own").write_text(f"{own}\n")
    folder = cgroups / "cgroup" / root / "a" / "b" / "c"
    folder.mkdir(parents=True)
    for path, limit in ((folder, "4096"), (folder.parent, "1024"), (folder.parent.parent, "max")):
        (path / name).write_text(limit)
    assert machine.memory_limit() == 1024


def test_oom_kills_without_a_cgroup_are_those_of_the_machine(cgroups) -> None:
    assert machine.count_oom_kills() == 0
    (cgroups / "vmstat").write_text("nr_free_pages 7\noom_kill 2\n")
    assert machine.count_oom_kills() == 2
    assert machine.memory_limit() > 2**28
