"""The program that lists the jobs whose packages setup.yml would replace."""

from pathlib import Path

from tests.cluster.stand_ins import TOKEN, Dashboard
from tests.cluster.test_setup_lock import load
from tests.project import ROOT

PROGRAM = ROOT / "ansible" / "roles" / "reach" / "files" / "running_jobs.py"


def test_jobs_that_wait_or_run_are_listed(head: Dashboard, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    states = {"a": "RUNNING", "b": "SUCCEEDED", "c": "PENDING", "d": "STOPPED"}
    head.jobs = [{"submission_id": name, "status": status} for name, status in states.items()]
    head.jobs.append({"submission_id": None, "job_id": "05000000", "status": "RUNNING"})
    program, url = load(PROGRAM), f"http://{head.address}"
    assert program.running_jobs(url, tmp_path / "token") == ["a", "c", "05000000"]
    assert program.running_jobs(url, tmp_path / "missing") == []
    head.is_up = False
    assert program.running_jobs(url, tmp_path / "token") == []
