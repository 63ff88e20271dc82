import os
import shutil
from pathlib import Path

import pytest

from firelib.vms.cluster_record import write_record
from firelib.vms.create import create_vms, plan_creation
from firelib.vms.listing import list_vms
from firelib.vms.preflight import PROGRAMS, add_system_paths
from firelib.vms.remove import plan_removal, remove_vms
from firelib.vms.ssh_keys import create_user_key
from tests.errors import refused
from tests.vms.clusters import vm_cluster


@pytest.fixture(autouse=True)
def ready() -> None:
    add_system_paths()
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root and {', '.join(missing)}")


def test_plan_names_all_that_is_missing_and_changes_nothing(tmp_path: Path) -> None:
    cluster = vm_cluster(tmp_path, f"test-{os.getpid()}", accelerator="tcg")
    planned = list(plan_creation(cluster))
    assert planned[0].startswith("build base image")
    assert [line for line in planned if line.startswith("create VM")] == [
        f"create VM {vm.address} ({vm.name})" for vm in cluster.vms
    ]
    assert sum(line.startswith("qemu-system-x86_64") for line in planned) == len(cluster.vms)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_after_a_removal_and_of_nothing(tmp_path: Path) -> None:
    cluster = vm_cluster(tmp_path, f"test-{os.getpid()}")
    assert list(remove_vms(cluster)) == []
    assert plan_removal(cluster) == []
    assert list(list_vms(cluster)) == [f"{vm.address} {vm.name} absent" for vm in cluster.vms]


def test_plan_of_a_removal_lists_disks_of_all_vms_and_removes_nothing(tmp_path: Path) -> None:
    """Also the disk of a VM that the file does not name any more, or that does not run."""
    cluster = vm_cluster(tmp_path, f"test-{os.getpid()}")
    disks = [cluster.vms[0].disk, cluster.own_folder / "vms" / "10.20.0.99" / "disk.qcow2"]
    for disk in disks:
        disk.parent.mkdir(parents=True)
        disk.touch()
    write_record(cluster)
    wanted = [*(f"disk {disk}" for disk in disks), f"folder {cluster.own_folder}"]
    assert plan_removal(cluster) == wanted
    assert all(disk.exists() for disk in disks)
    assert list(remove_vms(cluster)) == wanted
    assert plan_removal(cluster) == []


def test_a_folder_of_others_is_not_removed(tmp_path: Path) -> None:
    cluster = vm_cluster(tmp_path, f"test-{os.getpid()}")
    cluster.own_folder.mkdir(parents=True)
    (cluster.own_folder / "theirs").touch()
    with refused(where=cluster.own_folder):
        list(remove_vms(cluster))
    assert (cluster.own_folder / "theirs").exists()


def test_a_key_stays_while_another_cluster_uses_it(tmp_path: Path) -> None:
    """As when cluster/local-vms.yaml was copied, with another name only."""
    first, second = (vm_cluster(tmp_path, f"{name}-{os.getpid()}", key=tmp_path / "id") for name in "ab")
    for cluster in (first, second):
        cluster.own_folder.mkdir(parents=True)
        write_record(cluster)
    create_user_key(first)
    list(remove_vms(first))
    assert first.key.exists()
    list(remove_vms(second))
    assert first.key.exists()
    first.own_folder.mkdir()
    write_record(first)
    assert f"file {first.key}" in list(remove_vms(first))
    assert not first.key.exists()


def test_another_key_than_that_of_the_vms_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could log in to them, and the first key would be left behind."""
    monkeypatch.setattr("firelib.vms.create.refuse_unready", lambda *_: None)  # this machine may lack memory
    first, second = (vm_cluster(tmp_path, f"test-{os.getpid()}", key=tmp_path / name) for name in ("first", "second"))
    first.vms[0].folder.mkdir(parents=True)
    write_record(first)
    with refused(what=[first.key, second.key], where=first.name, remedy=first.key):
        list(create_vms(second, 1))
    assert not second.key.exists()
