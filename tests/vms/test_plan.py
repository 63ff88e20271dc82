from dataclasses import replace
from pathlib import Path

from firelib.ray_setup.cluster_file import parse_cluster_file, read_cluster_file
from firelib.vms.plan import bridge_name, plan_cluster
from tests.errors import refused
from tests.project import ROOT
from tests.vms.clusters import raw_cluster, vm_cluster

LONGEST_NAME = "a" * 40
LONGEST_DEVICE = 15  # IFNAMSIZ of Linux, less the final zero


def test_a_vm_for_each_address_with_the_head_first(tmp_path: Path) -> None:
    cluster = vm_cluster(tmp_path)
    assert [(str(vm.address), vm.name) for vm in cluster.vms] == [
        ("10.20.0.10", "lab-10-20-0-10"),
        ("10.20.0.11", "lab-10-20-0-11"),
    ]
    assert len({vm.mac for vm in cluster.vms}) == len({vm.tap for vm in cluster.vms}) == 2


def test_network_devices_fit_and_differ_between_clusters(tmp_path: Path) -> None:
    long, other = vm_cluster(tmp_path, LONGEST_NAME), vm_cluster(tmp_path, f"{LONGEST_NAME[1:]}b")
    names = [name for it in (long, other) for name in (bridge_name(it.name), *(vm.tap for vm in it.vms))]
    assert max(map(len, names)) <= LONGEST_DEVICE
    assert len(set(names)) == len(names)


def test_a_vm_keeps_its_names_when_another_leaves_the_file(tmp_path: Path) -> None:
    raw = raw_cluster()
    raw["provider"] |= {"head_ip": "10.20.0.11", "worker_ips": []}
    alone = plan_cluster(parse_cluster_file(raw, "cluster.yaml"), tmp_path)
    assert alone.vms == vm_cluster(tmp_path).vms[1:]


def test_a_file_without_vms_is_refused() -> None:
    with refused("provider.firelib.qemu", where="firelib", remedy="cluster/local-vms.yaml"):
        plan_cluster(read_cluster_file(ROOT / "cluster" / "cluster.yaml"))


def test_host_keys_are_pinned_beside_the_key(tmp_path: Path) -> None:
    cluster = vm_cluster(tmp_path)
    assert cluster.known_hosts == cluster.key.parent / "lab.known_hosts"
    assert replace(cluster, name="x").own_folder != cluster.own_folder
