import shutil
from pathlib import Path

import pytest

from firelib.vms.image.seed import Keys, SeedFile, read_resolvers, seed_files, write_seed
from firelib.vms.preflight import add_system_paths
from firelib.vms.run_program import run_program
from tests.vms.clusters import vm_cluster

KEYS = Keys("ssh-ed25519 USER CORP\\ann 100%\n", "HOST PRIVATE\n", "ssh-ed25519 HOST\n")


@pytest.fixture
def files(tmp_path: Path) -> dict[str, SeedFile]:
    cluster = vm_cluster(tmp_path)
    return seed_files(cluster, cluster.vms[1], KEYS, "nameserver 192.0.2.53\n")


def test_a_vm_gets_its_name_address_user_and_keys(files: dict[str, SeedFile]) -> None:
    assert files["etc/hostname"].content == "lab-10-20-0-11\n"
    assert "Address=10.20.0.11/24\nGateway=10.20.0.1\n" in files["etc/systemd/network/10-firelib.network"].content
    assert "u fire 1000 - /home/fire /bin/bash" in files["etc/sysusers.d/firelib.conf"].content
    assert files["etc/tmpfiles.d/firelib.conf"].content.splitlines()[-1].endswith(" - ssh-ed25519 USER")
    assert files["etc/resolv.conf"].content == "nameserver 192.0.2.53\n"


def test_name_servers_on_loopback_are_left_out(tmp_path: Path) -> None:
    stub, real, missing = tmp_path / "stub", tmp_path / "real", tmp_path / "missing"
    stub.write_text("nameserver 127.0.0.53\nnameserver ::1\nsearch example.org\n")
    real.write_text("nameserver 127.0.0.1\nsearch example.org\nnameserver 192.0.2.53\n")
    assert read_resolvers([missing, stub, real]) == "search example.org\nnameserver 192.0.2.53\n"
    assert read_resolvers([missing, stub]) == ""


def test_a_vm_mounts_the_shared_folder_if_there_is_one(files: dict[str, SeedFile], tmp_path: Path) -> None:
    assert files["etc/firelib.fstab"].content == ""
    cluster = vm_cluster(tmp_path, shared_folder="/mnt/shared")
    mounts = seed_files(cluster, cluster.vms[1], KEYS, "")["etc/firelib.fstab"].content
    assert mounts.split()[:3] == ["shared", "/mnt/shared", "virtiofs"]


def test_private_files_have_private_modes(files: dict[str, SeedFile]) -> None:
    private = {path for path, file in files.items() if not file.mode & 0o007}
    assert private == {"etc/ssh/ssh_host_ed25519_key", "etc/sudoers.d/firelib"}
    assert "PRIVATE" not in f"{KEYS} {files}"  # as in a log or traceback


def test_the_disk_contains_the_files(files: dict[str, SeedFile], tmp_path: Path) -> None:
    add_system_paths()
    if not shutil.which("debugfs"):
        pytest.skip("needs e2fsprogs")
    disk = tmp_path / "seed.img"
    write_seed(files, disk)
    key = "files/etc/ssh/ssh_host_ed25519_key"
    content, status = (run_program("debugfs", "-R", f"{request} {key}", disk) for request in ("cat", "stat"))
    assert content == KEYS.host
    assert "Mode:  0600" in status
    assert disk.stat().st_mode & 0o777 == 0o600
