"""The firewall of hosts on premises, on real hosts: who reaches a port that Ray could have, and who does not."""

from collections.abc import Iterator

import pytest

from tests.cluster.lab import Lab, address, lab
from tests.cluster.scenarios import find_broken_roles, verify_roles
from tests.engine import Engine

pytestmark = pytest.mark.containers

PORT = 7777
HEAD, WORKER = address(10), address(11)


@pytest.fixture
def hosts(engine: Engine) -> Iterator[Lab]:
    with lab(engine, packages=False) as made:
        for name, last in (("head", 10), ("worker", 11), ("stranger", 12)):
            made.add_host(name, last)
        engine.docker("exec", "head", "/usr/sbin/sshd", "-p", str(PORT))  # a listener
        yield made


def play(hosts: Lab, *options: str, firewall: bool = True) -> str:
    hosts.write_cluster(HEAD, [WORKER], firewall=firewall)
    return hosts.play("setup.yml", "--tags", "firewall", *options)


def reaches(hosts: Lab, name: str, port: int) -> bool:
    said = hosts.engine.docker(
        "exec", name, "bash", "-c", f"timeout 5 bash -c '</dev/tcp/{HEAD}/{port}' && echo open || echo closed"
    )
    return said.strip() == "open"


def test_only_the_clusters_hosts_and_the_caller_get_in(hosts: Lab) -> None:
    assert reaches(hosts, "stranger", PORT)
    play(hosts, "--check")
    assert reaches(hosts, "stranger", PORT)
    play(hosts)
    assert not reaches(hosts, "stranger", PORT)
    assert reaches(hosts, "stranger", 22)
    assert reaches(hosts, "worker", PORT)
    assert reaches(hosts, "head", PORT)
    assert "open" in hosts.run("bash", "-c", f"timeout 5 bash -c '</dev/tcp/{HEAD}/{PORT}' && echo open")
    again = play(hosts)
    assert again.count("changed=0") == 3  # two hosts and this machine
    verify_roles(hosts, "firewall")
    hosts.engine.docker("exec", "worker", "nft", "delete", "table", "inet", "firelib")
    assert find_broken_roles(hosts, "firewall") == {WORKER: "firewall"}
    play(hosts, firewall=False)
    assert reaches(hosts, "stranger", PORT)
    assert play(hosts, firewall=False).count("changed=0") == 3
    verify_roles(hosts, "firewall")
