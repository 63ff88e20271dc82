"""A Slurm of this machine for tests: munged, slurmctld and three slurmd of its own, removed afterwards.

Nothing of the machine's own Slurm is used: the configuration, the key, the sockets and the spool folders are in one
temporary folder, and `SLURM_CONF` leads every client there.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from firelib.launch.runtime.ray_node import own_address
from tests.engine import CommandFailedError, install, run
from tests.patience import patience, wait_until

#: Programs of the lab, and their Debian packages.
PROGRAMS = {
    "munged": "munge",
    "sbatch": "slurm-client",
    "slurmctld": "slurmctld",
    "slurmd": "slurmd",
}
NODES = ("node1", "node2", "node3")
_CPUS, _MIB = 4, 8192  # of each node; nothing holds the tests to what the machine has
_CONFIG = """\
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdParameters=config_overrides
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/cgroup
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
DefMemPerCPU=1024
KillWait=60
SlurmdTimeout=90
MinJobAge=300
ReturnToService=2
SchedulerParameters=bf_interval=1,sched_interval=1,batch_sched_delay=1
GresTypes=gpu
{nodes}
PartitionName=low Nodes=ALL Default=YES MaxTime=1:00:00 PriorityTier=1 PreemptMode=REQUEUE State=UP
PartitionName=high Nodes=ALL MaxTime=1:00:00 PriorityTier=10 PreemptMode=OFF State=UP
"""
_CGROUP_CONFIG = "CgroupPlugin=autodetect\nCgroupAutomount=no\n"
_NODE = """\
NodeName={name} NodeHostname={host} NodeAddr={address} Port={port} CPUs={cpus} RealMemory={mib} Gres=gpu:1 State=UNKNOWN
"""


@dataclass
class SlurmLab:
    """A running Slurm.

    Attributes:
        folder: Folder of its files.
        daemons: Node or `slurmctld` → process.
    """

    folder: Path
    daemons: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def slurm(self, *command: str) -> str:
        """Run a Slurm client and return its output."""
        return run(*command)

    def preempt(self, job: str) -> None:
        """Start a job of higher priority on all nodes, and let the preempted one start again."""
        run("sbatch", "--partition=high", "--nodes=3", "--exclusive", "--output=/dev/null", "--wrap", "sleep 1")
        self.start_again(job)

    def start_again(self, job: str) -> None:
        """Wait until a job is in the queue again, and start it at once: Slurm lets it wait for two minutes."""
        wait_until(lambda: self.state(job) == "PENDING", 120, f"job {job} waits in the queue again")
        time.sleep(2)  # a node refuses a job whose last run it has revoked in the same second
        wait_until(lambda: self._pull_forward(job), 120, f"job {job} starts again")

    def _pull_forward(self, job: str) -> bool:
        """Let a job start now, and return whether it has: Slurm may set the time of its start after we have."""
        if self.state(job) != "PENDING":
            return True
        with suppress(CommandFailedError):  # it has started meanwhile
            run("scontrol", "update", f"JobId={job}", "StartTime=now")
        return False

    def state(self, job: str) -> str:
        """A job's state in Slurm's words."""
        return run("squeue", "--noheader", "--states=all", f"--jobs={job}", "--format=%T").strip()

    def describe_jobs(self) -> str:
        """What Slurm tells others about all jobs: their fields and their scripts."""
        jobs = run("squeue", "--noheader", "--states=all", "--format=%i").split()
        texts = [run("scontrol", "write", "batch_script", job, "-") for job in jobs]
        return "\n".join([run("scontrol", "show", "job", "--details"), *texts])

    @contextmanager
    def node_down(self, job: str) -> Iterator[None]:
        """Let the node of a job be down for the duration of the block."""
        name = run("squeue", "--noheader", f"--jobs={job}", "--format=%N").strip()
        self._stop_node(name)
        try:
            yield
        finally:
            self._start_node(name)

    def _stop_node(self, name: str) -> None:
        """Kill a node's daemon and all that it has started, as a power cut does.

        All are frozen first: a daemon that saw its job killed would still report how the job ended, and Slurm would
        wait for minutes until the node has cleaned up.
        """
        processes = {psutil.Process(self.daemons[name].pid), *self._list_started(name)}
        for act in (psutil.Process.suspend, psutil.Process.kill):
            for process in processes:
                with suppress(psutil.NoSuchProcess):
                    act(process)
        self.daemons[name].wait()
        run("scontrol", "update", f"NodeName={name}", "State=DOWN", "Reason=test")

    def _list_started(self, name: str) -> Iterator[psutil.Process]:
        """What a node runs: its steps, whose daemons write into the node's log, and their processes."""
        log = str(self.folder / f"slurmd.{name}.log")
        for process in psutil.process_iter(["environ", "open_files"]):
            is_daemon = any(file.path == log for file in process.info["open_files"] or ())
            if is_daemon or (process.info["environ"] or {}).get("SLURMD_NODENAME") == name:
                yield process

    def _start_node(self, name: str) -> None:
        """Start a node's daemon, and wait until it takes jobs."""
        self.daemons[name] = _start(self.folder, name, "slurmd", "-D", "-N", name)
        run("scontrol", "update", f"NodeName={name}", "State=RESUME")
        wait_until(lambda: _state(name) in ("idle", "mix", "alloc"), 300, f"{name} is up: {self.logs()}")

    def logs(self) -> str:
        """The last lines of all logs."""
        return "\n".join(
            f"== {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in self.folder.glob("*.log")
        )


