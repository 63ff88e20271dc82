"""A Ray node as a child process: start, retries, end. A small program stands in for `ray start`."""

import stat
import sys
from pathlib import Path
from typing import ClassVar

import psutil
import pytest

from firelib.launch.runtime import ray_node as module
from firelib.launch.runtime.ray_node import head_address, own_address, private_token, ray_node, resource_arguments
from tests.errors import refused

#: Fails until it was started as often as its argument says. Then it ends with its child, as `ray start --block` does.
RAY = """
import subprocess, sys
from pathlib import Path
starts, wanted = Path("starts"), int(sys.argv[1])
count = int(starts.read_text()) + 1 if starts.exists() else 1
starts.write_text(str(count))
if count < wanted:
    sys.exit("agents took too long")
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("Ray runtime started", flush=True)
sys.exit(child.wait())
"""


@pytest.fixture(autouse=True)
def ray(tmp_path, monkeypatch):
    (tmp_path / "ray.py").write_text(RAY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "_RAY_START", (sys.executable, str(tmp_path / "ray.py")))
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0.0)


def starts():
    return int(Path("starts").read_text())


def test_a_node_ends_with_all_its_processes():
    with ray_node("token", ["1"]) as node:
        tree = [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]
        assert len(tree) == 2
    assert not any(process.is_running() for process in tree)


def test_a_node_that_does_not_start_is_started_again(capsys):
    with ray_node("token", ["3"], attempts=3) as node:
        assert node.poll() is None
    assert starts() == 3
    assert "attempt 3 of 3" in capsys.readouterr().err


@pytest.mark.parametrize("attempts", [1, 2])
def test_the_last_failure_is_the_error(attempts):
    with refused(what="agents took too long", remedy="version of Ray"), ray_node("token", ["9"], attempts):
        pytest.fail("the node is not up")
    assert starts() == attempts


def test_the_token_is_private_and_temporary():
    with private_token("planted") as file:
        assert file.read_text() == "planted"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not file.exists()


def test_cores_and_gpus_are_those_of_the_job():
    environ = {"FIRELIB_NUM_CPUS": "2", "FIRELIB_EXPECTED_GPUS": "8"}
    assert resource_arguments(environ) == ["--num-cpus=2", "--num-gpus=8"]
    assert resource_arguments({}) == []


class Probe:
    """A socket whose address depends on where it would send to."""

    sources: ClassVar[dict[str, str]] = {}

    def __init__(self, *_):
        self.target = ""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def connect(self, address):
        self.target = address[0]
        if self.target not in self.sources:
            raise OSError("no route")

    def getsockname(self):
        return self.sources[self.target], 1234


@pytest.mark.parametrize(
    ("host", "sources", "expected"),
    [
        ("job-0", {"job-0": "10.0.0.5"}, "10.0.0.5"),
        ("job-0", {"job-0": "127.0.0.1", "192.0.2.1": "10.0.0.5"}, "10.0.0.5"),  # Debian's /etc/hosts
        ("127.0.0.1", {"127.0.0.1": "127.0.0.1"}, "127.0.0.1"),  # all replicas are on this machine
        ("localhost", {"localhost": "127.0.0.1"}, "127.0.0.1"),
    ],
)
def test_the_head_announces_an_address_that_others_can_reach(monkeypatch, host, sources, expected):
    monkeypatch.setattr(Probe, "sources", sources)
    monkeypatch.setattr(module.socket, "socket", Probe)
    assert head_address(host) == expected


@pytest.mark.parametrize("elsewhere", [{}, {"192.0.2.1": "127.0.0.1"}])
def test_loopback_is_not_announced(monkeypatch, elsewhere):
    monkeypatch.setattr(Probe, "sources", {"job-0": "127.0.0.1", **elsewhere})
    monkeypatch.setattr(module.socket, "socket", Probe)
    with refused(what="loopback (127.0.0.1)", where="job-0", remedy="network"):
        head_address("job-0")


def test_an_unknown_host_selects_the_address_of_this_host():
    assert own_address("no-such-host.invalid").count(".") == 3
