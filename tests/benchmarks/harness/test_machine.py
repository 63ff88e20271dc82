"""The machine as the kernel describes it."""

import os
import subprocess
from pathlib import Path

from benchmarks.harness.machine import describe_machine, find_commit, find_core, is_virtual, list_libraries


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert machine.kernel == os.uname().release
    assert machine.cores == os.cpu_count()
    assert 1 <= (machine.usable_cores or 0) <= machine.cores
    assert machine.memory_limit_gib is not None
    assert machine.memory_limit_gib <= (machine.memory_gib or 0)


def test_cores_are_counted_among_those_that_the_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        assert [find_core(0), find_core(1)] == [max(before)] * 2
    finally:
        os.sched_setaffinity(0, before)
    assert {find_core(index) for index in range(len(before))} == before


def test_a_processor_tells_whether_it_is_virtual_except_on_arm() -> None:
    assert is_virtual("model name\t: A\nflags\t\t: fpu hypervisor\n") is True
    assert is_virtual("model name\t: A\nflags\t\t: fpu\n") is False
    assert is_virtual("processor\t: 0\nFeatures\t: fp asimd\n") is None


def test_libraries_that_are_installed_are_listed() -> None:
    found = list_libraries()
    assert found["numpy"].count(".") == 2
    assert all(found.values())


def test_changes_mark_the_commit(tmp_path: Path) -> None:
    assert find_commit(tmp_path) == ""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (tmp_path / "file").write_text("one")
    for arguments in (["init", "-q"], ["add", "file"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *arguments], check=True)
    commit = find_commit(tmp_path)
    assert len(commit) == 12
    (tmp_path / "file").write_text("two")
    assert find_commit(tmp_path) == f"{commit}+"
