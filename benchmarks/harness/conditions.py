"""What else the machine did while something was measured: other processes, and cores that its host took away."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.harness.usage import read_counters

BUSY_SHARE = 0.1  # of all cores: more other work than this spoils figures

_STAT = Path("/proc/stat")
_TICKS = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS = 1.0


@dataclass(frozen=True)
class Load:
    """Shares of the time of all cores, from 0 to 1.

    Attributes:
        steal: The host ran something else while this machine had work to do.
        others: Processes other than this one and its descendants.
    """

    steal: float
    others: float


@dataclass(frozen=True)
class Clock:
    """The machine's counters at one moment: `Clock.now()`, then `load_since` it."""

    busy: float
    steal: float
    total: float
    own: float

    @classmethod
    def now(cls) -> Self:
        words = _STAT.read_text().split("\n", 1)[0].split()[1:9]
        user, nice, system, idle, wait, irq, softirq, steal = (int(word) / _TICKS for word in words)
        busy = user + nice + system + irq + softirq
        return cls(busy, steal, busy + idle + wait + steal, read_counters().cpu_seconds)

    def load_since(self, before: "Clock") -> Load:
        """Load between an earlier moment and this one."""
        total = max(self.total - before.total, 1 / _TICKS)
        others = (self.busy - before.busy) - (self.own - before.own)
        return Load((self.steal - before.steal) / total, min(1.0, max(0.0, others / total)))


def sample_load(seconds: float = _SAMPLE_SECONDS) -> Load:
    """Measure the load for a moment, in which this process sleeps."""
    before = Clock.now()
    time.sleep(seconds)
    return Clock.now().load_since(before)
