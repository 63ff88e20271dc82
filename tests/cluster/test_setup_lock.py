"""The lock on a head: who may take it, how it is kept, and when it counts as abandoned."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from tests.cluster.stand_ins import HEAD, FakeSsh
from tests.patience import wait_until
from tests.project import ROOT

PROGRAM = ROOT / "ansible" / "roles" / "setup_lock" / "files" / "setup_lock.py"
HOUR = "3600"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def program() -> ModuleType:
    return load(PROGRAM)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "firelib" / "setup.lock"


def test_the_second_caller_is_told_who_holds_the_lock(
    program: ModuleType, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main([str(file), "take", "ann@laptop", "a", HOUR]) == 0
    assert program.main([str(file), "take", "ben@desk", "b", HOUR]) == 1
    said = capsys.readouterr().out
    assert "ann@laptop" in said
    assert "UTC" in said
    assert program.main([str(file), "take", "ann@laptop", "a", HOUR]) == 0  # the same run again


def test_a_released_lock_is_free_and_nobody_releases_that_of_others(program: ModuleType, file: Path) -> None:
    program.main([str(file), "take", "ann@laptop", "a", HOUR])
    program.main([str(file), "release", "b"])
    assert program.main([str(file), "take", "ben@desk", "b", HOUR]) == 1
    program.main([str(file), "release", "a"])
    assert program.main([str(file), "take", "ben@desk", "b", HOUR]) == 0


def test_a_lock_of_an_ended_process_or_of_long_ago_is_taken_over(program: ModuleType, file: Path) -> None:
    program.main([str(file), "take", "ann@laptop", "a", HOUR])
    assert program.main([str(file), "take", "ann@laptop", "c", HOUR, "other"]) == 1
    assert program.main([str(file), "take", "ann@laptop", "c", HOUR, "a"]) == 0
    file.write_text(json.dumps({"owner": "ann@laptop", "token": "a", "since": time.time() - 7200}))
    assert program.main([str(file), "take", "ben@desk", "b", HOUR]) == 0


def test_a_renewed_lock_is_not_abandoned(program: ModuleType, file: Path) -> None:
    program.main([str(file), "take", "ann@laptop", "a", HOUR])
    old = {"owner": "ann@laptop", "token": "a", "since": time.time() - 7200}
    file.write_text(json.dumps(old))
    assert program.main([str(file), "renew", "a"]) == 0
    assert program.main([str(file), "renew", "b"]) == 1
    assert program.main([str(file), "take", "ben@desk", "b", HOUR]) == 1
    assert json.loads(file.read_text())["since"] == old["since"]


def test_a_lock_that_was_removed_is_not_made_again(program: ModuleType, file: Path) -> None:
    """As teardown.yml does while the lock is kept."""
    assert program.main([str(file), "renew", "a"]) == 1
    assert program.main([str(file), "release", "a"]) == 0
    assert not file.parent.exists()


def test_a_dry_run_only_looks(program: ModuleType, file: Path) -> None:
    assert program.main(["--check", str(file), "take", "ann@laptop", "a", HOUR]) == 0
    assert not file.exists()
    program.main([str(file), "take", "ann@laptop", "a", HOUR])
    assert program.main(["--check", str(file), "take", "ben@desk", "b", HOUR]) == 1


def test_a_lock_that_was_cut_short_is_free(program: ModuleType, file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"owner": "ann')
    assert program.main([str(file), "take", "ben@desk", "b", HOUR]) == 0


def test_of_many_callers_at_once_one_gets_it(program: ModuleType, file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda name: program.main([str(file), "take", name, name, HOUR]), "abcdefgh"))
    assert sorted(codes) == [0] + [1] * 7


@pytest.fixture
def playbook() -> Iterator["subprocess.Popen[str]"]:
    """A process in the place of a playbook; it prints the token that names it."""
    code = "from firelib.storage import Owner; print(Owner.current().token, flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, **pipes) as process:
        yield process
        process.kill()


def hold(action: str, file: Path, token: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the program of this machine, on the lock of a head that the stand-in of ssh leads to."""
    words = [action, "--cluster", str(ROOT / "cluster" / "cluster.yaml"), "--file", str(file), "--token", token]
    command = [sys.executable, str(PROGRAM.with_name("hold_lock.py")), *words, "--owner", "ann@laptop", *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_lock_is_renewed_until_its_playbook_ends(ssh: FakeSsh, file: Path, playbook: "subprocess.Popen[str]") -> None:
    assert playbook.stdout
    token = playbook.stdout.readline().strip()
    assert hold("take", file, token, "--check").returncode == 0
    assert not file.exists()
    assert hold("take", file, token, "--seconds", "1").returncode == 0
    wait_until(lambda: '"renewed"' in file.read_text(), 60, "the lock is renewed")
    other = hold("take", file, "desk-1-1", "--seconds", "3600")
    assert other.returncode == 1
    assert "ann@laptop has been changing this cluster since" in other.stderr
    assert "remedy: wait until that playbook ends" in other.stderr
    playbook.kill()
    wait_until(lambda: file.read_text() == "", 60, "the lock is released")


def test_a_head_that_does_not_answer_is_an_error_unless_it_may_be_off(ssh: FakeSsh, file: Path) -> None:
    ssh.refuse(head="No route to host")
    needed, optional = (hold("take", file, "desk-1-1", *options) for options in ((), ("--if-reachable",)))
    assert needed.returncode == 1
    assert "No route to host" in needed.stderr
    assert (optional.returncode, optional.stdout.split()[0]) == (0, HEAD)
    assert not file.exists()


def test_a_head_without_python_is_told(ssh: FakeSsh, file: Path) -> None:
    (ssh.log.parent / "bin" / "sudo").write_text("#!/bin/sh\necho sudo: python3: command not found >&2; exit 1\n")
    said = hold("take", file, "desk-1-1")
    assert said.returncode == 1
    assert "command not found" in said.stderr
    assert "remedy: run ansible/setup.yml without --limit" in said.stderr
