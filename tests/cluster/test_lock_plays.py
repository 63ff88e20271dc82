"""The lock around playbooks, with the real Ansible on hosts that are this machine (stand-ins of ssh and sudo)."""

import subprocess
import sys

import pytest

from firelib.storage import Owner
from tests.cluster.ansible_failures import failures
from tests.cluster.stand_ins import FIRST, HEAD, SECOND
from tests.cluster.user_machine import Machine
from tests.patience import wait_until
from tests.project import ROOT

pytestmark = pytest.mark.containers  # Ansible is there with `make test-cluster` only


def test_the_lock_of_the_head_is_renewed_and_released_for_one_worker_and_one_role(machine: Machine) -> None:
    """With a wait of three times the seconds after which it would count as abandoned."""
    said = machine.play(machine.locked_plays("sleep 6"), "--limit", f"{FIRST},localhost", "--tags", "firewall")
    assert failures(said) == []
    held = machine.holder(machine.held)
    assert held["renewed"] - held["since"] > 3
    assert machine.lock.read_text() == ""
    words = {word.rpartition("@")[2] for call in machine.ssh.calls for word in call}
    assert words & {HEAD, FIRST, SECOND} == {HEAD}


def test_a_lock_of_somebody_else_stops_a_limited_playbook(machine: Machine) -> None:
    machine.hold(seconds_ago=1)
    playbook = machine.locked_plays()
    [said] = failures(machine.play(playbook, "--limit", f"{FIRST},localhost", "-e", "setup_lock_seconds=3600"))
    assert "ben@desk has been changing this cluster since" in said
    assert f"To take over now, run sudo rm {machine.lock} on {HEAD}" in said
    assert not machine.held.exists()
    assert machine.holder(machine.lock)["owner"] == "ben@desk"
    machine.hold(seconds_ago=3)  # an abandoned one
    assert failures(machine.play(playbook)) == []


def test_a_lock_of_a_playbook_that_was_killed_with_its_keeper_is_taken_over(machine: Machine) -> None:
    """As by a power cut: this machine knows that the process has ended."""
    code = "from firelib.storage import Owner; print(Owner.current().token)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    machine.hold(seconds_ago=1, token=ended.strip())
    assert failures(machine.play(machine.locked_plays(), "-e", "setup_lock_seconds=3600")) == []
    machine.hold(seconds_ago=1, token=Owner.current().token)
    assert failures(machine.play(machine.locked_plays(), "-e", "setup_lock_seconds=3600")) != []


def test_a_killed_playbook_keeps_the_lock_until_its_task_has_ended(machine: Machine) -> None:
    """Ansible's worker completes the task; the same playbook again waits for it."""
    begun, end = machine.folder / "begun", machine.folder / "end"
    playbook = machine.start(machine.locked_plays(f"touch {begun}; until test -e {end}; do sleep 0.1; done"))
    wait_until(begun.exists, 60, "the task runs")
    wait_until(lambda: "keeper" in machine.holder(machine.lock), 60, "the lock is renewed")
    playbook.kill()
    playbook.wait()
    again = machine.start(ROOT / "ansible" / "stop.yml", "-e", "setup_lock_seconds=600")
    said = iter(again.stdout or ())
    assert any("its tasks still run on the hosts" in line for line in said)
    assert "keeper" in machine.holder(machine.lock)
    assert not (machine.folder / "stopped").exists()
    end.touch()
    assert failures("".join(said)) == []
    assert again.wait() == 0
    assert sorted((machine.folder / "stopped").read_text().split()) == [HEAD, FIRST, SECOND]
    wait_until(lambda: machine.lock.read_text() == "", 60, "the lock is released")


def test_a_dry_run_takes_no_lock(machine: Machine) -> None:
    assert failures(machine.play(ROOT / "ansible" / "stop.yml", "--check")) == []
    assert not machine.lock.exists()


def test_ray_of_another_cluster_is_not_stopped(machine: Machine) -> None:
    """As when an address in the cluster file is wrong."""
    machine.ssh.mark(SECOND, "other")
    machine.ssh.mark(FIRST, "firelib")
    [said] = failures(machine.play(ROOT / "ansible" / "stop.yml"))
    assert f"{SECOND} belongs to cluster other, not to firelib" in said
    assert sorted((machine.folder / "stopped").read_text().split()) == [HEAD, FIRST]


def test_stop_takes_the_lock_where_the_head_answers(machine: Machine) -> None:
    stop, stopped = ROOT / "ansible" / "stop.yml", machine.folder / "stopped"
    machine.hold(seconds_ago=1)
    [said] = failures(machine.play(stop, "-e", "setup_lock_seconds=3600"))
    assert "ben@desk" in said
    assert not stopped.exists()
    machine.lock.unlink()
    assert failures(machine.play(stop)) == []
    assert sorted(stopped.read_text().split()) == [HEAD, FIRST, SECOND]
    wait_until(lambda: machine.lock.read_text() == "", 60, "the lock is released")
    stopped.unlink()
    machine.ssh.refuse(head="No route to host")
    assert f"{HEAD} does not answer" in machine.play(stop)
    assert sorted(stopped.read_text().split()) == [FIRST, SECOND]
