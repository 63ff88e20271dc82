import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from firelib.vms import network
from firelib.vms.network import (
    create_network,
    find_overlaps,
    list_links,
    list_rules,
    mark_of,
    own_links,
    plan_links,
    plan_network_changes,
    plan_rules,
    remove_network,
)
from firelib.vms.plan import VmCluster, bridge_name
from firelib.vms.preflight import add_system_paths
from firelib.vms.run_program import run_program
from tests.errors import refused
from tests.vms.clusters import vm_cluster


@pytest.fixture
def cluster(tmp_path: Path) -> VmCluster:
    return vm_cluster(tmp_path, f"test-{os.getpid()}")


def routes(*entries: dict[str, Any]) -> Any:
    return lambda *command, **options: json.dumps(entries)


def test_plan_is_a_marked_bridge_and_a_marked_tap_for_each_vm(cluster: VmCluster) -> None:
    links = plan_links(cluster)
    assert list(links) == [bridge_name(cluster.name), *(vm.tap for vm in cluster.vms)]
    for name, commands in links.items():
        assert ("link", "set", name, "alias", mark_of(cluster.name)) in commands
    assert ("address", "replace", "10.20.0.1/24", "dev", bridge_name(cluster.name)) in links[bridge_name(cluster.name)]


def test_every_rule_is_marked(cluster: VmCluster) -> None:
    assert all(mark_of(cluster.name) in rule for _, _, rule in plan_rules(cluster))


@pytest.mark.parametrize(
    ("route", "found"),
    [
        ({"dst": "default", "dev": "eth0"}, False),
        ({"dst": "0.0.0.0/1", "dev": "tun0"}, False),
        ({"dst": "10.0.0.0/8", "dev": "tun0"}, True),
        ({"dst": "192.168.0.0/24", "dev": "eth0"}, False),
        ({"dst": "10.20.0.0/16", "dev": "eth0"}, True),
        ({"dst": "10.20.0.7", "dev": "tun0"}, True),
        ({"dst": "10.20.0.0/24", "type": "blackhole"}, True),
    ],
)
def test_a_route_into_the_subnet_is_found(
    cluster: VmCluster, monkeypatch: pytest.MonkeyPatch, route: dict[str, Any], found: bool
) -> None:
    monkeypatch.setattr(network, "run_program", routes(route))
    problems = list(find_overlaps(cluster))
    assert len(problems) == found
    assert all(route["dst"] in problem and "qemu.subnet" in problem for problem in problems)


def test_the_clusters_own_route_is_no_problem(cluster: VmCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "run_program", routes({"dst": "10.20.0.0/24", "dev": bridge_name(cluster.name)}))
    assert list(find_overlaps(cluster)) == []


@pytest.fixture
def kernel(cluster: VmCluster) -> Iterator[None]:
    """The real kernel of this machine, in a network namespace of its own."""
    add_system_paths()
    missing = [program for program in ("ip", "iptables") if not shutil.which(program)]
    if missing or os.geteuid() != 0:
        pytest.skip("network devices need root, ip and iptables")
    name = f"firelib-{cluster.name}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        yield
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def inside(cluster: VmCluster) -> Any:
    """`run_program` in the test's namespace."""
    prefix = ("ip", "netns", "exec", f"firelib-{cluster.name}")
    return lambda *command, **options: run_program(*prefix, *command, **options)


@pytest.mark.usefixtures("kernel")
def test_network_is_created_once_completed_and_removed(cluster: VmCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "run_program", inside(cluster))
    inside(cluster)("ip", "link", "add", "theirs", "type", "bridge")
    inside(cluster)("ip", "link", "add", bridge_name(cluster.name), "type", "bridge")  # and then it was killed
    create_network(cluster)
    once = (own_links(cluster.name), list_rules(cluster.name))
    create_network(cluster)
    assert (own_links(cluster.name), list_rules(cluster.name)) == once
    assert {link.name for link in once[0]} == set(plan_links(cluster))
    assert {table: len(lines) for table, lines in once[1].items()} == {"nat": 1, "filter": 2}
    remove_network(cluster.name)
    assert own_links(cluster.name) == []
    assert list_rules(cluster.name) == {"nat": [], "filter": []}
    assert "theirs" in {link.name for link in list_links()}


@pytest.mark.usefixtures("kernel")
def test_rules_of_an_earlier_version_are_replaced(cluster: VmCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """It let all packets through to the VMs, and the subnet was another one."""
    monkeypatch.setattr(network, "run_program", inside(cluster))
    create_network(cluster)
    wanted, bridge = list_rules(cluster.name), bridge_name(cluster.name)
    mark = ("-m", "comment", "--comment", mark_of(cluster.name))
    inside(cluster)("iptables", "-I", "FORWARD", "-o", bridge, *mark, "-j", "ACCEPT")
    inside(cluster)("iptables", "-I", "FORWARD", "-o", bridge, "-j", "ACCEPT")  # somebody else's
    subnet = ("-s", "10.99.0.0/24", "!", "-o", bridge)
    inside(cluster)("iptables", "-t", "nat", "-I", "POSTROUTING", *subnet, *mark, "-j", "MASQUERADE")
    assert [command[4] for command in plan_network_changes(cluster)] == ["-D", "-D"]
    create_network(cluster)
    assert list_rules(cluster.name) == wanted
    assert f"-A FORWARD -o {bridge} -j ACCEPT" in inside(cluster)("iptables", "-S").splitlines()
    assert plan_network_changes(cluster) == []


@pytest.mark.usefixtures("kernel")
def test_a_device_of_others_is_neither_used_nor_removed(cluster: VmCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "run_program", inside(cluster))
    bridge = bridge_name(cluster.name)
    inside(cluster)("ip", "link", "add", bridge, "type", "bridge")
    inside(cluster)("ip", "link", "set", bridge, "alias", "theirs")
    with refused([(bridge, "theirs")], remedy=f"ip link delete {bridge}"):
        create_network(cluster)
    remove_network(cluster.name)
    assert bridge in {link.name for link in list_links()}
