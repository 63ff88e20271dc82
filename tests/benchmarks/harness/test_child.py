"""Measurements in child processes."""

import subprocess
import sys

import pytest

from benchmarks.harness.child import run_child
from tests.project import ROOT

GROW = """
from benchmarks.harness.child import peak_mib
before = peak_mib()
held = bytearray(200 << 20)
held[::4096] = b"x" * len(held[::4096])
print(peak_mib() > max(before, 200))
"""


def test_peak_grows_with_allocations() -> None:
    """In a child process: this process may have a higher peak already."""
    done = subprocess.run([sys.executable, "-c", GROW], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_peak_of_a_child_excludes_its_parent() -> None:
    held = bytearray(600 << 20)
    held[::4096] = b"x" * len(held[::4096])
    assert run_child("tests.benchmarks.small_child")["mib"] < 500


def test_failing_child_reports_its_error() -> None:
    with pytest.raises(RuntimeError, match="unrecognized arguments"):
        run_child("benchmarks.tfrecord_memory", "--wrong")
