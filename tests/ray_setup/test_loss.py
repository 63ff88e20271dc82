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
with ray_session(Environment(num_cpus=1)):
    import ray
    from ray._private import worker
    actor = ray.remote(num_cpus=0)(threading.Event).remote()
    ray.get(actor.is_set.remote())
    dict((name, infos[0].process) for name, infos in worker._global_node.all_processes.items())[sys.argv[1]].kill()
    ray.get(actor.wait.remote())
"""


@pytest.mark.parametrize("name", ["raylet", "gcs_server"])
def test_loss_is_one_error_without_a_dump(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOSE, name],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=patience(120),
        check=False,
    )
    lines = done.stderr.splitlines()
    assert done.returncode == 1, done.stderr
    assert [line for line in lines if "error:" in line] == [lines[0]], done.stderr
    assert len(lines) == 3, done.stderr
    assert "signal 9" in lines[0]
