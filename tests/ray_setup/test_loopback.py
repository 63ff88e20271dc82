"""Every listener of an embedded Ray is on loopback; a driver in another process can join it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from firelib.ray_setup.loopback import on_loopback_if_it_listens_there
from tests.patience import patience
from tests.project import ROOT

JOIN = """
import os
from firelib.config import Environment
from firelib.ray_setup.session import ray_session
with ray_session(Environment()) as address:
    import ray
    print(ray.get(ray.remote(num_cpus=0)(lambda: os.getpid()).remote()))
"""


def listeners(process: psutil.Process) -> list[str]:
    return [c.laddr.ip for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]


@pytest.mark.usefixtures("ray_cluster")
def test_all_listeners_are_on_loopback_and_another_process_can_join() -> None:
    import ray

    address = ray.get_runtime_context().gcs_address
    env = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_ADDRESS": address, "RAY_AUTH_MODE": "token"}  # as `firelib run`
    command = [sys.executable, "-c", JOIN]
    joined = subprocess.run(command, env=env, capture_output=True, text=True, timeout=patience(90), check=False)
    assert joined.returncode == 0, joined.stderr
    assert int(joined.stdout) > 0
    me = psutil.Process()
    found = {process.name(): listeners(process) for process in [me, *me.children(recursive=True)]}
    assert found["gcs_server"]
    assert found["raylet"]
    addresses = {address for addresses in found.values() for address in addresses}
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}, json.dumps(found)


@pytest.mark.usefixtures("ray_cluster")
def test_sessions_are_private_and_workers_use_a_private_temporary_folder() -> None:
    import ray

    node = ray._private.worker._global_node
    temporary = ray.get(ray.remote(num_cpus=0)(lambda: __import__("tempfile").gettempdir()).remote())
    for folder in (Path(node.get_session_dir_path()).parent.parent, Path(temporary)):
        assert folder.stat().st_mode & 0o777 == 0o700
    assert os.environ.get("TMPDIR") != temporary


@pytest.mark.parametrize("address", ["10.0.0.1:6379", "head:6379"])
def test_other_addresses_are_resolved_by_ray(address: str) -> None:
    from ray._private import services

    before = services.resolve_ip_for_localhost
    with on_loopback_if_it_listens_there(address):
        assert services.resolve_ip_for_localhost is before
