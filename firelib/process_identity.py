"""Identify processes: other hosts, containers and boots use the same process ids, and ids are used again."""

import os
import re
from pathlib import Path
from typing import NamedTuple

import psutil

_PROC = Path("/proc")
_STATE, _STARTED = 0, 19  # of /proc/PID/stat, counted from the state (man 5 proc_pid_stat)
_ENDED = ("Z", "X", "x")  # a zombie does nothing any more
_TABLE = re.compile(r"(?P<boot>[0-9a-f]{32})_[0-9]+")


class ProcessState(NamedTuple):
    """What this process can see of a process.

    Attributes:
        is_alive: Whether it runs; zombies do not.
        started: Clock ticks from the system's boot to its start; None if /proc is missing or hides the process.
    """

    is_alive: bool
    started: int | None


def process_table() -> str:
    """Identify the boot and the PID namespace of this process; empty without /proc.

    The namespace alone has the same number on every host.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip().replace("-", "")
        table = f"{boot}_{(_PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return ""
    return table if _TABLE.fullmatch(table) else ""


def is_other_boot(table: str) -> bool:
    """Whether a result of `process_table` belongs to another boot than the present one, of this host or another."""
    here, there = _TABLE.fullmatch(process_table()), _TABLE.fullmatch(table)
    return bool(here and there and here["boot"] != there["boot"])


def find_process(pid: int) -> ProcessState:
    """Look up a process in this process's PID namespace."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:  # it has ended, or a hardened /proc hides the processes of others
        return ProcessState(psutil.pid_exists(pid), None)
    fields = stat.rpartition(")")[2].split()  # the name before it may contain anything
    return ProcessState(fields[_STATE] not in _ENDED, int(fields[_STARTED]))


def own_start() -> int | None:
    """The start of this process, as `ProcessState.started`."""
    return find_process(os.getpid()).started
