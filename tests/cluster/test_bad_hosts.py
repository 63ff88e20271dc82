"""What is wrong with a host is said before anything is changed there, with what to do about it."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests import engine_base
from tests.cluster.ansible_failures import failures
from tests.cluster.lab import USER, Lab, address, lab
from tests.engine import Engine

pytestmark = pytest.mark.containers

OTHER_RAY = "2.49.0"
_INSTALL = "apt-get update -qq && apt-get install -qq --yes --no-install-recommends"


@pytest.fixture(scope="module")
def hosts(engine: Engine) -> Iterator[Lab]:
    with lab(engine, engine_base.cache(), packages=False) as made:
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


def test_typo_is_named_before_any_host_is_touched(hosts: Lab) -> None:
    said = setup(hosts, shared_foldr="/mnt/shared")
    assert "provider.firelib.shared_foldr is unknown: did you mean 'shared_folder'?" in said
    assert "TASK" not in said
