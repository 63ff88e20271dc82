"""Measurements in processes of their own."""

import subprocess
import sys

import pytest

from benchmarks.child import run_child
from tests.project import ROOT

GROW = """
from benchmarks.child import peak_mib
before = peak_mib()
held = bytearray(200 << 20)
held[::4096] = b"x" * len(held[::4096])
print(peak_mib() > max(before, 200))
"""


def test_the_peak_of_a_process_grows_with_what_it_holds() -> None:
    """In one of its own: this one may have held more before."""
    done = subprocess.run([sys.executable, "-c", GROW], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_a_child_does_not_count_what_its_parent_held() -> None:
    held = bytearray(600 << 20)
    held[::4096] = b"x" * len(held[::4096])
    assert run_child("tests.benchmarks.small_child")["mib"] < 500


def test_a_child_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="unrecognized arguments"):
        run_child("benchmarks.tfrecord_memory", "--wrong")
