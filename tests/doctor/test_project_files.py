import re
from pathlib import Path

from firelib.doctor.project_files import check_cluster_file, check_params
from tests.project import ROOT


def test_invalid_parameters_become_one_finding(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text(re.sub(r"\blr: \S+", "lr: fast", path.read_text()).replace("epochs:", "epocs:"))
    params, finding = check_params(project)
    assert params is None
    assert finding.status == "error"
    for name in ("train.lr", "train.epocs", "'epochs'", str(path)):
        assert name in finding.detail
    assert "docs/parameters.md" in str(finding.remedy)


def test_missing_parameters(tmp_path: Path) -> None:
    assert check_params(tmp_path / "elsewhere")[1].status == "error"


def test_cluster_file_with_a_typo(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    assert check_cluster_file(path).status == "ok"
    text = (ROOT / "cluster" / "cluster.yaml").read_text()
    path.write_text(text)
    assert "a head and 2 workers" in check_cluster_file(path).detail
    path.write_text(text.replace("ssh_user", "ssh_usr"))
    finding = check_cluster_file(path)
    assert finding.status == "error"
    assert "auth.ssh_usr" in finding.detail
    assert "'ssh_user'" in finding.detail
