"""Own work is told from that of others."""

import subprocess
import sys
import time

import pytest

from benchmarks.harness.conditions import Clock, Load, sample_load

BURN = "import time\nend = time.process_time() + 0.4\nwhile time.process_time() < end: pass"


def test_shares_of_the_cores() -> None:
    before = Clock(busy=100, steal=10, total=1000, own=50)
    after = Clock(busy=160, steal=15, total=1100, own=80)
    assert after.load_since(before) == Load(steal=0.05, others=0.3)


def test_rounding_never_gives_less_than_nothing() -> None:
    before = Clock(busy=100, steal=10, total=1000, own=50)
    assert Clock(busy=101, steal=10, total=1100, own=52).load_since(before) == Load(steal=0, others=0)


def test_work_of_a_child_is_our_own() -> None:
    before = Clock.now()
    subprocess.run([sys.executable, "-c", BURN], check=True)
    after = Clock.now()
    assert after.own - before.own >= 0.4
    assert after.busy - before.busy >= 0.3  # the kernel counts in ticks


def test_sampling_sleeps() -> None:
    used = time.process_time()
    load = sample_load(0.1)
    assert 0 <= load.others <= 1
    assert 0 <= load.steal <= 1
    assert time.process_time() - used == pytest.approx(0, abs=0.09)
