"""Ray Data ends well in the midst of an epoch."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import datasets
from benchmarks.input.contenders import chosen
from benchmarks.input.files import Files
from benchmarks.peers.loaders import ray_dataset
from tests.project import ROOT

_PROGRAM = """
import sys, threading
from benchmarks.input.job import Job
from benchmarks.peers.loaders.ray_dataset import prepared
with prepared(Job.from_json(sys.argv[1])) as batches:
    next(batches())
    print(*{thread.name for thread in threading.enumerate()}, sep="\\n")
print("ended")
"""


def run(job: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", _PROGRAM, job]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.integration
def test_threads_that_read_ahead_end_before_ray(tmp_path: Path) -> None:
    files = Files(datasets.images(20_000), tmp_path)
    (contender,) = chosen(["Ray Data, Parquet"])
    job = files.job(contender, str(files.path(contender)), batch=64, cpus=2)
    done = run(job.to_json())
    if "timed out during startup" in done.stderr:  # of Ray, on a busy machine
        done = run(job.to_json())
    assert done.returncode == 0, done.stderr
    names = done.stdout.splitlines()
    assert names[-1] == "ended"
    assert ray_dataset._READERS in names, "this version of Ray names them otherwise"
