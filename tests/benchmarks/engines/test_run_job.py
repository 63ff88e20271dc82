"""A job in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.engines.meter import Meter, memory_mib
from benchmarks.engines.run_job import WarmRay, _watch, run_job
from benchmarks.engines.trips import make_tables, paths_of, write_lake
from benchmarks.transform_engines import Contest

_LARGE = "import time; held = b'x' * (200 << 20); time.sleep(0.2)"
_BUSY = "import time; begin = time.process_time()\nwhile time.process_time() < begin + 0.2: pass"


def test_job_tells_rows_memory_and_a_failure(tmp_path: Path) -> None:
    write_lake(make_tables(300), 1, paths_of(tmp_path))
    figures = run_job("Polars", tmp_path, WarmRay(dict(os.environ), []))
    assert 280 < figures.rows <= 300
    assert figures.mib >= figures.driver_mib > 10
    with pytest.raises(RuntimeError, match=r"Polars ended with code 1: .*No such file"):
        run_job("Polars", tmp_path / "nowhere", WarmRay(dict(os.environ), []))


def test_way_of_an_engine_counts_what_the_job_has_measured_not_the_processes_below_this_one(tmp_path: Path) -> None:
    write_lake(make_tables(300), 1, paths_of(tmp_path / "small"))
    assert not Contest(tmp_path, 300, WarmRay(dict(os.environ), [])).make_way("Polars").counts_cpu


def test_memory_that_a_job_has_for_a_moment_is_seen() -> None:
    def is_seen() -> bool:
        with subprocess.Popen([sys.executable, "-c", _LARGE]) as process:
            driver_mib, mib = _watch(process, [])
        assert mib >= driver_mib
        return driver_mib > 200

    assert any(is_seen() for _ in range(5))  # a busy machine may miss a moment


def test_meter_counts_children_that_have_ended() -> None:
    with Meter() as meter:
        subprocess.run([sys.executable, "-c", _BUSY], check=True)
    assert meter.cpu_seconds >= 0.2
    assert meter.seconds > 0


def test_memory_of_children_and_of_no_process() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert memory_mib([os.getpid()]) > memory_mib([child.pid]) > 1
        child.communicate(b"\n")
    assert memory_mib([child.pid]) == 0
