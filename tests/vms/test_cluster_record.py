import subprocess
import sys
from pathlib import Path

import pytest

from firelib.vms.cluster_record import (
    ClusterRecord,
    find_keys_of_others,
    lock_cluster,
    read_record,
    write_record,
)
from firelib.vms.plan import VmCluster
from tests.errors import refused
from tests.vms.clusters import vm_cluster

LOCK = """
import sys; from pathlib import Path; from firelib.vms.cluster_record import lock_cluster
with lock_cluster(Path(sys.argv[1]), "lab"):
    print("locked", flush=True); sys.stdin.read()
"""


@pytest.fixture
def cluster(tmp_path: Path) -> VmCluster:
    made = vm_cluster(tmp_path)
    made.own_folder.mkdir(parents=True)
    return made


def test_record_names_what_lies_outside_of_the_folder(cluster: VmCluster) -> None:
    assert read_record(cluster.own_folder, "lab") is None
    write_record(cluster)
    assert read_record(cluster.own_folder, "lab") == ClusterRecord(cluster.key, cluster.known_hosts)


def test_keys_of_other_clusters_are_known(cluster: VmCluster, tmp_path: Path) -> None:
    other = vm_cluster(tmp_path, "other", key=cluster.key)
    (other.own_folder.parent / "broken").mkdir(parents=True)
    write_record(cluster)
    assert find_keys_of_others(cluster.own_folder) == set()
    assert find_keys_of_others(other.own_folder) == {cluster.key}


def test_a_folder_of_others_is_refused(cluster: VmCluster) -> None:
    (cluster.own_folder / "theirs").touch()
    with refused(where=cluster.own_folder, remedy="cluster_name"):
        read_record(cluster.own_folder, "lab")


def test_the_folder_of_another_cluster_is_refused(cluster: VmCluster) -> None:
    write_record(cluster)
    with refused("firelib:other", where=cluster.own_folder):
        read_record(cluster.own_folder, "other")


def test_an_interrupted_record_is_none(cluster: VmCluster) -> None:
    (cluster.own_folder / ".firelib-vms.json.0a1b.tmp").write_text("{")
    assert read_record(cluster.own_folder, "lab") is None


def test_a_second_command_is_refused_until_the_first_is_killed(cluster: VmCluster) -> None:
    command = [sys.executable, "-c", LOCK, str(cluster.own_folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout
        first.stdout.readline()
        with refused("lab", where=cluster.own_folder, remedy="wait"), lock_cluster(cluster.own_folder, "lab"):
            pass
        first.kill()
        first.wait()
    with lock_cluster(cluster.own_folder, "lab"):
        pass
