"""The state of Ray's autoscaler on the head, written by Ray's own code on the other side of a stand-in of ssh."""

import json
import os
import sys
from pathlib import Path

import pytest

from firelib.cluster.autoscaler_state import update_workers
from firelib.ray_setup.cluster_file import ClusterFile
from tests.cluster.stand_ins import FIRST, HEAD, SECOND, FakeSsh, cluster


@pytest.fixture
def environment(tmp_path: Path, ssh: FakeSsh, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of the hosts, which is this one, and the folder of Ray's sessions."""
    assert ssh  # is on PATH
    (tmp_path / "firelib" / "venv" / "bin").mkdir(parents=True)
    python = tmp_path / "firelib" / "venv" / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path / "sessions"))
    return tmp_path / "firelib"


def with_workers(environment: Path, *addresses: str) -> ClusterFile:
    return cluster(
        provider={"firelib": {"folder": str(environment)}, "head_ip": HEAD, "worker_ips": list(addresses)},
        max_workers=len(addresses),
    )


def read_state(name: str) -> dict[str, dict[str, object]]:
    state: dict[str, dict[str, object]] = json.loads(
        Path(os.environ["RAY_TMPDIR"], "ray", f"cluster-{name}.state").read_text()
    )
    return state


def test_a_new_host_is_added_and_the_others_keep_their_state(environment: Path) -> None:
    file = with_workers(environment, FIRST)
    update_workers(file)
    path = Path(os.environ["RAY_TMPDIR"], "ray", f"cluster-{file.cluster_name}.state")
    before = read_state(file.cluster_name)
    before[FIRST]["state"] = "running"
    path.write_text(json.dumps(before))

    update_workers(with_workers(environment, FIRST, SECOND))

    after = read_state(file.cluster_name)
    assert after[FIRST] == before[FIRST]
    assert after[SECOND]["state"] == "terminated"  # the autoscaler starts it
    assert set(after) == {HEAD, FIRST, SECOND}


def test_a_removed_host_is_forgotten(environment: Path) -> None:
    update_workers(with_workers(environment, FIRST, SECOND))
    update_workers(with_workers(environment, SECOND))
    assert set(read_state(cluster().cluster_name)) == {HEAD, SECOND}


def test_a_head_without_the_environment_is_no_error_but_is_said(
    tmp_path: Path, ssh: FakeSsh, capsys: pytest.CaptureFixture[str]
) -> None:
    update_workers(with_workers(tmp_path, FIRST))
    assert "autoscaler's state" in capsys.readouterr().err
    assert len(ssh.calls) == 1
