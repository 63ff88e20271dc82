"""How busy this machine is: the cores and the memory that are free now."""

import os
from pathlib import Path

import psutil

_GIB = 2**30
_SECONDS = 0.5
_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # cgroup v2: microseconds, or "max", and the period
_QUOTA_V1 = tuple(Path("/sys/fs/cgroup/cpu") / name for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))


def usable_cores() -> int:
    """Cores that this process may use: its affinity, and the quota of its container."""
    return max(1, round(min(len(os.sched_getaffinity(0)), _quota())))


def free_cores(seconds: float = _SECONDS) -> int:
    """Usable cores that nobody used while this call waited; at least one.

    Args:
        seconds: How long to measure. The load average would count what this process itself did a moment ago.
    """
    mine = os.sched_getaffinity(0)
    busy = psutil.cpu_percent(interval=seconds, percpu=True)
    idle = sum(1 - share / 100 for core, share in enumerate(busy) if core in mine)
    return max(1, min(usable_cores(), round(idle)))


def is_busy() -> bool:
    """Whether more processes want to run than there are cores, or less than 1 GiB of memory is free."""
    return os.getloadavg()[0] > usable_cores() or psutil.virtual_memory().available < _GIB


def state() -> str:
    """Load and free memory, for messages."""
    free = psutil.virtual_memory().available / _GIB
    return f"load {os.getloadavg()[0]:.1f} on {usable_cores()} cores, {free:.1f} GiB of memory free"


def _quota() -> float:
    """Cores that the container's quota allows; infinite without one."""
    try:
        quota, period = _QUOTA.read_text().split() if _QUOTA.is_file() else [file.read_text() for file in _QUOTA_V1]
        return int(quota) / int(period) if int(quota) > 0 else float("inf")
    except (OSError, ValueError):  # none, or "max"
        return float("inf")
