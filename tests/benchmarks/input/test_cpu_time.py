"""CPU time of a process's descendants, also of an orphan."""

import subprocess
import sys

from tests.patience import patience
from tests.project import ROOT

ORPHAN = """
import subprocess, sys, time
from benchmarks.input.cpu_time import adopt_orphans, cpu_seconds

adopt_orphans()
begin = cpu_seconds()
burn = "import os, time\\nwhile time.process_time() < 0.3: pass\\nprint('done', flush=True)\\ntime.sleep(600)"
start = f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', {burn!r}]).pid, flush=True)"
parent = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, text=True)
orphan = int(parent.stdout.readline())
parent.wait()
assert parent.stdout.readline() == "done\\n"
print(cpu_seconds() - begin)
import os, signal
os.kill(orphan, signal.SIGKILL)
"""


def test_time_of_a_process_counts_when_its_parent_has_ended() -> None:
    command = [sys.executable, "-c", ORPHAN]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=patience(60))
    assert float(done.stdout) >= 0.3
