"""The state of a cluster: from real answers of this machine, and in numbers of a test."""

import time

import pytest

from firelib.cluster.head_api import Job
from firelib.cluster.host_state import HostState, parse_host_state, read_host_states
from firelib.cluster.status import ClusterStatus, machine_price, read_status
from firelib.cluster.status_tables import host_row, show_status, summary
from tests.cluster.stand_ins import FIRST, HEAD, SECOND, Dashboard, FakeSsh, cluster

GCP = {"project": "p", "region": "europe-west4", "zone": "europe-west4-a", "machine_type": "n1-standard-8"}
RENTED = {"type": "local", "head_ip": HEAD, "worker_ips": [FIRST], "firelib": {"gcp": GCP}}


def test_hosts_are_asked_side_by_side_and_one_that_is_off_is_a_row(ssh: FakeSsh) -> None:
    ssh.refuse(first="connect to host 10.10.0.11 port 22: No route to host")
    head, first, second = read_host_states(cluster())
    assert "No route to host" in first.problem
    for host in (head, second):
        assert host.problem == ""
        assert host.now == pytest.approx(time.time(), abs=60)
        assert host.started is not None
        assert host.started < host.now


def test_an_idle_host_tells_when_it_stops() -> None:
    idle = parse_host_state(HEAD, "now 10000\nup 9000.0\nidle 8800\nautostop 30\ngpus 2\n")
    assert (idle.started, idle.idle_since, idle.stops_at, idle.gpus) == (1000, 8800, 8800 + 1800, 2)
    busy = parse_host_state(HEAD, "now 10000\nup 9000.0\nidle 9970\nautostop 30\ngpus 2\n")
    assert (busy.idle_since, busy.stops_at) == (None, None)
    plain = parse_host_state(HEAD, "now 10000\nup 9000.0\nidle \nautostop \ngpus 0\n")
    assert (plain.idle_since, plain.autostop_minutes) == (None, None)
    assert parse_host_state(HEAD, "welcome\n").problem


def test_a_complete_cluster(ssh: FakeSsh, head: Dashboard, capsys: pytest.CaptureFixture[str]) -> None:
    head.alive = [HEAD, FIRST, SECOND]
    ssh.run_nodes(HEAD, FIRST, SECOND)
    head.jobs = [{"submission_id": "run-1", "status": "SUCCEEDED", "start_time": 1000, "end_time": 61_000}]
    found = read_status(cluster())
    assert found.is_complete
    assert found.idle_since == 61.0
    show_status("firelib", found)
    shown = capsys.readouterr().out
    for value in (HEAD, FIRST, SECOND, "run-1", "succeeded", "1 min 0 s"):
        assert value in shown


def test_a_cluster_without_ray_and_without_a_host(ssh: FakeSsh, head: Dashboard) -> None:
    head.is_up = False
    ssh.refuse(second="No route to host")
    found = read_status(cluster())
    assert not found.is_complete
    assert "503" in found.problem
    assert host_row(found.hosts[2], None)[4] == "No route to host"
    assert any("503" in line for line in summary(found))


def test_a_node_whose_loss_ray_has_not_noticed_is_none(
    ssh: FakeSsh, head: Dashboard, capsys: pytest.CaptureFixture[str]
) -> None:
    head.alive = [HEAD, FIRST, SECOND]
    ssh.run_nodes(HEAD, SECOND)
    found = read_status(cluster())
    assert not found.is_complete
    assert set(found.alive) == {HEAD, SECOND}
    show_status("firelib", found)
    assert [line.split()[1] for line in capsys.readouterr().out.splitlines() if "no node" in line] == [FIRST]


def test_cost_counts_the_hours_of_each_machine() -> None:
    rate = machine_price(cluster(provider=RENTED))
    assert rate is not None
    hosts = [HostState(HEAD, now=7200, started=0), HostState(FIRST, now=7200, started=3600), HostState(SECOND, "off")]
    status = ClusterStatus(hosts, price=rate)
    assert status.cost == pytest.approx(rate.hourly / 3 * 3)
    assert machine_price(cluster()) is None
    custom = {**RENTED, "firelib": {"gcp": GCP | {"machine_type": "n1-custom-8-30720"}}}
    assert machine_price(cluster(provider=custom)) is None
    assert ClusterStatus(hosts).cost is None


def test_a_cluster_with_an_active_job_is_not_idle() -> None:
    done, active = Job("a", "SUCCEEDED", 1.0, 2.0), Job("b", "PENDING")
    assert ClusterStatus([], jobs=[done]).idle_since == 2.0
    assert ClusterStatus([], jobs=[done, active]).idle_since is None
    assert ClusterStatus([]).idle_since is None
