"""Run transforms in processes of their own, beside one Ray that is up before, and measure their memory."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from benchmarks.engines.contenders import ENGINES
from benchmarks.engines.figures import Figures
from benchmarks.engines.meter import memory_mib
from firelib.config import Environment
from firelib.ray_setup.session import ray_session

_SAMPLE_SECONDS = 0.05
_PAUSE = 20  # times the processor time of a sample: that of many processes takes some, which the job would lack


@dataclass(frozen=True)
class WarmRay:
    """A Ray that is up before the jobs.

    Attributes:
        environment: Environment variables of jobs, which then join it.
        processes: Ids of its processes; their children are workers.
    """

    environment: Mapping[str, str]
    processes: Sequence[int]


@contextmanager
def warm_ray() -> Iterator[WarmRay]:
    """Start Ray for the duration of the block."""
    before = {process.pid for process in psutil.Process().children()}
    with ray_session(Environment()) as address:
        started = [process.pid for process in psutil.Process().children() if process.pid not in before]
        yield WarmRay({**os.environ, "RAY_ADDRESS": address}, started)


def run_job(engine: str, folder: Path, ray: WarmRay, partition_bytes: int = 0) -> Figures:
    """Run a job.

    Args:
        engine: A name in `ENGINES`.
        folder: The benchmark's project, with a lake.
        ray: The Ray that the engines on Ray join.
        partition_bytes: Size of a partition; 0 is the engine's default.

    Raises:
        RuntimeError: The job failed.
    """
    others = ray.processes if ENGINES[engine].on_ray else []
    command = [sys.executable, "-m", "benchmarks.engines.job", engine, str(folder)]
    command += ["--partition-bytes", str(partition_bytes)]
    command += ["--others", *map(str, others)] if others else []
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdout=output, stderr=errors, env=ray.environment) as process:  # noqa: S603  our own module
            driver_mib, mib = _watch(process, others)
        if process.returncode:
            raise RuntimeError(f"{engine} ended with code {process.returncode}: {_read_lines(errors)[-1]}")
        found = json.loads(_read_lines(output)[-1])
    return Figures(**{**found, "driver_mib": driver_mib, "mib": mib})


def _watch(process: "subprocess.Popen[bytes]", others: Sequence[int]) -> tuple[float, float]:
    """Wait for a process; return its own peak memory, and the one with its children and `others`, in MiB."""
    driver_mib = mib = 0.0
    while process.poll() is None:
        begin = time.thread_time()
        own = memory_mib([process.pid], with_children=False)
        driver_mib, mib = max(driver_mib, own), max(mib, own, memory_mib([process.pid, *others]))
        time.sleep(max(_SAMPLE_SECONDS, _PAUSE * (time.thread_time() - begin)))
    return driver_mib, mib


def _read_lines(file: IO[bytes]) -> list[str]:
    file.seek(0)
    return file.read().decode(errors="replace").strip().splitlines() or ["no output"]
