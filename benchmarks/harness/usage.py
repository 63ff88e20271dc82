"""CPU seconds, page faults and peak memory of this process and of all processes that it has started.

What a process whose parent does not wait for it, such as a worker of Ray, uses after the last reading is not counted.
"""

import resource
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.harness.process_times import ProcessTimes

# Fields of /proc/PID/stat after the name: minor faults, and those of ended children.
_FAULTS = slice(7, 9)
_cpu = ProcessTimes()  # keeps what ended processes have used
_RESET_PEAK = "5"  # what proc(5) calls resetting the peak resident set size


@dataclass(frozen=True)
class Counters:
    """What the processes have used; only differences mean something.

    Attributes:
        cpu_seconds: User and system time.
        minor_faults: Pages that the kernel mapped without reading a file: mostly freshly allocated memory.
    """

    cpu_seconds: float
    minor_faults: int

    def __sub__(self, other: "Counters") -> "Counters":
        return Counters(self.cpu_seconds - other.cpu_seconds, self.minor_faults - other.minor_faults)


def read_counters() -> Counters:
    """Read the counters of this process, of its ended children, and of all living descendants."""
    own, ended = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    faults = own.ru_minflt + ended.ru_minflt
    for child in _descendants():
        with suppress(OSError):  # it has just ended
            words = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()
            faults += sum(map(int, words[_FAULTS]))
    return Counters(_cpu.read(), faults)


def reset_peaks() -> None:
    """Let the peak memory of this process and its descendants start anew, where the kernel permits it."""
    for process in ("self", *_descendants()):
        with suppress(OSError):
            Path(f"/proc/{process}/clear_refs").write_text(_RESET_PEAK)


def read_peak_mib() -> float:
    """Sum of the peak resident memory of this process and its living descendants, in MiB.

    Pages that they share count once for each, and processes that have ended do not count.
    """
    peaks = []
    for process in ("self", *_descendants()):
        with suppress(OSError, StopIteration):  # a zombie has no memory
            lines = Path(f"/proc/{process}/status").read_text().splitlines()
            peaks.append(int(next(line for line in lines if line.startswith("VmHWM:")).split()[1]))
    return sum(peaks) / 1024


def _descendants() -> Iterator[int]:
    for child in psutil.Process().children(recursive=True):
        yield child.pid
