"""Kill Ray, a playbook or a start of the cluster at a random moment: the same command again ends well.

`KILLS` is the number of kills (10), `KILLS_SEED` the seed that chooses them; the names of the tests show them.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import pytest

from tests.cluster.lab import Lab, lab
from tests.cluster.test_drill import hosts_of, recap
from tests.dvc_pipeline.processes import is_alive
from tests.engine import Engine
from tests.patience import patience, wait_until
from tests.project import ROOT

pytestmark = [pytest.mark.containers, pytest.mark.slow]

KILLS = int(os.environ.get("KILLS", "10"))
SEED = int(os.environ.get("KILLS_SEED", "0"))
KINDS = ("Ray of the head", "setup.yml", "Ray of a worker", "ray up", "firelib cluster up")
NAMES = ("head", "one")
_MARK = "TESTS_KILL"  # variable in the environment of a killed command, by which its processes are found
_END_SECONDS = 120.0
_READY_SECONDS = 300.0
_RAY = "pgrep -f 'site-packages/[r]ay/|^ray[-:]|[r]ay[.]util[.]client|^/opt/firelib/venv/bin/python -Wignore' || true"
# What runs once on each host whose Ray is whole, and what else may run there.
_WORKER = ("raylet/raylet ", "/log_monitor.py ")
_HEAD = ("gcs/gcs_server ", "autoscaler/_private/monitor.py ", "dashboard/dashboard.py ", "ray.util.client.server ")
_ONCE = {"head": (*_WORKER, *_HEAD), "one": _WORKER}
_EXPECTED = (
    "site-packages/ray/",
    "ray::",
    "ray-dashboard",
    "ray.util.client",
    "multiprocessing.",
    "sshd",
    "docker-init",
    "ps -e",
)
# Part of what setup.yml makes, so that it has work of each kind: a package of Debian's, a Python package, a file.
_SPOIL = (
    "apt-get remove -qq --yes rsync >/dev/null; rm -rf /opt/firelib/venv/lib/*/site-packages/wandb*"
    " /etc/profile.d/firelib.sh"
)


@dataclass(frozen=True)
class Kill:
    """One kill.

    Attributes:
        kind: What is killed.
        number: The signal.
        group: Whether the command's process group gets the signal, as Ctrl-C or a lost terminal would do.
        moment: When: the share of the command's usual time, or of ten seconds of a job.
    """

    kind: str
    number: signal.Signals
    group: bool
    moment: float

    def __str__(self) -> str:
        scope = "group of " if self.group else ""
        return f"{self.number.name} to {scope}{self.kind} at {self.moment:.2f}"

    @property
    def is_of_ray(self) -> bool:
        return self.kind.startswith("Ray of")


def draw_kills() -> list[Kill]:
    """Kills of each kind in turn; both signals for each command in ten kills."""
    chance = random.Random(SEED)
    kills = []
    for index in range(KILLS):
        kind, group, moment = KINDS[index % len(KINDS)], chance.random() < 0.5, chance.uniform(0.05, 0.9)
        first = index // len(KINDS) % 2 == 0
        number = signal.SIGKILL if first or kind.startswith("Ray of") else signal.SIGTERM
        kills.append(Kill(kind, number, group and not kind.startswith("Ray of"), moment))
    return kills


@dataclass
class Cluster:
    """A running cluster of a head and a worker.

    Attributes:
        hosts: Its hosts.
        table: One line for each kill: what, when, and the seconds of recovery.
        is_whole_again: Whether the last kill has ended well.
    """

    hosts: Lab
    table: list[str] = field(default_factory=list)
    is_whole_again: bool = True

    def on(self, name: str, command: str) -> str:
        return self.hosts.engine.docker("exec", name, "sh", "-c", command)

    def command(self, kind: str) -> tuple[str, ...]:
        """The command that is killed, or that mends a lost Ray."""
        if kind == "setup.yml":
            return self.hosts.playing("setup.yml")
        if kind == "ray up":
            return "ray", "up", "--yes", str(self.hosts.cluster_file)
        return "firelib", "cluster", "up", "--cluster", str(self.hosts.cluster_file)

    def job(self, program: str, *arguments: str, wait: bool = True, check: bool = True) -> str:
        """Run a program of this folder as a job."""
        (self.hosts.shared / program).write_text((ROOT / "tests" / "cluster" / "jobs" / program).read_text())
        head = hosts_of(self.hosts)[0]
        submit = ("ray", "job", "submit", "--address", f"http://{head}:8265", *([] if wait else ["--no-wait"]))
        return self.hosts.run(*submit, "--", "python", f"/mnt/shared/{program}", *arguments, check=check)

    def is_whole(self) -> bool:
        """Whether a small job runs on every node."""
        said = self.job("every_node.py", str(patience(_READY_SECONDS)), *hosts_of(self.hosts), check=False)
        return "succeeded" in said

    def processes(self, name: str) -> list[str]:
        lines = self.hosts.engine.docker("exec", name, "ps", "-e", "-o", "stat,args").splitlines()[1:]
        return [line.partition(" ")[2].strip() for line in lines if not line.startswith("Z")]


@pytest.fixture(scope="module")
def running(engine: Engine) -> Iterator[Cluster]:
    """Set up and started; the steps' times are about those of undisturbed commands."""
    with lab(engine) as hosts:
        head, one = (hosts.add_host(name, last) for name, last in zip(NAMES, (10, 11), strict=True))
        hosts.write_cluster(head, [one])
        made = Cluster(hosts)
        with hosts.step("setup.yml on bare hosts"):
            hosts.play("setup.yml")
        with hosts.step("firelib cluster up"):
            hosts.run(*made.command("firelib cluster up"))
        assert made.is_whole()
        hosts.seconds["setup.yml"] = hosts.seconds["setup.yml on bare hosts"] / 2  # where little is to be done
        hosts.seconds["ray up"] = hosts.seconds["firelib cluster up"] / 2  # it does not wait for the nodes
        yield made
        print("\n".join(["kill | moment, s | recovery, s", *made.table]), flush=True)  # noqa: T201  # the result


