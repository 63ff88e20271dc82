import os
import platform
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from firelib import process_identity
from firelib.storage import Owner
from firelib.storage.owner import _owner
from tests.patience import wait_until


def test_this_process_is_alive():
    owner = Owner.current()
    assert owner.is_alive
    assert not owner.has_ended
    assert "." not in owner.token


def test_a_process_has_ended():
    code = "from firelib.storage import Owner; print(Owner.current().token)"
    token = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    owner = Owner.parse(token)
    assert owner.has_ended
    assert not owner.is_alive


def test_another_process_with_the_same_id_is_not_the_owner():
    owner = replace(Owner.current(), started=Owner.current().started - 60)
    assert owner.has_ended


def test_a_zombie_has_ended():
    code = "from firelib.storage import Owner; print(Owner.current().token, flush=True)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        owner = Owner.parse(child.stdout.readline().strip())
        wait_until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE, 20, "the child ends")
        assert owner.has_ended
        assert not owner.is_alive


def test_boot_and_namespace_are_part_of_the_owner():
    """Two containers, or a machine before and after a restart, can have the same host name and process ids."""
    here = Owner.current()
    boot, _, namespace = here.host.partition("_")
    assert boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    assert namespace == str(Path("/proc/self/ns/pid").stat().st_ino)
    for host in (f"{'0' * 32}_{namespace}", f"{boot}_1"):
        other = replace(here, host=host)
        assert not other.is_alive
        assert not other.has_ended


@pytest.mark.parametrize(
    ("file_system", "abandoned"), [("ext4", True), ("overlay", True), ("nfs4", False), ("fuse", False)]
)
def test_what_is_older_than_this_boot_on_an_own_disk_is_left_over(monkeypatch, tmp_path, file_system, abandoned):
    mounts = [
        SimpleNamespace(mountpoint="/", fstype="tmpfs"),
        SimpleNamespace(mountpoint=str(tmp_path), fstype=file_system),
    ]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_: mounts)
    here = Owner.current()
    before = replace(here, host=f"{'0' * 32}_{here.host.partition('_')[2]}")
    work = tmp_path / "work"
    work.mkdir()
    assert not before.has_abandoned(work)  # a host that mounts this disk over the network may be writing it
    monkeypatch.setattr(psutil, "boot_time", lambda: work.stat().st_ctime + 1)
    assert before.has_abandoned(work) is abandoned
    assert not before.has_abandoned(tmp_path / "missing")
    assert not replace(here, host=f"{here.host.partition('_')[0]}_1").has_abandoned(work)  # another container
    assert not replace(here, host="elsewhere").has_abandoned(work)
    assert not here.has_abandoned(work)


def test_names_of_earlier_versions_are_understood():
    """They hold the name of the host, and the start in seconds since the epoch."""
    host = re.sub(r"\W", "_", platform.node())
    alive = Owner(host, os.getpid(), int(psutil.Process().create_time()))
    assert Owner.parse(alive.token) == alive
    assert alive.is_alive
    assert replace(alive, started=alive.started - 60).has_ended
    other = replace(alive, host=f"{host}x")
    assert not other.is_alive
    assert not other.has_ended


def test_without_proc_the_host_name_identifies_the_owner(monkeypatch, tmp_path):
    monkeypatch.setattr(process_identity, "_PROC", tmp_path)
    _owner.cache_clear()
    try:
        owner = Owner.current()
        assert owner.host == re.sub(r"\W", "_", platform.node())
        assert owner.is_alive
        assert replace(owner, started=owner.started - 60).has_ended
    finally:
        _owner.cache_clear()


def test_nothing_is_known_of_other_hosts():
    owner = replace(Owner.current(), host="elsewhere")
    assert not owner.is_alive
    assert not owner.has_ended


@pytest.mark.parametrize(
    "text", ["", "host", "host-1", "host-1-x", "a.b-1-2", "host-1-2-3.tmp", "host-1-" + "9" * 5000]
)
def test_other_texts_are_not_owners(text):
    assert Owner.parse(text) is None
