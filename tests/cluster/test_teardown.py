"""teardown.yml on a host: a dry run needs no confirmation, lists what would be removed and removes nothing."""

from collections.abc import Iterator

import pytest

from tests.cluster.ansible_failures import failures
from tests.cluster.lab import NAME, Lab, lab
from tests.engine import Engine

pytestmark = pytest.mark.containers

_INSTALL = "apt-get update -qq && apt-get install -qq --yes --no-install-recommends"
RAY = "/opt/firelib/venv/bin/ray"
FILES = (
    "/opt/firelib/lock",
    "/etc/firelib/cluster",
    "/etc/profile.d/firelib.sh",
    "/tmp/ray/session",
    "/home/fire/.ray/t",
)
LISTED = (
    "every process of Ray",
    "/opt/firelib/venv",
    "/opt/firelib/lock",
    "/etc/firelib",
    "/tmp/ray",
    "/home/fire/.ray",
)


@pytest.fixture
def hosts(engine: Engine) -> Iterator[Lab]:
    with lab(engine, packages=False) as made:
        made.write_cluster(made.add_host("only", 10), [])
        on_host(made, f"{_INSTALL} python3")
        on_host(made, "; ".join(f"mkdir -p $(dirname {path}) && touch {path}" for path in (*FILES, RAY)))
        on_host(made, f"printf '#!/bin/sh\\ntouch /root/stopped; echo Stopped\\n' > {RAY} && chmod 755 {RAY}")
        yield made


def on_host(hosts: Lab, command: str) -> str:
    return hosts.engine.docker("exec", "only", "sh", "-c", command)


def left(hosts: Lab) -> list[str]:
    return on_host(hosts, f"ls -d {' '.join((*FILES, RAY))} 2>/dev/null || true").split()


def test_dry_run_lists_and_removes_nothing(hosts: Lab) -> None:
    said = hosts.play("teardown.yml", "--check")
    shown = said.partition("TASK [clean : Show what would be removed]")[2].partition("TASK [")[0]
    assert [path for path in LISTED if f'"{path}"' not in shown] == []
    assert "/etc/security/limits.d/firelib.conf" not in shown  # it is not there
    assert sorted(left(hosts)) == sorted((*FILES, RAY))
    assert "stopped" not in on_host(hosts, "ls /root")
    refused = hosts.play("teardown.yml", check=False)
    assert f"confirm={NAME}" in " ".join(failures(refused))
    hosts.play("teardown.yml", "-e", f"confirm={NAME}")
    assert left(hosts) == []
    assert "stopped" in on_host(hosts, "ls /root")
