"""CPU-seconds of a job: of its training workers, and of everything else that keeps it running.

Everything else is the control plane: the command that submits the job, Ray's own processes, the driver, container
engines and Slurm's daemons.
"""

import ctypes
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

_WORKER = "RayTrainWorker"  # Ray names its processes by what they run
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_INTERVAL_SECONDS = 1.0
_SET_CHILD_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER in linux/prctl.h


@dataclass(frozen=True)
class CpuSeconds:
    """CPU time of a job.

    Attributes:
        workers: Seconds of the processes that train.
        others: Seconds of all other processes of the job.
    """

    workers: float
    others: float


@dataclass
class _Process:
    seconds: float
    is_worker: bool


class CpuMeter(threading.Thread):
    """Samples the CPU time of all processes below this one and in containers while a block runs.

    What a process uses between the last sample and its end is not counted: at most a second.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._done = threading.Event()
        self._before = {key: process.seconds for key, process in _processes()}
        self._latest: dict[tuple[int, float], _Process] = {}

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self.join()
        self._sample()

    def run(self) -> None:
        while not self._done.wait(_INTERVAL_SECONDS):
            self._sample()

    def _sample(self) -> None:
        self._latest.update(_processes())

    def read(self) -> CpuSeconds:
        """CPU time since the meter was created."""
        return add_up(self._before, {key: (each.seconds, each.is_worker) for key, each in self._latest.items()})


def add_up(
    before: Mapping[tuple[int, float], float], latest: Mapping[tuple[int, float], tuple[float, bool]]
) -> CpuSeconds:
    """Sum up CPU time by kind of process.

    Args:
        before: Process (its id and the time of its start) → CPU-seconds before the job.
        latest: The same for its last sample, with whether it is a training worker.
    """
    used = {key: (seconds - before.get(key, 0.0), is_worker) for key, (seconds, is_worker) in latest.items()}
    workers = sum(seconds for seconds, is_worker in used.values() if is_worker)
    return CpuSeconds(workers, sum(seconds for seconds, _ in used.values()) - workers)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, such as the steps of Slurm's daemons."""
    ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _processes() -> Iterator[tuple[tuple[int, float], _Process]]:
    """This job's processes, without this one, which only measures."""
    below = {process.pid for process in psutil.Process().children(recursive=True)}
    for process in psutil.process_iter():
        if process.pid != os.getpid() and (process.pid in below or _is_in_container(process.pid)):
            with suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                yield (
                    (process.pid, process.create_time()),
                    _Process(times.user + times.system, any(_WORKER in word for word in process.cmdline())),
                )


def _is_in_container(process: int) -> bool:
    """Whether a control group of a process is named by a container's id, and this process is not in that container."""
    with suppress(OSError):
        return bool(find_containers(_read_groups(process)) - find_containers(_read_groups("self")))
    return False


def _read_groups(process: int | str) -> str:
    return Path(f"/proc/{process}/cgroup").read_text()


def find_containers(groups: str) -> set[str]:
    """Return the ids of containers in the control groups of a process, as /proc/PID/cgroup lists them."""
    return set(_CONTAINER.findall(groups))
