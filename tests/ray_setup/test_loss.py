"""What remains after the loss of a process of an embedded Ray: one error."""

import os
import subprocess
import sys

import pytest

from tests.patience import patience
from tests.project import ROOT

pytestmark = pytest.mark.integration

LOSE = """
import sys, threading
from firelib.config import Environment
from firelib.ray_setup.session import ray_session
with ray_session(Environment(num_cpus=1), exit_on_loss=True):
    import ray
    from ray._private import worker
    actor = ray.remote(num_cpus=0)(threading.Event).remote()
    ray.get(actor.is_set.remote())
    dict((name, infos[0].process) for name, infos in worker._global_node.all_processes.items())[sys.argv[1]].kill()
    ray.get(actor.wait.remote())
"""


def run(code: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=patience(120),
        check=False,
    )


@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_loss_is_one_error_without_a_dump(name: str) -> None:
    done = run(LOSE, name)
    lines = done.stderr.splitlines()
    assert done.returncode == 1, done.stderr
    assert [line for line in lines if "error:" in line] == [lines[0]], done.stderr
    assert len(lines) == 3, done.stderr
    assert "signal 9" in lines[0]


SHUT_DOWN = """
import time
from firelib.config import Environment
from firelib.ray_setup.session import ray_session
with ray_session(Environment(num_cpus=1), exit_on_loss=True):
    import ray
    ray.shutdown()
    time.sleep(2)
print("reached the end")
"""


def test_shutdown_by_the_caller_is_no_loss() -> None:
    done = run(SHUT_DOWN)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "reached the end\n"
    assert "error:" not in done.stderr


REPORT = """
import time
from firelib.config import Environment
from firelib.ray_setup.session import ray_session
with ray_session(Environment(num_cpus=1)):
    from ray._private import worker
    worker._global_node.all_processes["raylet"][0].process.kill()
    time.sleep(3)
print("reached the end")
"""


def test_loss_does_not_end_the_process_of_a_library_user() -> None:
    done = run(REPORT)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "reached the end\n"
    assert "error: Ray was lost: the raylet" in done.stderr
