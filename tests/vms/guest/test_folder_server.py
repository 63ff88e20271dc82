"""The real virtiofsd, which waits for a VM that never comes; tests/machines mounts its folder in a VM."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from firelib.vms.cluster_record import write_record
from firelib.vms.guest.folder_server import find_program, find_servers, serve_shared_folder
from firelib.vms.plan import USER_ID, VmCluster
from firelib.vms.preflight import add_system_paths
from firelib.vms.remove import plan_removal, remove_vms
from tests.patience import wait_until
from tests.vms.clusters import vm_cluster


@pytest.fixture
def cluster() -> Iterator[VmCluster]:
    add_system_paths()
    if not find_program() or os.geteuid() != 0:
        pytest.skip("needs root and virtiofsd")
    with TemporaryDirectory() as folder:  # tmp_path is too long for a socket
        made = vm_cluster(Path(folder), f"test-{os.getpid()}", shared_folder="/mnt/shared")
        made.own_folder.mkdir(parents=True)
        write_record(made)
        for vm in made.vms:
            vm.folder.mkdir(parents=True)
        yield made
        list(remove_vms(made, delete_data=True))


def _served(cluster: VmCluster) -> list[str]:
    return [address for address, _ in find_servers(cluster)]


def test_the_folder_is_served_on_a_socket_and_ends_if_the_vm_does_not_start(cluster: VmCluster) -> None:
    vm = cluster.vms[0]
    with suppress(InterruptedError), serve_shared_folder(cluster, vm):
        wait_until(lambda: _served(cluster) == [str(vm.address)], 30, "the program has its name")
        assert stat.S_ISSOCK(vm.shared_socket.stat().st_mode)
        raise InterruptedError
    assert find_servers(cluster) == []
    assert not vm.shared_socket.exists()


def test_a_server_is_replaced_and_removed_with_its_vm(cluster: VmCluster) -> None:
    first, second = cluster.vms
    for vm in (first, second, first):
        with serve_shared_folder(cluster, vm):
            pass
    wait_until(lambda: set(_served(cluster)) == {str(vm.address) for vm in cluster.vms}, 30, "the programs have names")
    served = find_servers(cluster)
    assert {f"process {process.pid} shares a folder with VM {address}" for address, process in served} <= set(
        plan_removal(cluster)
    )
    list(remove_vms(cluster))
    assert find_servers(cluster) == []


def test_the_users_data_is_removed_only_on_request(cluster: VmCluster) -> None:
    with serve_shared_folder(cluster, cluster.vms[0]):
        pass
    assert cluster.shared_source.stat().st_uid == USER_ID
    (cluster.shared_source / "data").touch()
    assert list(remove_vms(cluster))[-1].startswith(f"kept folder {cluster.shared_source}")
    assert list(remove_vms(cluster)) == []
    assert list(remove_vms(cluster, delete_data=True)) == [f"folder {cluster.shared_source}"]
    assert not cluster.shared_source.exists()


def test_an_interrupted_creation_of_the_folder_is_completed(
    cluster: VmCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between mkdir and chown: jobs could not write to a folder of root."""

    def interrupted(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as patch, suppress(InterruptedError):
        patch.setattr(os, "chown", interrupted)
        with serve_shared_folder(cluster, cluster.vms[0]):
            pass
    vm = cluster.vms[0]
    with serve_shared_folder(cluster, vm):
        assert cluster.shared_source.stat().st_uid == USER_ID
        wait_until(lambda: _served(cluster) == [str(vm.address)], 30, "the program has its name")


def test_without_a_shared_folder_nothing_is_served(tmp_path: Path) -> None:
    cluster = vm_cluster(tmp_path)
    with serve_shared_folder(cluster, cluster.vms[0]):
        assert find_servers(cluster) == []
    assert not cluster.shared_source.exists()
