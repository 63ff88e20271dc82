"""The roles on a real Debian with systemd: one VM, from nothing to nothing left.

Emulated, this takes an hour: the VM's boot alone takes two minutes on two busy cores.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from firelib.vms.guest.processes import end_processes
from firelib.vms.plan import bridge_name
from firelib.vms.preflight import PROGRAMS, add_system_paths
from tests import engine, engine_base
from tests.cluster.scenarios import verify_roles
from tests.machines.prepared_image import prepare_image
from tests.machines.vm_lab import HEAD, VmLab, changed, limit, remove_abandoned
from tests.patience import wait_until

pytestmark = pytest.mark.machines

STRANGER = "10.123.79.99"
GCS_PORT = 6379
SETTINGS = {"firewall": True, "object_store_gib": 1, "ray_under_systemd": True, "autostop_minutes": 600}
_RAY_SECONDS = 900.0
# With AVX2, which QEMU 7.2 emulates wrongly, the process ends by SIGSEGV.
SORT = "import numpy; numpy.argsort(numpy.random.default_rng(0).normal(size=1000).astype(numpy.float32))"
HOLD_APT_LOCK = (
    "systemd-run --collect --unit hold-apt /usr/bin/python3 -c 'import fcntl, time;"
    ' lock = open("/var/lib/dpkg/lock-frontend", "w"); fcntl.lockf(lock, fcntl.LOCK_EX); time.sleep(90)\''
)


@pytest.fixture
def forwarding() -> Iterator[None]:
    """Let this machine forward packets, which VMs need, and set back what it was."""
    if os.geteuid() != 0:
        pytest.skip("VMs need root")
    setting = Path("/proc/sys/net/ipv4/ip_forward")
    before = setting.read_text()
    setting.write_text("1")
    yield
    setting.write_text(before)


@pytest.fixture
def lab(tmp_path_factory: pytest.TempPathFactory, forwarding: None) -> Iterator[VmLab]:
    add_system_paths()
    engine.install(PROGRAMS)
    images = engine_base.cache() / "vms"
    remove_abandoned(images)
    made = VmLab(tmp_path_factory.mktemp("vm"), images)
    (made.home / ".ssh").mkdir(parents=True)
    made.write_cluster()
    with made.step("base image with the environment"):
        prepare_image(images / "images", made.folder)
    try:
        yield made
    finally:
        made.vms("down", check=False)


def test_from_nothing_to_nothing_left(lab: VmLab) -> None:
    lab.write_cluster(**SETTINGS)
    with lab.step("setup.yml from nothing, and a reboot in the middle"):
        reboot_in_the_middle(lab)
    with lab.step("setup.yml, run again"):
        lab.play("setup.yml")
    with lab.step("time, users, limits, token"):
        check_host(lab)
    with lab.step("firewall"):
        check_firewall(lab)
    with lab.step("Ray under systemd"):
        wait_for_ray(lab)
    with lab.step("NumPy sorts with the CPU's instructions"):
        lab.on(f"/opt/firelib/venv/bin/python -c '{SORT}'")
    with lab.step("setup.yml once more: changed=0"):
        assert changed(lab.play("setup.yml")) == {HEAD: 0, "localhost": 0}
    with lab.step("verify.yml of all roles"):
        verify_roles(lab)
    with lab.step("setup.yml --check: changed=0"):
        assert changed(lab.play("setup.yml", "--check")) == {HEAD: 0, "localhost": 0}
    with lab.step("power cut: Ray and firewall come back"):
        cut_power(lab)
    with lab.step("another apt runs for a minute"):
        wait_for_apt(lab)
    with lab.step("autostop powers off, with the reason in the journal"):
        power_off_when_idle(lab)
    with lab.step("teardown.yml --check"):
        guest, listed = lab.guest(), lab.play("teardown.yml", "--check")
        assert guest
        assert f"process {guest.pid} of VM {HEAD}" in listed
        assert f"disk {lab.cluster.vms[0].disk}" in listed
    with lab.step("teardown.yml"):
        lab.play("teardown.yml", "-e", f"confirm={lab.cluster.name}")
        assert lab.vms("list").splitlines() == [f"{HEAD} {lab.cluster.vms[0].name} absent"]


def reboot_in_the_middle(lab: VmLab) -> None:
    """Reboot the VM while its packages are installed, as an administrator would not."""
    log = lab.folder / "interrupted"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            lab.play_command("setup.yml"), env=lab.environment, stdout=output, stderr=output, start_new_session=True
        ) as playing,
    ):
        wait_until(lambda: b"TASK [limits" in log.read_bytes() or playing.poll() is not None, 3600, "role limits")
        assert playing.poll() is None, log.read_text()[-4000:]
        before = lab.boot_id()
        lab.on("systemctl reboot", check=False)
        playing.wait(limit(1200))
    lab.wait_for_boot(before)
    assert playing.returncode != 0


def check_host(lab: VmLab) -> None:
    assert "active" in lab.on("systemctl is-active systemd-timesyncd")
    assert lab.on("su - fire -c 'ulimit -n'").split()[-1] == "65536"
    assert lab.on("df --output=size --block-size=1M /dev/shm").split()[-1] == "1024"
    assert lab.on("swapon --show --noheadings").strip() == ""
    assert lab.on("stat --format %a:%U /home/fire/.ray/auth_token").strip() == "600:fire"
    assert lab.on("systemctl list-units --failed --plain --no-legend").strip() == ""


def check_firewall(lab: VmLab) -> None:
    """Ports from 1024 up answer to this machine, which ran setup.yml, and to no other; SSH answers to all."""
    wait_until(lambda: connects(GCS_PORT), _RAY_SECONDS, "Ray listens")
    assert "chain input" in lab.on("nft list table inet firelib")
    with stranger(lab) as prefix:
        assert "open" in probe(prefix, 22)
        assert "refused" in probe(prefix, GCS_PORT)


@contextmanager
def stranger(lab: VmLab) -> Iterator[tuple[str, ...]]:
    """Another machine on the VMs' network: a network namespace; yields the command that enters it."""
    name, device = f"stranger-{os.getpid()}", f"st{os.getpid()}"
    enter = ("ip", "netns", "exec", name)
    commands = [
        f"ip netns add {name}",
        f"ip link add {device} type veth peer name {device}p",
        f"ip link set {device}p netns {name}",
        f"ip link set {device} master {bridge_name(lab.cluster.name)} up",
        f"ip -n {name} address add {STRANGER}/24 dev {device}p",
        f"ip -n {name} link set {device}p up",
    ]
    try:
        for command in commands:
            subprocess.run(command.split(), check=True)
        yield enter
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False)  # and both ends of the pair with it


