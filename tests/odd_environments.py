"""Real processes that run firelib in odd environments."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.project import ROOT

STRANGER = 54321
#: A uid without a passwd entry; it may read what only root may (the tests' Python), but writes nothing of root's.
AS_STRANGER = (
    *("setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
)
#: Its own small /dev/shm.
WITH_SMALL_SHM = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=64m tmpfs /dev/shm && exec "$@"', "sh")

# Enter `ray_session`, run a task, and print what happened.
SESSION = """
import json, os, psutil, sys, time
from pathlib import Path
from firelib.config import Environment
from firelib.errors import FirelibError
from firelib.ray_setup.session import ray_session

began, said = time.monotonic(), {}
try:
    with ray_session(Environment(num_cpus=1)):
        import ray
        folder = Path(ray._private.worker._global_node.get_session_dir_path())
        said["session"] = str(folder)
        said["mode"] = (folder.parent.parent).stat().st_mode & 0o777
        said["answer"] = ray.get(ray.remote(lambda rows: rows.sum()).remote(__import__("numpy").ones(1 << 20)))
except FirelibError as error:
    said.update(what=error.what, where=error.where, remedy=error.remedy)
said["seconds"] = time.monotonic() - began
alive = [p for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE]
said["left"] = [p.name() for p in psutil.wait_procs(alive, timeout=10)[1]]
print(json.dumps(said))
"""


def clean(**variables: str) -> dict[str, str]:
    """An environment that names no user, with the variables."""
    kept = {"PATH", "TESTS_SESSION", "TF_CPP_MIN_LOG_LEVEL"}
    return {name: os.environ[name] for name in kept & set(os.environ)} | {"PYTHONPATH": str(ROOT)} | variables


def run(
    arguments: Sequence[str], env: Mapping[str, str], wrapper: Sequence[str] = (), **more: Any
) -> "subprocess.CompletedProcess[str]":
    """Run Python; skip where the wrapper cannot run it."""
    if wrapper:
        tried = subprocess.run([*wrapper, sys.executable, "-c", ""], capture_output=True, text=True, check=False)
        if tried.returncode:
            pytest.skip(f"{wrapper[0]} needs root: {tried.stderr.strip()}")
    command = [*wrapper, sys.executable, *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=280, check=False, **more)


def session(env: Mapping[str, str], wrapper: Sequence[str] = ()) -> tuple[dict[str, Any], str]:
    """What `SESSION` prints, and its standard error."""
    done = run(["-c", SESSION], env, wrapper)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stderr
