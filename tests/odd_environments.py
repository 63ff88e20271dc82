"""Child processes that run firelib in unusual environments: no HOME, no passwd entry, little shared memory."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.project import ROOT

STRANGER = 54321
#: Run as a uid without a passwd entry, which can read root's files (the tests' Python), but not write them.
AS_STRANGER = (
    *("setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)
#: Run with a separate, small /dev/shm.
WITH_SMALL_SHM = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=64m tmpfs /dev/shm && exec "$@"', "sh")

# Enters `ray_session`, runs a task, and prints the result or the error as JSON.
SESSION = """
import json, os, psutil, sys, time
from pathlib import Path
from firelib.config import Environment
from firelib.errors import FirelibError
from firelib.ray_setup.session import ray_session

began, result = time.monotonic(), {}
try:
    with ray_session(Environment(num_cpus=1)):
        import ray
        folder = Path(ray._private.worker._global_node.get_session_dir_path())
        result["session"] = str(folder)
        result["mode"] = (folder.parent.parent).stat().st_mode & 0o777
        result["answer"] = ray.get(ray.remote(lambda rows: rows.sum()).remote(__import__("numpy").ones(1 << 20)))
except FirelibError as error:
    result.update(what=error.what, where=error.where, remedy=error.remedy)
result["seconds"] = time.monotonic() - began
alive = [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
result["left"] = [p.name() for p in psutil.wait_procs(alive, timeout=10)[1]]
print(json.dumps(result))
"""


def clean(**variables: str) -> dict[str, str]:
    """Build a minimal environment that names no user, with additional variables."""
    kept = {"PATH", "TESTS_SESSION", "TF_CPP_MIN_LOG_LEVEL"}
    return {name: os.environ[name] for name in kept & set(os.environ)} | {"PYTHONPATH": str(ROOT)} | variables


def run(
    arguments: Sequence[str], env: Mapping[str, str], wrapper: Sequence[str] = (), **more: Any
) -> "subprocess.CompletedProcess[str]":
    """Run Python; skip the test if the wrapper needs root."""
    if wrapper:
        tried = subprocess.run([*wrapper, sys.executable, "-c", ""], capture_output=True, text=True, check=False)
        if tried.returncode:
            pytest.skip(f"{wrapper[0]} needs root: {tried.stderr.strip()}")
    command = [*wrapper, sys.executable, *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=280, check=False, **more)


def session(env: Mapping[str, str], wrapper: Sequence[str] = ()) -> tuple[dict[str, Any], str]:
    """Run `SESSION`; return its result and its standard error."""
    done = run(["-c", SESSION], env, wrapper)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr
