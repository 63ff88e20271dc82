import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from firelib.vms.plan import VmCluster
from firelib.vms.ssh_keys import create_host_key, create_user_key, list_own_files, pin_host_keys, public_key
from tests.errors import refused
from tests.vms.clusters import vm_cluster

pytestmark = pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen")


@pytest.fixture
def cluster(tmp_path: Path) -> VmCluster:
    return vm_cluster(tmp_path)


def own_files(cluster: VmCluster) -> list[Path]:
    return list_own_files(cluster.key, cluster.known_hosts, cluster.name)


def test_a_missing_key_is_created_once_and_ours(cluster: VmCluster) -> None:
    create_user_key(cluster)
    first = cluster.key.read_text()
    create_user_key(cluster)
    assert cluster.key.read_text() == first
    assert cluster.key.stat().st_mode & 0o777 == 0o600
    assert own_files(cluster) == [cluster.key, public_key(cluster.key)]


def test_new_folders_belong_to_the_user_in_whose_home_they_are(cluster: VmCluster, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 1234, 1234)
    new = replace(cluster, key=home / ".ssh" / "clusters" / "id")
    create_user_key(new)
    made = [new.key, public_key(new.key), new.key.parent, new.key.parent.parent]
    assert {path.stat().st_uid for path in made} == {1234}
    assert new.key.parent.parent.stat().st_mode & 0o777 == 0o700


def test_a_key_that_exists_is_not_ours(cluster: VmCluster) -> None:
    cluster.key.parent.mkdir(parents=True)
    create_host_key(cluster.key, "someone@somewhere")
    public_key(cluster.key).unlink()
    create_user_key(cluster)
    assert public_key(cluster.key).read_text().endswith("someone@somewhere\n")
    assert own_files(cluster) == []


def test_host_keys_are_pinned_by_address(cluster: VmCluster) -> None:
    create_user_key(cluster)
    for vm in cluster.vms:
        vm.folder.mkdir(parents=True)
        create_host_key(vm.host_key, vm.name)
    pin_host_keys(cluster)
    lines = cluster.known_hosts.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["#", "10.20.0.10", "10.20.0.11"]
    assert public_key(cluster.vms[0].host_key).read_text().strip() in lines[1]
    assert cluster.known_hosts in own_files(cluster)
    pin_host_keys(cluster)
    assert cluster.known_hosts.read_text().splitlines() == lines


def test_a_file_of_others_is_not_replaced_by_pinned_keys(cluster: VmCluster) -> None:
    cluster.known_hosts.parent.mkdir(parents=True)
    cluster.known_hosts.write_text("10.20.0.10 ssh-ed25519 theirs\n")
    with refused(what="firelib:lab", where=cluster.known_hosts, remedy="cluster_name"):
        pin_host_keys(cluster)
    assert cluster.known_hosts.read_text() == "10.20.0.10 ssh-ed25519 theirs\n"
    assert cluster.known_hosts not in own_files(cluster)


def test_a_public_key_of_others_is_not_replaced(cluster: VmCluster) -> None:
    """Its private key may be on a token, or in an agent; one of firelib's own is made again."""
    cluster.key.parent.mkdir(parents=True)
    public_key(cluster.key).write_text("ssh-ed25519 AAAA ann@token\n")
    with refused(what=[public_key(cluster.key), cluster.key], where="lab", remedy="private key"):
        create_user_key(cluster)
    assert public_key(cluster.key).read_text() == "ssh-ed25519 AAAA ann@token\n"
    public_key(cluster.key).write_text("ssh-ed25519 AAAA firelib:lab\n")
    create_user_key(cluster)
    assert own_files(cluster) == [cluster.key, public_key(cluster.key)]
