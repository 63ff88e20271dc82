"""The lock on a head: who may take it, how it is kept, and when it is abandoned."""

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from firelib.cluster import lock_program
from firelib.cluster.lock_program import main

HOUR = "3600"
_LOST = 4


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "firelib" / "setup.lock"


def test_the_second_caller_is_told_who_holds_the_lock(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(file), "take", "ann@laptop", "a", HOUR]) == 0
    assert main([str(file), "take", "ben@desk", "b", HOUR]) == 1
    assert json.loads(capsys.readouterr().out)["owner"] == "ann@laptop"
    assert main([str(file), "take", "ann@laptop", "a", HOUR]) == 0  # the same run again


def test_a_released_lock_is_free_and_nobody_releases_that_of_others(file: Path) -> None:
    main([str(file), "take", "ann@laptop", "a", HOUR])
    main([str(file), "release", "b"])
    assert main([str(file), "take", "ben@desk", "b", HOUR]) == 1
    main([str(file), "release", "a"])
    assert main([str(file), "take", "ben@desk", "b", HOUR]) == 0


def test_a_lock_of_an_ended_process_or_of_long_ago_is_taken_over(file: Path) -> None:
    main([str(file), "take", "ann@laptop", "a", HOUR])
    assert main([str(file), "take", "ann@laptop", "c", HOUR, "other"]) == 1
    assert main([str(file), "take", "ann@laptop", "c", HOUR, "a"]) == 0
    file.write_text(json.dumps({"owner": "ann@laptop", "token": "a", "since": time.time() - 7200}))
    assert main([str(file), "take", "ben@desk", "b", HOUR]) == 0


def test_a_renewed_lock_is_not_abandoned(file: Path) -> None:
    main([str(file), "take", "ann@laptop", "a", HOUR])
    old = {"owner": "ann@laptop", "token": "a", "since": time.time() - 7200}
    file.write_text(json.dumps(old))
    assert main([str(file), "renew", "a"]) == 0
    assert main([str(file), "renew", "b"]) == _LOST
    assert main([str(file), "take", "ben@desk", "b", HOUR]) == 1
    assert json.loads(file.read_text())["since"] == old["since"]


def test_a_lock_that_was_removed_is_not_made_again(file: Path) -> None:
    """As teardown.yml does while the lock is kept."""
    assert main([str(file), "renew", "a"]) == _LOST
    assert main([str(file), "release", "a"]) == 0
    assert not file.parent.exists()


def test_a_dry_run_only_looks(file: Path) -> None:
    assert main(["--check", str(file), "take", "ann@laptop", "a", HOUR]) == 0
    assert not file.exists()
    main([str(file), "take", "ann@laptop", "a", HOUR])
    assert main(["--check", str(file), "take", "ben@desk", "b", HOUR]) == 1


def test_a_lock_that_was_cut_short_is_free(file: Path) -> None:
    file.parent.mkdir()
    file.write_text('{"owner": "ann')
    assert main([str(file), "take", "ben@desk", "b", HOUR]) == 0


def test_of_many_callers_at_once_one_gets_it(file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(lambda name: main([str(file), "take", name, name, HOUR]), "abcdefgh"))
    assert sorted(codes) == [0] + [1] * 7


def test_the_keeper_is_noted_until_the_lock_changes_hands(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([str(file), "take", "ann@laptop", "a", HOUR])
    main([str(file), "renew", "a", "keeper"])
    main([str(file), "take", "ben@desk", "b", HOUR])
    assert json.loads(capsys.readouterr().out)["keeper"] == "keeper"
    main([str(file), "take", "ben@desk", "b", HOUR, "a"])
    assert "keeper" not in json.loads(file.read_text())


def test_a_python_that_has_nothing_installed_runs_it(file: Path) -> None:
    """By its text, as on the head."""
    program = Path(lock_program.__file__).read_text()
    command = [sys.executable, "-I", "-S", "-c", program, str(file), "take", "ann@laptop", "a", HOUR]
    assert subprocess.run(command, check=False).returncode == 0
    assert json.loads(file.read_text())["token"] == "a"
