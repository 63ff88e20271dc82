"""What is wrong with a host is said before anything is changed there, with what to do about it."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from tests.cluster.ansible_failures import failures
from tests.cluster.lab import USER, Lab, address, lab
from tests.engine import Engine

pytestmark = pytest.mark.containers

OTHER_RAY = "2.49.0"
_INSTALL = "apt-get update -qq && apt-get install -qq --yes --no-install-recommends"


@pytest.fixture(scope="module")
def hosts(engine: Engine) -> Iterator[Lab]:
    with lab(engine, packages=False) as made:
        made.add_host("only", 10)
        yield made


def setup(hosts: Lab, last: int = 10, auth: dict[str, str] | None = None, **settings: Any) -> str:
    """The failures of setup.yml on one host, which must fail: all that it says where it comes to no task."""
    hosts.write_cluster(address(last), [], **settings)
    raw = yaml.safe_load(hosts.cluster_file.read_text())
    raw["auth"] |= auth or {}
    hosts.cluster_file.write_text(yaml.safe_dump(raw))
    said = hosts.play("setup.yml", check=False)
    assert "failed=1" in said or "PLAY RECAP" not in said
    return " ".join(" ".join(failures(said) or [said]).split())


def test_host_that_is_off(hosts: Lab) -> None:
    said = setup(hosts, last=99)
    assert f"cannot log in to {address(99)}" in said
    assert "is the host on" in said


def test_wrong_user(hosts: Lab) -> None:
    said = setup(hosts, auth={"ssh_user": "nobody"})
    assert f"cannot log in to {address(10)} as nobody" in said
    assert "is auth.ssh_user right" in said


def test_wrong_key(hosts: Lab) -> None:
    other = hosts.home / ".ssh" / "other"
    if not other.exists():
        hosts.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(other))
    assert "is the key there (ssh-copy-id)" in setup(hosts, auth={"ssh_private_key": str(other)})


def test_missing_key(hosts: Lab) -> None:
    said = setup(hosts, auth={"ssh_private_key": str(hosts.home / "none")})
    assert "auth.ssh_private_key: there is no" in said
    assert "ssh-keygen" in said


def test_no_sudo(hosts: Lab) -> None:
    rights = f"/etc/sudoers.d/{USER}"
    hosts.engine.docker("exec", "only", "mv", rights, "/root/kept")
    try:
        said = setup(hosts)
    finally:
        hosts.engine.docker("exec", "only", "mv", "/root/kept", rights)
    assert f"{USER} may not sudo without a password on {address(10)}" in said
    assert "NOPASSWD" in said


def test_full_disk(hosts: Lab) -> None:
    said = setup(hosts, folder="/small/firelib")
    assert "has 64 MiB free for /small/firelib, which needs 8192" in said
    assert "provider.firelib.folder" in said


def test_taken_port(hosts: Lab) -> None:
    hosts.engine.docker("exec", "only", "/usr/sbin/sshd", "-p", "8265", "-o", "PidFile=/run/taken.pid")
    try:
        said = setup(hosts)
    finally:
        hosts.engine.docker("exec", "only", "sh", "-c", "kill $(cat /run/taken.pid)")
    assert re.search(rf"on {address(10)}, sshd \(process \d+ of root\) listens on port 8265", said)
    assert "Stop what is in the way" in said


def test_another_ray_runs(hosts: Lab) -> None:
    """A real one, of another version, in an environment of its own."""
    home = f"/home/{USER}/other"
    hosts.engine.docker("exec", "only", "sh", "-c", f"{_INSTALL} python3-venv procps && python3 -m venv {home}")
    hosts.engine.docker("exec", "only", f"{home}/bin/pip", "install", "--quiet", f"ray=={OTHER_RAY}")
    hosts.engine.docker("exec", "--user", USER, "only", f"{home}/bin/ray", "start", "--head", "--disable-usage-stats")
    try:
        said = setup(hosts)
    finally:
        hosts.engine.docker("exec", "only", f"{home}/bin/ray", "stop", "--force")
    assert re.search(rf"Ray {OTHER_RAY} runs from {home}/lib/\S+/ray \(process \d+ of {USER}\)", said)
    assert "`ray stop` as its user" in said


def on_host(hosts: Lab, command: str) -> str:
    return hosts.engine.docker("exec", "only", "sh", "-c", command)


@contextmanager
def changed(hosts: Lab, change: str, undo: str) -> Iterator[None]:
    """The host with something wrong, during the block."""
    on_host(hosts, change)
    try:
        yield
    finally:
        on_host(hosts, undo)


def assert_untouched(hosts: Lab) -> None:
    """Nothing was installed there."""
    assert on_host(hosts, "ls -A /opt/firelib/ /etc/profile.d/firelib.sh 2>/dev/null || true").split() == [
        "/opt/firelib/:"
    ]


def test_another_host_key(hosts: Lab) -> None:
    """A host that was pinned at the first contact, and then has other keys: reinstalled, or replaced by somebody."""
    setup(hosts, folder="/small/firelib")
    keys, reload = "/etc/ssh/ssh_host_*", "kill -HUP $(cat /run/sshd.pid)"
    change = f"mkdir -p /root/keys && mv {keys} /root/keys/ && ssh-keygen -A >/dev/null && {reload}"
    with changed(hosts, change, f"rm {keys}; mv /root/keys/* /etc/ssh/ && {reload}"):
        said = setup(hosts)
        pinned = hosts.home / ".ssh" / "known_hosts.d" / "firelib-lab"
        assert f"ssh-keygen -f {pinned} -R {address(10)}" in said
        status = hosts.run("firelib", "cluster", "status", "--cluster", str(hosts.cluster_file), check=False)
        assert "the host's key is not the one that was pinned" in status
    assert "MiB free" in setup(hosts, folder="/small/firelib")  # the old key is accepted as before


def test_clock_that_is_off(hosts: Lab) -> None:
    fake = "/usr/local/bin/date"
    change = f"printf '#!/bin/sh\\necho $(($(/bin/date +%%s) - 7200))\\n' > {fake} && chmod 755 {fake}"
    with changed(hosts, change, f"rm {fake}"):
        said = setup(hosts)
    assert re.search(rf"the clock of {address(10)} is 7[12]\d\d s behind this machine's", said)
    assert "timedatectl" in said
    assert_untouched(hosts)


def test_host_of_another_cluster(hosts: Lab) -> None:
    with changed(hosts, "mkdir -p /etc/firelib && echo other > /etc/firelib/cluster", "rm /etc/firelib/cluster"):
        said = setup(hosts)
    assert f"{address(10)} belongs to cluster other, not to lab" in said
    assert "teardown.yml" in said
    assert_untouched(hosts)


def test_older_release(hosts: Lab) -> None:
    """The files by which Debian tells its release, as Debian 11 has them."""
    kept = "cp /etc/os-release /root/os-release && cp /etc/debian_version /root/debian_version"
    older = "sed -i 's/12/11/; s/bookworm/bullseye/' /etc/os-release && echo 11.9 > /etc/debian_version"
    undo = "cat /root/os-release > /etc/os-release; cat /root/debian_version > /etc/debian_version"
    with changed(hosts, f"{kept} && {older}", undo):
        said = setup(hosts)
    assert f"{address(10)} runs Debian 11" in said
    assert "use Debian 12 or newer, or Ubuntu 22.04 or newer" in said
    assert_untouched(hosts)


def test_somebody_else_sets_the_cluster_up(hosts: Lab) -> None:
    lock = '{{"owner": "ben@desk", "token": "desk-1-1", "since": {}}}'
    taken = f"mkdir -p /etc/firelib && echo '{lock.format(time.time())}' > /etc/firelib/setup.lock"
    with changed(hosts, taken, "rm /etc/firelib/setup.lock"):
        said = setup(hosts)
        assert "ben@desk" in on_host(hosts, "cat /etc/firelib/setup.lock")  # it is still theirs
    assert "ben@desk has been changing this cluster since" in said
    assert "wait until that command ends" in said
    assert_untouched(hosts)


def test_network_lost_while_packages_are_installed(hosts: Lab) -> None:
    """Each download fails, as with a network that is gone; a second run continues."""
    on_host(hosts, f"{_INSTALL} python3 python3-apt")
    lost = "/etc/apt/apt.conf.d/99lost"
    proxies = "\\n".join(f'Acquire::{kind}::Proxy "http://127.0.0.1:9";' for kind in ("http", "https"))
    with changed(hosts, f"printf '{proxies}\\nAcquire::Retries 0;\\n' > {lost} && apt-get clean", f"rm {lost}"):
        said = setup(hosts)
    assert f"apt could not install the packages on {address(10)}" in said
    assert "run this again: it continues" in said


def test_typo_is_named_before_any_host_is_touched(hosts: Lab) -> None:
    said = setup(hosts, shared_foldr="/mnt/shared")
    assert "provider.firelib.shared_foldr is unknown: did you mean 'shared_folder'?" in said
    assert "TASK" not in said
