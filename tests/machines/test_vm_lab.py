"""The lab of VMs: what a killed test has left is removed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from firelib.vms.cluster_record import write_record
from firelib.vms.preflight import PROGRAMS, add_system_paths
from tests.machines.vm_lab import remove_abandoned
from tests.vms.clusters import vm_cluster


def test_vms_of_a_killed_test_are_removed_and_those_of_a_running_one_are_not(tmp_path: Path) -> None:
    add_system_paths()
    if os.geteuid() != 0 or not all(map(shutil.which, PROGRAMS)):
        pytest.skip(f"needs root and {', '.join(PROGRAMS)}")
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    left, kept, other = (vm_cluster(tmp_path, name) for name in (f"test-{ended.pid}", f"test-{os.getpid()}", "lab"))
    for cluster in (left, kept, other):
        cluster.vms[0].folder.mkdir(parents=True)
        write_record(cluster)
    assert remove_abandoned(tmp_path) == [f"folder {left.own_folder}"]
    assert not left.own_folder.exists()
    assert kept.own_folder.exists()
    assert other.own_folder.exists()
