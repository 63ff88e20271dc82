"""A job in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.engines.meter import Meter, memory_mib
from benchmarks.engines.run_job import WarmRay, run_job
from benchmarks.engines.trips import make_tables, paths_of, write_lake

_BUSY = "import time; begin = time.process_time()\nwhile time.process_time() < begin + 0.2: pass"


def test_job_tells_rows_memory_and_a_failure(tmp_path: Path) -> None:
    write_lake(make_tables(300), 1, paths_of(tmp_path))
    figures = run_job("Polars", tmp_path, WarmRay(dict(os.environ), []), with_digest=True)
    assert 280 < figures.rows <= 300
    assert figures.mib >= figures.driver_mib > 10
    assert len(figures.digest) == 32
    with pytest.raises(RuntimeError, match=r"Polars ended with code 1: .*No such file|Polars ended with code 1: .*"):
        run_job("Polars", tmp_path / "nowhere", WarmRay(dict(os.environ), []))


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
