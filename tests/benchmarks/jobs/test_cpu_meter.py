"""CPU time by kind of process; no test depends on speed."""

import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import UnixStreamServer

import psutil
import pytest

from benchmarks.jobs.cpu_meter import CpuMeter, CpuSeconds, add_up, find_containers, list_containers
from tests.patience import patience, wait_until

# Uses CPU time, says so, and waits until its standard input is closed.
BUSY = """
import sys, time
while time.process_time() < 0.3:
    pass
print("used", flush=True)
sys.stdin.read()
"""


def test_time_before_the_job_and_of_others_counts_apart() -> None:
    before = {(1, 0.0): 10.0, (3, 0.0): 1.0}
    latest = {(1, 0.0): (14.0, False), (2, 5.0): (3.0, True), (3, 9.0): (2.0, True)}  # 3 is a later process
    assert add_up(before, latest) == CpuSeconds(workers=5.0, others=4.0)


def wait_for_end(pid: int) -> None:
    process = psutil.Process(pid)
    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE, 30, "the process has ended")


def test_processes_below_this_one_are_counted_and_workers_are_known_by_their_title() -> None:
    with CpuMeter() as meter:
        for title in ("ray::RayTrainWorker", "anything"):
            command = [sys.executable, "-c", BUSY, title]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
                assert process.stdout
                assert process.stdout.readline() == "used\n"
                meter._sample()
                assert process.stdin
                process.stdin.close()
                wait_for_end(process.pid)
                meter._sample()  # it has no title any more, but stays what it was
    used = meter.read()
    assert used.workers >= 0.25  # the kernel counts in ticks of 10 ms
    assert used.others >= 0.25


def test_a_process_that_was_busy_before_is_counted_from_now_on() -> None:
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "used\n"
        time.sleep(0.05)
        with CpuMeter() as meter:
            pass
        assert process.stdin
        process.stdin.close()
        process.wait(patience(30))
    assert meter.read().others < 0.2


def test_a_container_is_known_by_its_control_group() -> None:
    one, other = "0a" * 32, "b1" * 32
    groups = f"4:memory:/docker/{one}\n2:cpu:/system.slice/docker-{other}.scope\n"
    assert find_containers(groups) == {one, other}
    assert find_containers("4:memory:/user.slice/session-1.scope\n0::/\n") == set()


class EngineApi(BaseHTTPRequestHandler):
    """Docker's list of running containers, as its API documents it."""

    containers: tuple[str, ...] = ()

    def do_GET(self) -> None:
        body = json.dumps([{"Id": each, "Image": "any"} for each in self.containers]).encode()
        self.send_response(200 if self.path == "/containers/json" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def in_container() -> Iterator[tuple[int, str]]:
    """A process in a control group that is named as a container's, and that name."""
    name, parent = secrets.token_hex(32), Path("/sys/fs/cgroup/cpu")
    group = (parent if parent.is_dir() else parent.parent) / name
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control groups: {error}")
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        (group / "cgroup.procs").write_text(str(process.pid))
        yield process.pid, name
        process.kill()
    group.rmdir()


def test_only_containers_of_the_engine_count(in_container: tuple[int, str], tmp_path: Path) -> None:
    process, name = in_container
    assert name in find_containers(Path(f"/proc/{process}/cgroup").read_text())
    assert not CpuMeter()._is_in_container(process)
    with UnixStreamServer(str(tmp_path / "engine.sock"), EngineApi) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"unix://{tmp_path / 'engine.sock'}"
        try:
            EngineApi.containers = ("c2" * 32,)
            assert list_containers(address) == {"c2" * 32}
            assert not CpuMeter(address)._is_in_container(process)
            EngineApi.containers = ("c2" * 32, name)
            assert CpuMeter(address)._is_in_container(process)
        finally:
            server.shutdown()
            thread.join()


def test_engine_that_does_not_answer_has_no_containers(tmp_path: Path) -> None:
    with CpuMeter(f"unix://{tmp_path / 'engine.sock'}") as meter:
        pass
    assert meter.read().workers == 0
