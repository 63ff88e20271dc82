"""`firelib cluster run` on a real Ray head: the job outlives its terminal, and is found again through a new tunnel."""

import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from firelib.cluster.head_api import read_nodes
from firelib.cluster.raylets import find_lost
from tests.cluster import stand_ins
from tests.cluster.test_drill import until
from tests.dvc_pipeline.test_run import Project
from tests.launch.ray_head import Head, ray_head
from tests.project import ROOT

pytestmark = pytest.mark.integration

TEMPLATE = ROOT / "ansible" / "roles" / "python_env" / "templates" / "on-shared-storage.j2"
SHARED = "{{ python_env_shared_folder or '' }}"


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Head, Path]]:
    """A head whose jobs have `on-shared-storage`, as on a host that Ansible has set up; and the shared folder."""
    if shutil.which("rsync") is None:
        pytest.skip("rsync is missing: apt-get install rsync")
    (tmp_path / "programs").mkdir()
    program = tmp_path / "programs" / "on-shared-storage"
    program.write_text(
        TEMPLATE.read_text().replace(SHARED, str(tmp_path / "shared")).replace("{{ ansible_managed }}", "")
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    with ray_head(cpus=3) as head:
        yield head, tmp_path / "shared"


@pytest.fixture
def project(running: tuple[Head, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project whose cluster file leads, through a stand-in of ssh, to the head."""
    head, shared = running
    (tmp_path / "laptop").mkdir()
    stand_ins.put_on_path(tmp_path, monkeypatch, stand_ins.Dashboard(address=head.address.removeprefix("http://")))
    home = tmp_path / "home"
    (home / ".ray" / "auth_token").write_text(head.token_file.read_text())
    project = Project(tmp_path / "laptop", FIRELIB_TRACKING="none", FIRELIB_WORKERS="1")
    raw = yaml.safe_load((ROOT / "cluster" / "cluster.yaml").read_text())
    raw["provider"]["firelib"]["shared_folder"] = str(shared)
    (project.folder / "cluster").mkdir()
    (project.folder / "cluster" / "cluster.yaml").write_text(yaml.safe_dump(raw))
    project.commit()
    return project


def test_a_node_is_found_on_its_host_by_its_id(
    running: tuple[Head, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the real processes of this machine, where other tests may run nodes, too."""
    head, _ = running
    said = stand_ins.Dashboard(address=head.address.removeprefix("http://"))
    ssh = stand_ins.put_on_path(tmp_path, monkeypatch, said)
    (ssh.log.parent / "bin" / "pgrep").unlink()
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(head.token_file))
    file = stand_ins.cluster(provider={"worker_ips": []})
    [node] = read_nodes(head.address)
    for listed, lost in ((node.node_id, []), ("0" * len(node.node_id), [stand_ins.HEAD])):
        assert find_lost(file, {stand_ins.HEAD: frozenset({listed})}) == lost


def test_a_pipeline_outlives_its_terminal(running: tuple[Head, Path], project: Project) -> None:
    _, shared = running
    with project.start("firelib", "cluster", "run") as process:
        try:
            lake = shared / "projects/default/data/signs/lake.json"
            until("the end of the extract", lambda: process.poll() is not None or lake.exists())
        finally:
            process.send_signal(signal.SIGINT)
        said = process.communicate()[0]
    assert process.returncode == 75, said
    job = re.findall(r"^run-\S+$", said, re.MULTILINE)[0]
    assert f"firelib logs {job} --follow" in said

    assert re.search(rf"{job}.*ray.*running", project.do("firelib", "jobs").stdout)
    followed = project.do("firelib", "logs", job, "--follow")
    assert [line.split("'")[1] for line in followed.stdout.splitlines() if line.startswith("Running stage '")] == [
        *("extract", "transform", "train", "evaluate")
    ]
    assert "metrics/signs/test.json" in project.do("firelib", "fetch", job).stderr
    assert project.json("metrics/signs/test.json")["roc_auc"] > 0.9
    assert (project.folder / "models/signs/model.keras").is_file()
    assert not list(project.folder.rglob("*.tfrecord"))
    assert list(shared.rglob("*.tfrecord"))
