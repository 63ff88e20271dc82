import os
import stat
from pathlib import Path

import pytest

from firelib.vms.preflight import (
    PROGRAMS,
    find_closed_forwarding,
    find_lacking_disk,
    find_lacking_folder_server,
    find_lacking_memory,
    find_lacking_resolvers,
    find_missing_programs,
    find_missing_rights,
    refuse,
)
from tests.errors import refused
from tests.vms.clusters import vm_cluster

GIB = 2**30


def test_missing_programs_have_one_command_that_installs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for program in PROGRAMS:
        (tmp_path / program).touch(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(find_missing_programs()) == []
    for program in ("qemu-img", "qemu-system-x86_64"):
        (tmp_path / program).unlink()
    with refused(["qemu-img", "qemu-system-x86_64"], remedy="apt-get install qemu-utils qemu-system-x86"):
        refuse(list(find_missing_programs()))


def test_other_users_than_root_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with refused(["root", 1000], remedy="sudo"):
        refuse(list(find_missing_rights()))


def test_memory_is_that_of_all_vms_that_do_not_run(tmp_path: Path) -> None:
    cluster = vm_cluster(tmp_path, memory_gib=6)
    assert list(find_lacking_memory(cluster, 2, 12 * GIB)) == []
    assert list(find_lacking_memory(cluster, 0, 0)) == []
    with refused([(2, 12, "11.9")], remedy="qemu.memory_gib"):
        refuse(list(find_lacking_memory(cluster, 2, int(11.9 * GIB))))


def test_disk_is_that_of_all_vms_that_do_not_exist(tmp_path: Path) -> None:
    cluster = vm_cluster(tmp_path, disk_gib=10)
    with refused([(2, 22, "21.0")], remedy="qemu.disk_gib"):
        refuse(list(find_lacking_disk(cluster, 21 * GIB)))
    cluster.vms[0].folder.mkdir(parents=True)
    assert list(find_lacking_disk(cluster, 12 * GIB)) == []


def test_a_shared_folder_needs_virtiofsd_and_short_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(find_lacking_folder_server(vm_cluster(tmp_path / ("long" * 30)))) == []
    monkeypatch.setattr("firelib.vms.preflight.find_program", lambda: None)
    with refused(["virtiofsd", (107, "10.20.0.10")], remedy=["virtiofsd", "vms_folder"]):
        refuse(list(find_lacking_folder_server(vm_cluster(tmp_path / ("long" * 30), shared_folder="/mnt/shared"))))


def test_forwarding_must_be_on(tmp_path: Path) -> None:
    setting = tmp_path / "ip_forward"
    setting.write_text("1\n")
    assert list(find_closed_forwarding(setting)) == []
    setting.write_text("0\n")
    with refused("net.ipv4.ip_forward", remedy="sysctl"):
        refuse(list(find_closed_forwarding(setting)))


def test_new_vms_need_a_name_server_beyond_loopback(tmp_path: Path) -> None:
    cluster, file = vm_cluster(tmp_path), tmp_path / "resolv.conf"
    file.write_text("nameserver 127.0.0.1\n")
    with refused(file, remedy="/etc/resolv.conf"):
        refuse(list(find_lacking_resolvers(cluster, [file])))
    for vm in cluster.vms:
        vm.folder.mkdir(parents=True)
    assert list(find_lacking_resolvers(cluster, [file])) == []


def test_all_problems_are_in_one_error(tmp_path: Path) -> None:
    cluster = vm_cluster(tmp_path, memory_gib=6, disk_gib=10)
    with refused(["memory", "disk"], where="this machine", remedy=["qemu.memory_gib", "qemu.disk_gib"]):
        refuse([*find_lacking_memory(cluster, 2, 0), *find_lacking_disk(cluster, 0)])
