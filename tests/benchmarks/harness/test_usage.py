"""CPU time, page faults and peak memory of a process and its children."""

import subprocess
import sys

from benchmarks.harness.usage import read_counters, read_peak_mib, reset_peaks
from tests.project import ROOT

# In a child process: this process may have a higher peak already.
PEAK = """
from benchmarks.harness.usage import read_counters, read_peak_mib, reset_peaks
before = read_counters()
held = bytearray(100 << 20)
held[::4096] = b"x" * len(held[::4096])
faults = (read_counters() - before).minor_faults
high = read_peak_mib()
del held
reset_peaks()
print(faults >= 20000, high > 100, read_peak_mib() < high - 50)
"""
CHILD = """
import sys, time
held = bytearray(60 << 20)
held[::4096] = b"x" * len(held[::4096])
end = time.process_time() + 0.3
while time.process_time() < end: pass
print("ready", flush=True)
sys.stdin.read()
"""


def test_peak_starts_anew_and_faults_count_new_memory() -> None:
    done = subprocess.run([sys.executable, "-c", PEAK], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "True"]


def test_a_child_counts_while_it_lives_and_after_it_has_ended() -> None:
    reset_peaks()
    before, own = read_counters(), read_peak_mib()
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        alive = read_counters() - before
        assert alive.cpu_seconds >= 0.25  # in ticks of 10 ms
        assert alive.minor_faults >= (60 << 20) // 4096
        assert read_peak_mib() > own + 60
    assert (read_counters() - before).cpu_seconds >= 0.3