@contextmanager
def slurm_lab() -> Iterator[SlurmLab]:
    """Run a Slurm with three nodes for the duration of the block; `SLURM_CONF` leads its clients there."""
    install(PROGRAMS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True)))
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        _write_configuration(folder)
        lab = SlurmLab(folder)
        stack.callback(_stop, lab)
        lab.daemons["munged"] = _start_munge(folder)
        wait_until((folder / "munge.socket").exists, 30, f"munged listens: {lab.logs()}")
        lab.daemons["slurmctld"] = _start(folder, "slurmctld", "slurmctld", "-D")
        for name in NODES:
            lab.daemons[name] = _start(folder, name, "slurmd", "-D", "-N", name)
        wait_until(lambda: all(_state(name) == "idle" for name in NODES), 60, f"all nodes are idle: {lab.logs()}")
        yield lab


def _write_configuration(folder: Path) -> None:
    host = socket.gethostname()
    controller, *ports = _free_ports(1 + len(NODES))
    own = {"host": host, "address": own_address("192.0.2.254"), "cpus": _CPUS, "mib": _MIB}
    nodes = "".join(_NODE.format(name=name, port=port, **own) for name, port in zip(NODES, ports, strict=True))
    text = _CONFIG.format(host=host, folder=folder, controller=controller, nodes=nodes)
    (folder / "slurm.conf").write_text(text)
    (folder / "cgroup.conf").write_text(_CGROUP_CONFIG)
    (folder / "gres.conf").write_text("Name=gpu File=/dev/null\n")
    for name in ("state", *(f"spool.{node}" for node in NODES)):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(64))


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _start_munge(folder: Path) -> "subprocess.Popen[bytes]":
    names = {"key-file": "munge.key", "socket": "munge.socket", "pid-file": "munge.pid", "seed-file": "munge.seed"}
    options = [f"--{option}={folder / name}" for option, name in names.items()]
    return _start(folder, "munged", "munged", "--foreground", "--force", *options)


def _start(folder: Path, name: str, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
    path = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    assert path, program
    with (folder / f"{name}.out.log").open("ab") as log:
        return subprocess.Popen([path, *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL)


def _state(name: str) -> str:
    done = subprocess.run(
        ["sinfo", "--noheader", "--nodes", name, "--format", "%t", "--partition", "low"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip()


def _stop(lab: SlurmLab) -> None:
    """Cancel all jobs, then end the daemons, the controller last but one."""
    subprocess.run(["scancel", "--user=root"], capture_output=True, check=False)
    for name in [*NODES, "slurmctld", "munged"]:
        daemon = lab.daemons.get(name)
        if daemon is None or daemon.poll() is not None:
            continue
        steps = psutil.Process(daemon.pid).children(recursive=True)
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(patience(20))
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
        for step in steps:
            if step.is_running():
                step.kill()
