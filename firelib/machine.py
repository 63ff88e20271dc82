"""This machine: its CPU, usable and idle cores, available memory, processes that the kernel killed."""

import os
import platform
from contextlib import suppress
from pathlib import Path

import psutil

_GIB = 2**30
_SECONDS = 0.5
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: quota in microseconds or "max", then the period
_QUOTA_V1 = tuple(Path("/sys/fs/cgroup/cpu") / name for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
_OWN_CGROUPS, _CGROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
_VMSTAT = Path("/proc/vmstat")
_CPUINFO = Path("/proc/cpuinfo")


def usable_cores() -> int:
    """Number of cores that this process may use, limited by its affinity and its container's quota."""
    return max(1, round(min(len(os.sched_getaffinity(0)), _quota())))


def name_cpu() -> str:
    """The name of this machine's CPU, or its architecture."""
    try:
        lines = _CPUINFO.read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def free_cores(seconds: float = _SECONDS) -> int:
    """Number of usable cores that are idle; at least one.

    Args:
        seconds: How long to measure. The load average is no substitute: it still counts this process's recent work.
    """
    affinity = os.sched_getaffinity(0)
    busy = psutil.cpu_percent(interval=seconds, percpu=True)
    idle = sum(1 - percent / 100 for core, percent in enumerate(busy) if core in affinity)
    return max(1, min(usable_cores(), round(idle)))


def is_busy() -> bool:
    """Whether more processes are runnable than there are cores, or less than 1 GiB of memory is available."""
    return os.getloadavg()[0] > usable_cores() or psutil.virtual_memory().available < _GIB


def describe_load() -> str:
    """Describe the load and the available memory in one line."""
    available = psutil.virtual_memory().available / _GIB
    return f"load {os.getloadavg()[0]:.1f} on {usable_cores()} cores, {available:.1f} GiB of memory available"


def _quota() -> float:
    """Number of cores that the container's quota allows; infinite without a quota."""
    try:
        quota, period = _QUOTA.read_text().split() if _QUOTA.is_file() else [file.read_text() for file in _QUOTA_V1]
        return int(quota) / int(period) if int(quota) > 0 else float("inf")
    except (OSError, ValueError):  # no cgroup file, or "max"
        return float("inf")


def count_oom_kills() -> int:
    """Number of processes that the kernel has killed for lack of memory, in this container or else on this machine."""
    for folder in _memory_cgroups():
        for name in ("memory.events", "memory.oom_control"):  # cgroup v2, v1
            if (kills := _read_counter(folder / name)) is not None:
                return kills
    return _read_counter(_VMSTAT) or 0


def memory_limit() -> int:
    """Bytes of memory that this process may use: the smallest limit of its cgroup, its ancestors and this machine."""
    limits = [psutil.virtual_memory().total]
    for folder in _with_ancestors(_memory_cgroups()):
        for name in ("memory.max", "memory.limit_in_bytes"):  # cgroup v2, v1
            with suppress(OSError, ValueError):  # no such file, or "max"
                limits.append(int((folder / name).read_text()))
    return min(limits)


def _memory_cgroups() -> list[Path]:
    """Folders of the cgroup that limits this process's memory; a container sees its own one as the root."""
    try:
        lines = [line.split(":", 2) for line in _OWN_CGROUPS.read_text().splitlines()]
    except OSError:
        return []
    paths = {controllers: path.lstrip("/") for _, controllers, path in lines}
    v1, v2 = _CGROUPS / "memory", _CGROUPS
    own = [root / paths[key] for root, key in ((v1, "memory"), (v2, "")) if key in paths]
    return [*own, v1, v2]


def _with_ancestors(folders: list[Path]) -> list[Path]:
    """Add the folders above, up to the root of the cgroups."""
    return [each for folder in folders for each in (folder, *folder.parents) if each.is_relative_to(_CGROUPS)]


def _read_counter(file: Path) -> int | None:
    """Read the counter `oom_kill` of a file with one name and one number a line."""
    with suppress(OSError, ValueError):
        for line in file.read_text().splitlines():
            name, _, number = line.partition(" ")
            if name == "oom_kill":
                return int(number)
    return None
