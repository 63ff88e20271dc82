"""Sections whose evidence a finished project lacks: machines, jobs, benchmarks, costs, pictures, images."""

import shutil
from pathlib import Path

from firelib.launch.job_record import JobRecord, write_record
from firelib.launch.job_spec import Replicas, Resources
from firelib.report.content import Block, Missing, Picture, Table
from firelib.report.drawings.bars import BarChart
from firelib.report.project import ReportedProject
from firelib.report.sections import benchmarks, containers, costs, distributed, machines, metrics, training
from tests.launch.jobs import job
from tests.project import ROOT

LOG = """\
2026-11-30 10:00:00,123 p=12 u=root n=ansible | PLAY [Prepare] ****
2026-11-30 10:05:00,001 p=12 u=root n=ansible | PLAY RECAP *****
2026-11-30 10:05:00,002 p=12 u=root n=ansible | 10.10.0.10 : ok=51 changed=23 unreachable=0 failed=0    skipped=4
2026-11-30 11:00:00,000 p=99 u=root n=ansible INFO| 10.10.0.10  : ok=49   changed=0 unreachable=0 failed=0 skipped=6
"""


def cells(blocks: list[Block]) -> list[list[str]]:
    return [list(row) for block in blocks if isinstance(block, Table) for row in block.rows]


def test_clusters_of_this_repository(project: ReportedProject) -> None:
    shutil.copytree(ROOT / "cluster", project.folder / "cluster")
    (project.folder / "cluster" / "broken.yaml").write_text("provider: [")
    rows = cells(list(machines.clusters(project)))
    assert ["cluster.yaml", "firelib", "your own, over SSH", "3", "–", "3.11"] in rows
    assert ["gcp-autoscaling.yaml", "–", "Ray's own provider 'gcp'", "–", "–", "–"] in rows
    assert {row[0] for row in rows} >= {"broken.yaml", "local-vms.yaml"}


def test_results_of_playbooks(project: ReportedProject) -> None:
    log = project.folder / machines.ANSIBLE_LOG
    log.write_text(LOG)
    assert cells(list(machines.ansible_runs(project))) == [
        ["2026-11-30 10:05:00", "10.10.0.10", "51", "23", "0", "0", "4"],
        ["2026-11-30 11:00:00", "10.10.0.10", "49", "0", "0", "0", "6"],
    ]
    log.write_text("nothing")
    assert isinstance(next(machines.ansible_runs(project)), Missing)


def test_jobs_and_their_price(project: ReportedProject) -> None:
    spec = job(resources=Resources(machine="n1-standard-8"), replicas=Replicas(2))
    write_record(project.folder, JobRecord(spec, "vertex"))
    blocks = list(distributed.jobs(project))
    assert cells(blocks)[0][1:5] == ["vertex", "firelib train", "2", "n1-standard-8"]
    (missing,) = [block for block in blocks if isinstance(block, Missing)]
    assert "slurm" in missing.what
    assert "vertex" not in missing.what
    assert [row[0] for row in cells(list(costs.costs(project)))][-1] == spec.job_id


def test_images_of_this_repository(project: ReportedProject) -> None:
    shutil.copytree(ROOT / "images", project.folder / "images", dirs_exist_ok=True)
    digest = f"sha256:{'a' * 64}"
    (project.folder / "images" / "digests.json").write_text(f'{{"trainer": "registry/x@{digest}"}}')
    rows = {row[0]: row for row in cells(list(containers.containers(project)))}
    assert rows["trainer"][1] == "training"
    assert rows["trainer"][-1] == digest
    assert rows["extract"][-1] == "–"


def test_benchmarks_of_this_repository(project: ReportedProject) -> None:
    shutil.copytree(ROOT / "benchmarks" / "results", project.folder / benchmarks.RESULTS)
    (project.folder / benchmarks.RESULTS / "broken.json").write_text('{"cases": [{"title": "x"}]}')
    blocks = list(benchmarks.benchmarks(project))
    assert [block for block in blocks if isinstance(block, BarChart)]
    assert {row[-1] for row in cells(blocks)} <= {"yes", "no", ""}
    assert any(isinstance(block, Missing) and "broken.json" in block.what for block in blocks)


def test_pictures_have_room_below_two_megabytes(project: ReportedProject) -> None:
    for name, size in (("a", 900_000), ("b", 900_000), ("roc", 200_000)):
        (project.paths.plots / f"{name}.png").write_bytes(b"\x89PNG" + bytes(size))
    blocks = list(metrics.pictures(project))
    assert [block.caption for block in blocks if isinstance(block, Picture)] == ["a", "roc"]
    assert [block.what for block in blocks if isinstance(block, Missing)] == [
        "plots/tiny/b.png is too large for the report"
    ]


def test_columns_of_a_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "training.csv"
    file.write_text("step,loss\n1,0.5\n2,x\n3\n4,0.25\n")
    assert training.read_columns(file) == {"step": [1, 4], "loss": [0.5, 0.25]}
    assert training.read_columns(tmp_path / "none.csv") == {}
