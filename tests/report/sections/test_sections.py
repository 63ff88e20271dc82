"""Sections whose evidence is not made by the pipeline itself: machines, jobs, benchmarks, costs, pictures, images."""

import shutil
from dataclasses import replace
from importlib import resources
from pathlib import Path
from string import Template

import pytest

from firelib import storage
from firelib.launch.job_record import JobRecord, write_record
from firelib.launch.job_spec import Replicas, Resources
from firelib.report.content import Block, Missing, Picture, Table, Text
from firelib.report.drawings.bars import BarChart
from firelib.report.drawings.lines import LineChart
from firelib.report.project import ReportedProject
from firelib.report.sections import benchmarks, containers, costs, distributed, machines, metrics, training
from firelib.stage_records.store import RECORDS
from firelib.stage_records.store import write_record as write_stage
from tests.errors import refused
from tests.launch.jobs import job
from tests.project import ROOT
from tests.report.finished import fresh_project
from tests.stage_records.made import measured

LOG = """\
2026-11-30 10:00:00,123 p=12 u=root n=ansible | PLAY [Prepare] ****
2026-11-30 10:05:00,001 p=12 u=root n=ansible | PLAY RECAP *****
2026-11-30 10:05:00,002 p=12 u=root n=ansible | 10.10.0.10 : ok=51 changed=23 unreachable=0 failed=0    skipped=4
2026-11-30 11:00:00,000 p=99 u=root n=ansible INFO| 10.10.0.10  : ok=49   changed=0 unreachable=0 failed=0 skipped=6
"""


@pytest.fixture
def project(tmp_path: Path) -> ReportedProject:
    """A project whose pipeline never ran, which these sections do not need."""
    (tmp_path / ".firelib").mkdir()
    return fresh_project(tmp_path)


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


def test_the_last_run_of_each_stage_and_where_it_was(project: ReportedProject) -> None:
    spec = job(job_id="run-1-transform")
    write_record(project.folder, JobRecord(spec, "vertex"))
    runs = (
        measured("extract", begun="1", seconds=2.5),
        measured("transform", begun="2"),
        measured("transform", begun="3", origin="job", job=spec.job_id),
        measured("train", begun="4", rows=0, job="local-1"),
        measured("train", begun="5", origin="calibration"),
    )
    for record in runs:
        write_stage(project.folder, project.name, record)
    (project.folder / RECORDS / project.name / "evaluate.json").write_text("<<<")
    blocks = list(distributed.runs(project))
    assert [row[:4] for row in cells(blocks)] == [
        ["extract", "1", "this machine", "2.5 s"],
        ["transform", "3", f"vertex, job {spec.job_id}", "1.0 s"],
        ["train", "4", "elsewhere, job local-1", "1.0 s"],
    ]
    (missing,) = [block for block in blocks if isinstance(block, Missing)]
    assert "evaluate.json" in missing.what
    assert cells(list(costs.costs(project)))[:4] == [
        ["extract", "2.5 s"],
        ["transform", "1.0 s"],
        ["train", "1.0 s"],
        ["all", "4.5 s"],
    ]


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
    assert {row[-1] for row in cells(blocks)} <= {"yes", "no", "unclear", ""}
    odd = [block.what for block in blocks if isinstance(block, Missing) and "is not a result" in block.what]
    assert odd == ["broken.json is not a result of a benchmark"]


def test_findings_are_judged_by_their_spread_and_doubts_are_named(project: ReportedProject) -> None:
    goals = {"≥ 2": "unclear", "≥ 1": "yes", "> 3": "no", "< 4": "yes", "": ""}
    findings = [{"what": "x", "value": 2, "low": 1, "high": 3, "goal": goal} for goal in goals]
    doubts = {"complete": False, "busy": True, "form": "short"}
    result = {"name": "b", "cases": [{"title": "t", "bars": [], "findings": findings}], **doubts}
    storage.write_bytes(str(project.folder / benchmarks.RESULTS / "b.json"), storage.to_json(result))
    blocks = list(benchmarks.benchmarks(project))
    assert [row[-1] for row in cells(blocks)] == list(goals.values())
    (text,) = [block.text for block in blocks if isinstance(block, Text)]
    assert all(word in text for word in ("Incomplete", "busy", "Short form"))


def test_images_of_a_new_project_have_its_name(tmp_path: Path) -> None:
    script = resources.files("firelib.scaffold") / "templates" / "build.txt"
    (tmp_path / "build").write_text(Template(script.read_text()).substitute(image="shop"))
    assert containers.find_prefix(tmp_path, {}) == "shop"
    pushed = {"trainer": f"host:5000/team/other-trainer:1@sha256:{'a' * 64}"}
    assert containers.find_prefix(tmp_path, pushed) == "other"
    assert containers.find_prefix(ROOT / "images", {}) == "firelib"


def test_a_run_of_another_recipe_is_not_shown(project: ReportedProject) -> None:
    storage.write_bytes(str(project.folder / "wandb" / "wandb" / "offline-run-1" / "run-other.wandb"), b"")
    (missing,) = training.tracked(project)
    assert isinstance(missing, Missing)
    assert "lineage" in missing.what


def test_curves_are_drawn_without_the_storage_root(project: ReportedProject) -> None:
    storage.write_bytes(str(project.paths.plots / "training.csv"), b"step,loss\n1,0.5\n2,0.25\n")
    storage.write_bytes(str(project.paths.model / "lineage.json"), storage.to_json({"data": {"run": "tiny-0"}}))
    unreachable = replace(project, paths=replace(project.paths, root="unknown://bucket"))
    blocks = list(training.curves(unreachable))
    assert [block.curves for block in blocks if isinstance(block, LineChart)] == [{"training": [(1, 0.5), (2, 0.25)]}]
    (missing,) = [block for block in blocks if isinstance(block, Missing)]
    assert "restarts are not known" in missing.what
    assert "--fresh" not in missing.remedy


def test_a_state_that_does_not_exist_is_named(project: ReportedProject) -> None:
    with refused(what="TYPO"):
        list(metrics.by_state(replace(project, states=["TYPO"])))


def test_pictures_have_room_below_two_megabytes(project: ReportedProject) -> None:
    project.paths.plots.mkdir(parents=True)
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
