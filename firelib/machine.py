"""Load of this machine: usable and idle cores, available memory."""

import os
from pathlib import Path

import psutil

_GIB = 2**30
_SECONDS = 0.5
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: quota in microseconds or "max", then the period
_QUOTA_V1 = tuple(Path("/sys/fs/cgroup/cpu") / name for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))


def usable_cores() -> int:
    """Number of cores that this process may use, limited by its affinity and its container's quota."""
    return max(1, round(min(len(os.sched_getaffinity(0)), _quota())))


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
