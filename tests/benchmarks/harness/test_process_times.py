"""CPU time of a process's descendants, also of orphans and of ended processes for which nobody waits."""

import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from benchmarks.harness.process_times import ProcessTimes
from tests.patience import patience
from tests.project import ROOT

ORPHAN = """
import subprocess, sys, time
from benchmarks.harness.process_times import ProcessTimes, adopt_orphans

adopt_orphans()
times = ProcessTimes()
burn = "import os, time\\nwhile time.process_time() < 0.3: pass\\nprint('done', flush=True)\\ntime.sleep(600)"
start = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {burn!r}]).pid, flush=True)"
parent = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
orphan = int(parent.stdout.readline())
parent.wait()
assert parent.stdout.readline() == "done\\n"
print(times.read())
import os, signal
os.kill(orphan, signal.SIGKILL)
"""

# Its children's times are lost for the kernel, as those of Ray's workers are.
DEAF = """
import signal, subprocess, sys

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
burn = "import sys, time\\nwhile time.process_time() < 0.3: pass\\nprint('done', flush=True)\\nsys.stdin.read()"
child = subprocess.Popen([sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
print(child.stdout.readline(), end="", flush=True)
sys.stdin.readline()
child.stdin.close()
child.wait()
print("ended", flush=True)
sys.stdin.readline()
"""
BUSY = "import time\nwhile time.process_time() < 0.3: pass"


@pytest.fixture
def deaf() -> Iterator["subprocess.Popen[str]"]:
    """A parent that ignores SIGCHLD, whose child has used 0.3 s."""
    command = [sys.executable, "-c", DEAF]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "done\n"
        yield process
        assert process.stdin
        process.stdin.close()


def end_child(deaf: "subprocess.Popen[str]") -> None:
    assert deaf.stdin
    assert deaf.stdout
    deaf.stdin.write("\n")
    deaf.stdin.flush()
    assert deaf.stdout.readline() == "ended\n"


def test_what_a_process_has_used_stays_if_its_parent_does_not_wait_for_it(deaf: "subprocess.Popen[str]") -> None:
    times = ProcessTimes([deaf.pid])
    before = times._total()
    end_child(deaf)
    assert not psutil.Process(deaf.pid).children()
    assert before >= 0.28  # the kernel counts in ticks of 10 ms
    assert times._total() >= before
    assert 0 <= times.read() < 0.2, "what was used before the beginning does not count"


def test_a_process_for_which_its_parent_waits_counts_once() -> None:
    times = ProcessTimes()
    with times.sampled():
        subprocess.run([sys.executable, "-c", BUSY], check=True)
    assert 0.3 <= times.read() < 0.55


def test_time_of_a_process_counts_when_its_parent_has_ended() -> None:
    command = [sys.executable, "-c", ORPHAN]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=patience(60))
    assert float(done.stdout) >= 0.3
