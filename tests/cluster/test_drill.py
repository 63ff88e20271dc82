"""The whole life of a cluster on real hosts: from bare Debian to a trained model, through losses, to nothing left."""

import json
import os
import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from tests.cluster.lab import Lab, lab
from tests.cluster.scenarios import AFTER_TEARDOWN, find_broken_roles, verify_roles
from tests.engine import Engine
from tests.project import ROOT

pytestmark = pytest.mark.containers

JOB = ("env", "FIRELIB_TRACKING=none", "on-shared-storage")
WORKERS = 3
_PATIENCE = 600.0


@pytest.fixture
def hosts(engine: Engine) -> Iterator[Lab]:
    with lab(engine) as made:
        yield made


def test_from_bare_hosts_to_nothing_left(hosts: Lab) -> None:
    with hosts.step("three bare hosts"):
        head, first, second = (hosts.add_host(name, last) for name, last in (("head", 10), ("one", 11), ("two", 12)))
        hosts.write_cluster(head, [first])
    with hosts.step("setup.yml on bare Debian, killed half-way"):
        kill_half_way(hosts, "setup.yml", "one", "uv sync")
    with hosts.step("setup.yml, run again"):
        hosts.play("setup.yml")
    with hosts.step("setup.yml once more"):
        assert_unchanged(hosts.play("setup.yml"))
    with hosts.step("verify.yml of all roles"):
        verify_roles(hosts)
    with hosts.step("verify.yml finds what is broken, and the roles repair it"):
        break_and_repair_roles(hosts, head, first, second)
    with hosts.step("ray up, until all nodes are alive"):
        hosts.run("ray", "up", "--yes", str(hosts.cluster_file))
        wait_for_nodes(hosts, head, first)
    with hosts.step("strangers are refused"):
        refuse_strangers(hosts, head)
    with hosts.step("a host more: setup.yml and ray up again"):
        hosts.write_cluster(head, [first, second])
        assert "changed=0" in recap(hosts.play("setup.yml"))[head]
        hosts.run("ray", "up", "--yes", str(hosts.cluster_file))
        wait_for_nodes(hosts, head, first, second)
    with hosts.step("the whole pipeline as a job, with a node lost in the middle of training"):
        lost = run_pipeline_and_lose_a_node(hosts, head, ("one", "two"))
    with hosts.step("the same training on this machine"):
        compare_with_this_machine(hosts)
    with hosts.step("the lost node comes back"):
        hosts.engine.docker("start", lost)
        wait_for_nodes(hosts, head, first, second)
        assert "failed=0" in recap(hosts.play("setup.yml", "--tags", "verify"))[head]
    with hosts.step("no token in processes, logs and YAML"):
        find_no_token(hosts, ("head", "one", "two"))
    with hosts.step("ray down"):
        hosts.run("ray", "down", "--yes", str(hosts.cluster_file))
        until("the end of all nodes", lambda: none_runs("raylet", hosts, ("head", "one", "two")))
    with hosts.step("stop.yml"):
        hosts.play("stop.yml")
        assert none_runs("ray", hosts, ("head", "one", "two"))
    with hosts.step("teardown.yml"):
        assert set(find_broken_roles(hosts, AFTER_TEARDOWN)) == {head, first, second}
        hosts.play("teardown.yml", "--extra-vars", "confirm=lab")
        verify_roles(hosts, AFTER_TEARDOWN)


def kill_half_way(hosts: Lab, playbook: str, name: str, program: str) -> None:
    """Kill a playbook, as a lost terminal or a power cut would, while it runs this program on a host."""
    with hosts.start_play(playbook) as playing:
        until(f"{program} on {name}", lambda: playing.poll() is not None or program in processes(hosts, name))
        assert playing.poll() is None, f"{playbook} ended before it came to {program}"
        os.killpg(playing.pid, signal.SIGKILL)


def recap(said: str) -> dict[str, str]:
    """Host → its line of Ansible's recap."""
    lines = said.partition("PLAY RECAP")[2].splitlines()
    return {line.split()[0]: line for line in lines if " : ok=" in line}