@pytest.fixture
def cluster(running: Cluster) -> Cluster:
    """The cluster as it is after a start, also where the last kill has left it otherwise."""
    if not running.is_whole_again:
        for playbook in ("stop.yml", "setup.yml"):
            running.hosts.play(playbook)
        running.hosts.run(*running.command("firelib cluster up"))
    running.is_whole_again = False
    return running


def assert_changes_nothing(cluster: Cluster) -> None:
    lines = recap(cluster.hosts.play("setup.yml")).values()
    assert len(lines) == 1 + len(NAMES)
    assert [line for line in lines if "changed=0 " not in line or "failed=0" not in line] == []


def kill_ray(cluster: Cluster, kill: Kill) -> float:
    """Kill all of Ray's processes on a host while a job runs; return the seconds after the job's start."""
    cluster.job("busy.py", wait=False)
    delay = 10 * kill.moment
    time.sleep(delay)
    name = "head" if "head" in kill.kind else "one"
    pids = cluster.on(name, _RAY).split()
    assert pids, f"no Ray on {name}"
    cluster.on(name, f"kill -KILL {' '.join(pids)} || true")  # some end when the first ones do
    return delay


def prepare(cluster: Cluster, kind: str) -> None:
    """Give the command work to do. A bare `ray up` restarts what runs."""
    if kind == "setup.yml":
        for name in NAMES:
            cluster.on(name, _SPOIL)
    elif kind == "firelib cluster up":
        for name in NAMES:
            cluster.on(name, "/opt/firelib/venv/bin/ray stop --force")


def start(cluster: Cluster, kind: str, seconds: float) -> "subprocess.Popen[bytes]":
    """Start a command that has work to do; return after some seconds, or when it ends."""
    prepare(cluster, kind)
    process = cluster.hosts.start(*cluster.command(kind), **{_MARK: "killed"})
    with suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process


def kill_command(cluster: Cluster, kill: Kill) -> float:
    """Kill a command in the middle; return the seconds after its start. One that ends before is begun again."""
    delay = cluster.hosts.seconds[kill.kind] * kill.moment
    while (process := start(cluster, kill.kind, delay)).poll() is not None:
        delay /= 2
    (os.killpg if kill.group else os.kill)(process.pid, kill.number)
    process.wait(patience(_END_SECONDS))
    if kill.kind == "firelib cluster up":  # Ansible and Ray end their children when those have done what they do
        wait_until(lambda: not marked(), 10, "everything that firelib cluster up has started ends with it")
    return delay


def marked() -> list[psutil.Process]:
    """Processes of killed commands that still run on this machine."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(_MARK) and is_alive(process):
                found.append(process)
    return found


def faults(cluster: Cluster) -> list[str]:
    """Processes that should not run any more, or that run twice, and locks that are still held."""
    found = [f"here: {process}" for process in marked()]
    for name in NAMES:
        lines = cluster.processes(name)
        found += [f"{name}: {line}" for line in lines if not any(word in line for word in _EXPECTED)]
        counts = {word: sum(word in line for line in lines) for word in _ONCE[name]}
        found += [f"{name}: {count} processes of {word}" for word, count in counts.items() if count != 1]
    found += [f"setup.lock: {line}" for line in cluster.on("head", "cat /etc/firelib/setup.lock").splitlines()]
    return found


def recover(cluster: Cluster, kill: Kill) -> float:
    """Run the same command again, until a job runs on all nodes; return the seconds."""
    begun = time.monotonic()
    cluster.hosts.run(*cluster.command(kill.kind))
    if kill.kind == "ray up":  # it returns before its nodes are there, or its dashboard answers
        wait_until(cluster.is_whole, _READY_SECONDS, "a job runs on all nodes")
    else:
        assert cluster.is_whole()
    return time.monotonic() - begun


@pytest.mark.parametrize("kill", draw_kills(), ids=str)
def test_the_same_command_again_ends_well(cluster: Cluster, kill: Kill) -> None:
    moment = (kill_ray if kill.is_of_ray else kill_command)(cluster, kill)
    seconds = recover(cluster, kill)
    cluster.table.append(f"{kill} | {moment:.1f} | {seconds:.0f}")
    print(f"\n{cluster.table[-1]}", flush=True)  # noqa: T201  # what the test is for
    deadline = time.monotonic() + patience(_END_SECONDS)
    while (left := faults(cluster)) and time.monotonic() < deadline:
        time.sleep(2)
    assert left == []
    cluster.is_whole_again = True


def test_setup_changes_nothing_after_all_kills(running: Cluster) -> None:
    assert_changes_nothing(running)
