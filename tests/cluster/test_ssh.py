"""The command lines of ssh, and what its failures mean."""

import shlex
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from firelib.cluster.pinned_ssh import pinned_environment
from firelib.cluster.ssh import (
    HostUnreachableError,
    ask_hosts,
    check_hosts,
    find_host,
    known_hosts_file,
    list_hosts,
    run_on_host,
    ssh_command,
)
from tests.cluster.stand_ins import FIRST, HEAD, SECOND, FakeSsh, cluster
from tests.errors import refused
from tests.full_disk import small_disk

CHANGED = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nHost key verification failed."


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_host_keys_are_pinned_in_a_file_of_the_cluster(home: Path) -> None:
    file = cluster(cluster_name="lab")
    pinned = home / ".ssh" / "known_hosts.d" / "firelib-lab"
    assert known_hosts_file(file) == pinned
    assert ssh_command(file, FIRST) == [
        *("ssh", "-o", "StrictHostKeyChecking=accept-new", "-o", f'UserKnownHostsFile="{pinned}"'),
        *("-i", str(home / ".ssh" / "id_ed25519"), "-o", "IdentitiesOnly=yes", "-o", "ConnectTimeout=10"),
        f"firelib@{FIRST}",
    ]
    assert pinned.parent.is_dir()  # ssh would not create it, and pin nothing


def test_workers_are_reached_through_the_heads_public_address(home: Path) -> None:
    file = cluster(provider={"external_head_ip": "203.0.113.7"})
    assert ssh_command(file, HEAD)[-1] == "firelib@203.0.113.7"
    [proxy] = [word for word in ssh_command(file, FIRST) if word.startswith("ProxyCommand=")]
    jump = shlex.split(proxy.removeprefix("ProxyCommand="))
    assert jump[-3:] == ["-W", "%h:%p", "firelib@203.0.113.7"]
    assert "StrictHostKeyChecking=accept-new" in jump
    assert "BatchMode=yes" not in jump
    own = cluster(auth={"ssh_proxy_command": "nc %h %p"})
    assert "ProxyCommand=nc %h %p" in ssh_command(own, HEAD)


def test_the_way_to_a_worker_asks_no_questions_either(home: Path) -> None:
    """The passphrase of a key, on a terminal, until the time limit."""
    file = cluster(provider={"external_head_ip": "203.0.113.7"})
    [proxy] = [word for word in ssh_command(file, FIRST, "-o", "BatchMode=yes") if word.startswith("ProxyCommand=")]
    assert "BatchMode=yes" in shlex.split(proxy)


@pytest.mark.parametrize(("name", "address"), [("head", HEAD), ("0", HEAD), ("2", SECOND), (FIRST, FIRST)])
def test_hosts_have_short_names(name: str, address: str) -> None:
    assert find_host(cluster(), name) == address


def test_an_unknown_host_is_refused_with_a_near_one() -> None:
    with refused(what="10.10.0.13", where="firelib", remedy=SECOND):
        find_host(cluster(), "10.10.0.13")


def test_all_hosts_that_refuse_are_named_at_once(ssh: FakeSsh) -> None:
    ssh.refuse(head="firelib@10.10.0.10: Permission denied (publickey).", second="connect to host: timed out")
    with refused(
        what=[(HEAD, "Permission denied"), (SECOND, "timed out")],
        remedy=["auth.ssh_private_key", "start the host"],
        kind=HostUnreachableError,
    ) as caught:
        check_hosts(cluster(), list_hosts(cluster()))
    assert FIRST not in caught.value.what


def test_a_changed_host_key_is_refused_with_the_command_that_forgets_the_old_one(ssh: FakeSsh) -> None:
    ssh.refuse(first=CHANGED)
    pinned = known_hosts_file(cluster())
    with refused(what=pinned, where=FIRST, remedy=f"ssh-keygen -f {pinned} -R {FIRST}", kind=HostUnreachableError):
        run_on_host(cluster(), FIRST, "true")


def test_a_changed_key_of_the_head_is_told_on_the_way_to_a_worker(ssh: FakeSsh) -> None:
    ssh.refuse(first=f"{CHANGED}\nHost key for 203.0.113.7 has changed and you have requested strict checking.")
    file = cluster(provider={"external_head_ip": "203.0.113.7"})
    with refused(where=FIRST, remedy="-R 203.0.113.7", kind=HostUnreachableError):
        run_on_host(file, FIRST, "true")


def test_a_vm_whose_key_is_not_pinned_has_a_remedy(ssh: FakeSsh) -> None:
    ssh.refuse(first="No ED25519 host key is known for 10.10.0.11.\nHost key verification failed.")
    with refused(what="Host key verification failed", where=FIRST, remedy="make vms", kind=HostUnreachableError):
        run_on_host(cluster(), FIRST, "true")


def test_few_logins_run_at_the_same_time() -> None:
    """sshd of a jump host drops some of more than ten."""
    running, most = [], []

    def ask(address: str) -> str:
        running.append(address)
        most.append(len(running))
        time.sleep(0.02)
        running.remove(address)
        return address

    hosts = [f"10.10.1.{number}" for number in range(40)]
    assert ask_hosts(hosts, ask) == hosts
    assert 1 < max(most) <= 8


def test_a_missing_ssh_is_named(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with refused(what="ssh", where="PATH", remedy="openssh-client"):
        run_on_host(cluster(), HEAD, "true")


def test_of_local_vms_only_the_pinned_keys_are_accepted(home: Path) -> None:
    vms = {"type": "local", "head_ip": HEAD, "worker_ips": [FIRST], "firelib": {"qemu": {}}}
    assert "StrictHostKeyChecking=yes" in ssh_command(cluster(provider=vms), HEAD)


def test_a_command_has_its_own_exit_code_and_no_questions(ssh: FakeSsh) -> None:
    done = run_on_host(cluster(), HEAD, "echo here; exit 3")
    assert (done.returncode, done.stdout) == (3, "here\n")
    assert "BatchMode=yes" in ssh.calls[0]


def test_output_in_another_encoding_is_readable_in_part(ssh: FakeSsh) -> None:
    assert run_on_host(cluster(), HEAD, r"printf 'K\303\266ln \344'").stdout == "Köln \ufffd"


def test_a_host_that_does_not_answer_costs_no_more_than_the_limit(ssh: FakeSsh) -> None:
    with refused(what="1", where=HEAD, kind=HostUnreachableError):
        run_on_host(cluster(), HEAD, "exec sleep 30", timeout=1)


def options_of(environment: dict[str, str]) -> list[str]:
    """What the real ssh would use if Ray called it in this environment."""
    ray = ("ssh", "-G", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", HEAD)
    return subprocess.run(ray, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def test_rays_own_options_cannot_switch_the_check_off(home: Path) -> None:
    file = cluster()
    with pinned_environment(file) as environment:
        said = options_of(environment)
    assert "stricthostkeychecking accept-new" in said
    assert f"userknownhostsfile {known_hosts_file(file)}" in said


def test_keys_are_pinned_where_the_temporary_folder_lets_no_programs_run(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "tmp"
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with small_disk(temporary, 100, "noexec"):
        with pinned_environment(cluster()) as environment:
            assert "stricthostkeychecking accept-new" in options_of(environment)
        assert list((home / ".cache").iterdir()) == list(temporary.iterdir()) == []
        monkeypatch.setenv("XDG_CACHE_HOME", str(temporary / "cache"))
        with refused(what=temporary, where="TMPDIR", remedy="TMPDIR="), pinned_environment(cluster()):
            pass