def assert_unchanged(said: str) -> None:
    lines = recap(said)
    assert len(lines) == 3  # two hosts and this machine
    assert [line for line in lines.values() if not re.search(r"changed=0 .*failed=0", line)] == []


def break_and_repair_roles(hosts: Lab, head: str, worker: str, bare: str) -> None:
    """A token that others may read, limits that are gone, and a host on which no role has run."""
    hosts.on(head, "chmod 644 ~/.ray/auth_token")
    hosts.on(worker, "sudo rm /etc/security/limits.d/firelib.conf")
    hosts.write_cluster(head, [worker, bare])
    broken = find_broken_roles(hosts, "reach", "limits", "ray_token")
    assert broken == {head: "ray_token", worker: "limits", bare: "reach"}
    hosts.write_cluster(head, [worker])
    said = recap(hosts.play("molecule/scenario.yml", "--tags", "limits,ray_token"))
    assert all("changed=1 " in said[host] for host in (head, worker))


def until(what: str, happens: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not happens():
        assert time.monotonic() < deadline, f"{what}: not in {_PATIENCE:g} s"
        time.sleep(2)


def wait_for_nodes(hosts: Lab, head: str, *workers: str) -> None:
    """Wait for all these nodes, by Ray's own state on the head."""
    program = (ROOT / "ansible" / "roles" / "verify" / "files" / "nodes.py").read_text()
    (hosts.shared / "nodes.py").write_text(program)
    wanted = sorted((head, *workers))

    def there() -> bool:
        said = hosts.on(head, f"RAY_ADDRESS={head}:6379 python /mnt/shared/nodes.py", check=False).split()
        return said[-len(wanted) :] == wanted

    until(f"nodes {wanted}", there)


def submit(hosts: Lab, head: str, *command: str, check: bool = True, **environment: str) -> str:
    options = ("--address", f"http://{head}:8265", "--no-wait", "--submission-id", "drill", "--working-dir", ".")
    return hosts.run("ray", "job", "submit", *options, "--", *command, check=check, **environment)


def refuse_strangers(hosts: Lab, head: str) -> None:
    """Without the token, or with a wrong one: no job, no look at the dashboard, no node more."""
    nobody, wrong = {"RAY_AUTH_MODE": "disabled", "HOME": str(hosts.shared)}, {"RAY_AUTH_TOKEN": "0" * 64}
    for environment in (nobody, wrong):
        said = submit(hosts, head, "true", check=False, **environment)
        assert "ray.exceptions.AuthenticationError" in said
        assert "submitted successfully" not in said
    curl = ("python", "-c", f"import urllib.request as u; u.urlopen('http://{head}:8265/api/jobs/')")
    assert "HTTP Error 401" in hosts.run(*curl, check=False)
    join = f"HOME=/nowhere RAY_AUTH_TOKEN={'0' * 64} ray start --address={head}:6379"
    said = hosts.on(hosts_of(hosts)[-1], join, check=False)
    assert "InvalidAuthToken" in said
    assert "Ray runtime started" not in said
    refuse_another_token(hosts, head)


def refuse_another_token(hosts: Lab, head: str) -> None:
    """A second user's set-up does not lock out the running Ray's nodes and users."""
    own, digest = hosts.home / ".ray" / "auth_token", "sha256sum ~/.ray/auth_token"
    kept, there = own.read_text(), hosts.on(head, digest)
    own.write_text("1" * 64)
    try:
        said = hosts.play("setup.yml", "--tags", "ray_token", check=False)
    finally:
        own.write_text(kept)
    assert f"the Ray that runs on {head} has another token" in " ".join(said.split())
    assert hosts.on(head, digest) == there


def hosts_of(hosts: Lab) -> list[str]:
    provider = yaml.safe_load(hosts.cluster_file.read_text())["provider"]
    return [provider["head_ip"], *provider["worker_ips"]]


def project(hosts: Lab) -> Path:
    return hosts.shared / "projects" / "default"


def run_pipeline_and_lose_a_node(hosts: Lab, head: str, workers: tuple[str, ...]) -> str:
    """All stages on the cluster, over the loss of a node on which a training worker ran.

    The data are the same bytes as where dvc.lock was committed, and the model is as good as that one.
    """
    submit(hosts, head, *JOB, "env", f"FIRELIB_WORKERS={WORKERS}", "firelib", "run")
    until("a first checkpoint", lambda: any(project(hosts).glob("storage/runs/*/step-*")))
    lost = next(name for name in workers if "RayTrainWorker" in processes(hosts, name))
    hosts.engine.docker("kill", lost)
    until("the end of the job", lambda: bool(re.search(r"(succeeded|failed|stopped)", status(hosts, head))))
    said = hosts.run("ray", "job", "logs", "drill", "--address", f"http://{head}:8265", check=False)
    assert "succeeded" in status(hosts, head), said
    assert shards(project(hosts) / "dvc.lock") == shards(ROOT / "dvc.lock")
    # The sums of three workers, and of two after the loss, are rounded otherwise; on 37 new days this moves the AUC.
    assert figures(project(hosts))["roc_auc"] == pytest.approx(figures(ROOT)["roc_auc"], abs=0.01)
    return lost


def compare_with_this_machine(hosts: Lab) -> None:
    """As many workers on the same shards, here and without a loss, end with the same weights."""
    here = hosts.folder / "here"
    shutil.copytree(project(hosts), here, ignore=leave_results)
    alone = {"FIRELIB_WORKERS": str(WORKERS), "FIRELIB_NUM_CPUS": str(WORKERS), "FIRELIB_TRACKING": "none"}
    hosts.run("env", "-C", str(here), "firelib", "train", **alone)
    for mine, theirs in zip(weights(here), weights(project(hosts)), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)
    equal = digest(here) == digest(project(hosts))
    print(f"hashes of the weights: {'equal' if equal else 'they differ, within 1e-5'}", flush=True)  # noqa: T201


def leave_results(folder: str, names: list[str]) -> set[str]:
    """Leave out what the job made: in the project's folder only, since a package of firelib is called storage, too."""
    is_top = "dvc.yaml" in names
    return {"storage", "models", "metrics", "plots", ".dvc"} & set(names) if is_top else set()


def weights(folder: Path) -> list[Any]:
    import keras

    arrays: list[Any] = keras.models.load_model(folder / "models/flights/model.keras", compile=False).get_weights()
    return arrays


def digest(folder: Path) -> str:
    return str(json.loads((folder / "models/flights/weights.json").read_text())["sha256"])


def figures(folder: Path) -> dict[str, float]:
    figures: dict[str, float] = json.loads((folder / "metrics/flights/test.json").read_text())
    return figures


def shards(lock: Path) -> dict[str, str]:
    stages = yaml.safe_load(lock.read_text())["stages"]
    return {out["path"]: out["md5"] for name in ("extract", "transform") for out in stages[name]["outs"]}


def status(hosts: Lab, head: str) -> str:
    return hosts.run("ray", "job", "status", "drill", "--address", f"http://{head}:8265", check=False)


def processes(hosts: Lab, name: str) -> str:
    return hosts.engine.docker("exec", name, "ps", "-e", "-o", "args")


def find_no_token(hosts: Lab, names: tuple[str, ...]) -> None:
    for name in names:
        assert hosts.token not in processes(hosts, name)
        found = f"grep -rl --binary-files=text {hosts.token} /tmp/ray /var/log /etc /opt/firelib/lock || true"
        assert hosts.engine.docker("exec", name, "sh", "-c", found).split() == []
        modes = "stat -c '%a %U' /home/*/.ray/auth_token"
        assert hosts.engine.docker("exec", name, "sh", "-c", modes).split()[0] == "600"
    assert hosts.token not in (hosts.folder / "log").read_text()
    assert hosts.token not in hosts.cluster_file.read_text()


def none_runs(program: str, hosts: Lab, names: tuple[str, ...]) -> bool:
    return not any(program in line for name in names for line in processes(hosts, name).splitlines())
