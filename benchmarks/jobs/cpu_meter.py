"""CPU-seconds of a job: of its training workers, and of everything else that keeps it running.

Everything else is the control plane: the command that submits the job, Ray's own processes, the driver, container
engines and Slurm's daemons.
"""

import json
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Self

import psutil

from benchmarks.harness.process_times import Key, repeated

_WORKER = "RayTrainWorker"  # Ray names its processes by what they run
_CONTAINER = re.compile(r"[0-9a-f]{64}")
_INTERVAL_SECONDS = 1.0
_ANSWER_SECONDS = 5.0


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


class CpuMeter:
    """Samples the CPU time of all processes below this one and in an engine's containers while a block runs.

    What a process uses between the last sample and its end is not counted: at most a second.

    Args:
        engine: Address of the engine's socket; empty for none. Containers of other engines do not count.
    """

    def __init__(self, engine: str = "") -> None:
        self._engine = engine
        self._containers: set[str] = set()
        self._before = {key: process.seconds for key, process in self._processes()}
        self._latest: dict[Key, _Process] = {}

    def __enter__(self) -> Self:
        self._sampling = ExitStack()
        self._sampling.enter_context(repeated(self._sample, _INTERVAL_SECONDS))
        return self

    def __exit__(self, *_: object) -> None:
        self._sampling.close()

    def _sample(self) -> None:
        self._latest.update(self._processes())

    def _processes(self) -> Iterator[tuple[Key, _Process]]:
        """The job's processes, without this one, which only measures."""
        if self._engine:
            with suppress(OSError, HTTPException):  # it does not answer: those that are known remain
                self._containers |= list_containers(self._engine)
        below = {process.pid for process in psutil.Process().children(recursive=True)}
        for process in psutil.process_iter():
            if process.pid != os.getpid() and (process.pid in below or self._is_in_container(process.pid)):
                with suppress(psutil.Error), process.oneshot():
                    times = process.cpu_times()
                    yield (
                        (process.pid, process.create_time()),
                        _Process(times.user + times.system, any(_WORKER in word for word in process.cmdline())),
                    )

    def _is_in_container(self, process: int) -> bool:
        """Whether a process is in one of the engine's containers, and this process is not in that container."""
        with suppress(OSError):
            found = find_containers(_read_groups(process)) - find_containers(_read_groups("self"))
            return bool(self._containers & found)
        return False

    def read(self) -> CpuSeconds:
        """CPU time since the meter was created."""
        return add_up(self._before, {key: (each.seconds, each.is_worker) for key, each in self._latest.items()})


def add_up(before: Mapping[Key, float], latest: Mapping[Key, tuple[float, bool]]) -> CpuSeconds:
    """Sum up CPU time by kind of process.

    Args:
        before: Process (its id and the time of its start) → CPU-seconds before the job.
        latest: The same for its last sample, with whether it is a training worker.
    """
    used = {key: (seconds - before.get(key, 0.0), is_worker) for key, (seconds, is_worker) in latest.items()}
    workers = sum(seconds for seconds, is_worker in used.values() if is_worker)
    return CpuSeconds(workers, sum(seconds for seconds, _ in used.values()) - workers)


def list_containers(engine: str) -> set[str]:
    """Ask a container engine for the ids of its running containers.

    Args:
        engine: Address of its socket, as in `DOCKER_HOST`.

    Raises:
        OSError: It does not answer.
        HTTPException: Its answer is broken.
    """
    with closing(HTTPConnection("localhost")) as connection:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(_ANSWER_SECONDS)
        connection.sock.connect(engine.removeprefix("unix://"))
        connection.request("GET", "/containers/json")
        return {container["Id"] for container in json.load(connection.getresponse())}


def _read_groups(process: int | str) -> str:
    return Path(f"/proc/{process}/cgroup").read_text()


def find_containers(groups: str) -> set[str]:
    """Return the ids of containers in the control groups of a process, as /proc/PID/cgroup lists them."""
    return set(_CONTAINER.findall(groups))