def probe(prefix: tuple[str, ...], port: int) -> str:
    """`open`, or the error of a connection to a port of the VM."""
    code = f"import socket; socket.create_connection(('{HEAD}', {port}), 20); print('open')"
    done = subprocess.run([*prefix, sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def connects(port: int) -> bool:
    with suppress(OSError), socket.create_connection((HEAD, port), timeout=5):
        return True
    return False


def wait_for_ray(lab: VmLab) -> None:
    """Ray of the unit runs a task, as verify.yml of the project checks it."""
    wait_until(lambda: connects(GCS_PORT), _RAY_SECONDS, "Ray listens")
    assert changed(lab.play("setup.yml", "--tags", "verify"))[HEAD] == 0


def cut_power(lab: VmLab) -> None:
    """End the VM's process, start it again with the same command, and wait until Ray and firewall are back."""
    lab.on("sync")
    guest = lab.guest()
    assert guest
    end_processes([guest])
    assert "started VM" in lab.vms("up")
    wait_for_ray(lab)
    check_firewall(lab)


def wait_for_apt(lab: VmLab) -> None:
    """The playbook waits for a lock such as that of unattended-upgrades."""
    lab.on("apt-get remove --quiet --yes rsync")
    lab.on(HOLD_APT_LOCK)
    assert changed(lab.play("setup.yml", "--tags", "packages"))[HEAD] == 1
    lab.on("test -x /usr/bin/rsync")


def power_off_when_idle(lab: VmLab) -> None:
    """Two idle minutes end the VM's process; its journal says why, and the same command starts it again."""
    lab.write_cluster(**SETTINGS | {"autostop_minutes": 2})
    lab.play("setup.yml", "--tags", "autostop")
    wait_until(lambda: lab.guest() is None, 1800, "the VM powers off")
    lab.vms("up")
    journal = lab.on("journalctl --boot -1 --unit firelib-autostop --output cat")
    assert "powering off: idle for 2 minutes" in journal
