"""The lock on a head: who may take it, and when it counts as abandoned."""

import importlib.util
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType

import pytest

from firelib.storage import Owner
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
    assert program.main(["take", "ann@laptop", "a", HOUR], file) == 0
    assert program.main(["take", "ben@desk", "b", HOUR], file) == 1
    said = capsys.readouterr().out
    assert "ann@laptop" in said
    assert "UTC" in said
    assert program.main(["take", "ann@laptop", "a", HOUR], file) == 0  # the same run again


def test_a_released_lock_is_free_and_nobody_releases_that_of_others(program: ModuleType, file: Path) -> None:
    program.main(["take", "ann@laptop", "a", HOUR], file)
    program.main(["release", "b"], file)
    assert program.main(["take", "ben@desk", "b", HOUR], file) == 1
    program.main(["release", "a"], file)
    assert program.main(["take", "ben@desk", "b", HOUR], file) == 0


def test_a_lock_of_an_ended_process_or_of_long_ago_is_taken_over(program: ModuleType, file: Path) -> None:
    program.main(["take", "ann@laptop", "a", HOUR], file)
    assert program.main(["take", "ann@laptop", "c", HOUR, "other"], file) == 1
    assert program.main(["take", "ann@laptop", "c", HOUR, "a"], file) == 0
    file.write_text(json.dumps({"owner": "ann@laptop", "token": "a", "since": time.time() - 7200}))
    assert program.main(["take", "ben@desk", "b", HOUR], file) == 0


def test_a_dry_run_only_looks(program: ModuleType, file: Path) -> None:
    assert program.main(["--check", "take", "ann@laptop", "a", HOUR], file) == 0
    assert not file.exists()
    program.main(["take", "ann@laptop", "a", HOUR], file)
    assert program.main(["--check", "take", "ben@desk", "b", HOUR], file) == 1


def test_a_lock_that_was_cut_short_is_free(program: ModuleType, file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"owner": "ann')
    assert program.main(["take", "ben@desk", "b", HOUR], file) == 0


def test_of_many_callers_at_once_one_gets_it(program: ModuleType, file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda name: program.main(["take", name, name, HOUR], file), "abcdefgh"))
    assert sorted(codes) == [0] + [1] * 7


def test_this_machine_knows_which_of_its_processes_have_ended() -> None:
    has_ended = load(ROOT / "ansible" / "filters" / "process.py").FilterModule().filters()["process_has_ended"]
    code = "from firelib.storage import Owner; print(Owner.current().token)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert has_ended(done.stdout.strip())
    assert not has_ended(Owner.current().token)
    assert not has_ended("another_machine-1-1")
    assert not has_ended("")
