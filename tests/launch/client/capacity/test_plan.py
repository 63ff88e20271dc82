"""`firelib plan --rows`: the whole plan of a project, as a table and as JSON."""

import json

import pytest
from typer.testing import CliRunner

from firelib.cli import app
from firelib.config import load_params
from firelib.launch.client.capacity.plan import build_workload, make_capacity_plan
from firelib.launch.client.capacity.plan_table import show_capacity_plan
from firelib.launch.client.capacity.request import parse_request
from firelib.project_layout import Paths
from firelib.stage_records.store import write_record
from tests.project import ROOT
from tests.stage_records.made import measured

PARAMS = load_params(ROOT / "params.yaml")


@pytest.fixture
def paths(tmp_path):
    """A project that has run a transform only."""
    write_record(tmp_path, "flights", measured(rows=10**6, seconds=20, cores=4, cpu="a test's CPU"))
    return Paths("flights", str(tmp_path / "storage"), tmp_path)


def plan(paths, **given):
    return make_capacity_plan(parse_request({"rows": "1e8", **given}), PARAMS, paths)


def test_the_limits_say_what_is_extrapolated_assumed_and_left_out(paths):
    limits = "\n".join(plan(paths, provisioning="spot", latency_ms=7.0).limits)
    for part in (
        "transform: rows: extrapolated 100 ×",
        "extract, train: never measured in this project; firelib plan --measure",
        "GPUs were never measured",
        "7 ms to the bucket",
        "preemptions",
        "1 GB/s between two workers (β)",
        "stragglers, assumed: the logarithm of a worker's step has a spread of 0.1",
        "not included",
    ):
        assert part in limits


def test_more_workers_than_were_measured_are_named(paths):
    assert any("train: workers: extrapolated" in text for text in plan(paths, machine="n1-standard-96").limits) == (
        plan(paths, machine="n1-standard-96").found[0].workers > 3
    )


def test_json_has_every_stage_of_every_candidate(paths):
    made = plan(paths, deadline="9h").to_json()
    assert json.loads(json.dumps(made)) == made
    assert made["measured"]["transform"].startswith("1 run of this project on 4 cores (a test's CPU)")
    for each in made["candidates"]:
        assert set(each["stages"]) == {"extract", "transform", "train"}
        assert sum(stage["seconds"] for stage in each["stages"].values()) == pytest.approx(each["seconds"], abs=0.2)
        assert all(stage["bottleneck"] for stage in each["stages"].values())
        assert each["memory_gib"] <= each["machine_memory_gib"]
        assert each["seconds"] <= 9 * 3600


def test_the_table_names_machines_costs_origins_and_limits(paths, capsys):
    made = plan(paths, machine="n4-standard-8")
    show_capacity_plan(made)
    shown = capsys.readouterr().out
    for part in ("× n4-standard-8", "unknown", "a test's CPU", "limit: GPUs", "prices: "):
        assert part in shown


def test_the_work_is_that_of_the_parameters(paths):
    work = build_workload(1e6, PARAMS, None)
    assert (work.epochs, work.batch_rows) == (PARAMS.train.epochs, PARAMS.train.global_batch_size)
    assert (work.train_share, work.validation_share) == (0.8, 0.1)


def run(*words):
    return CliRunner().invoke(app, ["--params", str(ROOT / "params.yaml"), "plan", *words])


def test_the_command_prints_json():
    done = run("--rows", "1e6", "--machine", "n1-standard-4", "--replicas", "1", "--json")
    assert done.exit_code == 0, done.output
    assert [each["machine"] for each in json.loads(done.stdout)["candidates"]] == ["n1-standard-4"]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--deadline", "2h", "--json", "--preemptions", "1"], ["--deadline", "--json", "--preemptions"]),
        (["--rows", "1e6", "--gpu", "l4", "--region", "us-central1"], ["--gpu", "--region"]),
        (["--rows", "x", "--deadline", "y"], ["rows", "deadline"]),
    ],
)
def test_options_that_do_not_fit_are_refused_together(words, parts):
    done = run(*words)
    assert done.exit_code == 1
    assert all(part in str(done.exception) for part in parts)
