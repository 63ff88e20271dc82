"""The whole pipeline in a new project: a recipe from a file, git, DVC, Ray, training, metrics."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from firelib.dvc_pipeline.run import qualify_targets, stale_stages
from firelib.errors import MergeConflictError
from tests.errors import refused
from tests.patience import patience, wait_until
from tests.project import ROOT

# The recipe in docs/recipe.md.
RECIPE = (ROOT / "docs/recipe.md").read_text().split("```python\n")[1].split("```")[0]
PARAMS = """
recipe: recipe.py
storage: {root: storage}
data:
  version: null
  split: {train: 0.6, validation: 0.2, test: 0.2}
  shard_mib: 1
train: {workers: 2, global_batch_size: 128, epochs: 2, lr: 0.05, seed: 1}
model: {width: 2}
evaluate: {baselines: [constant, trees]}
tune: {trials: 2, space: {train.lr: {loguniform: [0.01, 0.1]}}}
"""


class Project:
    """A folder with git, DVC and a recipe."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder, self.environment = folder, environment
        (folder / "recipe.py").write_text(RECIPE)
        (folder / "params.yaml").write_text(PARAMS)
        stages = (ROOT / "dvc.yaml").read_text().replace("firelib/recipes/flights.py", "recipe.py")
        (folder / "dvc.yaml").write_text(stages.replace("flights", "signs"))
        random = np.random.default_rng(0)
        rows = [f"{i},{i % 4 + 1},{x:.4f},{'abc'[i % 3]},{int(x > 0)}" for i, x in enumerate(random.normal(size=2000))]
        (folder / "rows.csv").write_text("\n".join(["id,month,number,word,positive", *rows]) + "\n")
        (folder / ".gitignore").write_text("/storage/\n/wandb/\n")
        self.do("git", "init", "-q")
        self.do("dvc", "init", "-q")
        self.commit()

    def do(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        me = {f"GIT_{role}_{part}": "test@test" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
        env = {**os.environ, **me, "PATH": path, "NO_COLOR": "1", "COLUMNS": "200", **self.environment}
        done = subprocess.run(
            command, cwd=self.folder, env=env, capture_output=True, text=True, timeout=patience(400), check=False
        )
        assert not check or done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Start a command whose standard input stays open, and whose outputs are one stream."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "200", **self.environment}
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        return subprocess.Popen(command, cwd=self.folder, env=env, text=True, **streams)

    def commit(self) -> None:
        self.do("git", "add", "-A")
        self.do("git", "commit", "-qm", "state")

    def json(self, path: str):
        return json.loads((self.folder / path).read_text())

    def executed(self, done: subprocess.CompletedProcess[str]) -> list[str]:
        marker = "Running stage '"
        return [line.split("'")[1] for line in done.stdout.splitlines() if line.startswith(marker)]


@pytest.fixture(scope="module")
def project(ray_cluster, tmp_path_factory):
    """A project whose pipeline has run once, on its own Ray; all later commands join the Ray of the tests."""
    import ray

    project = Project(tmp_path_factory.mktemp("project"))
    project.first = project.do("firelib", "run")
    project.commit()
    project.environment = {"RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    return project


@pytest.mark.integration
def test_first_run_runs_all_stages(project):
    assert project.executed(project.first) == ["extract", "transform", "train", "evaluate"]
    assert "models/signs" in project.first.stderr
    assert project.json("metrics/signs/test.json")["roc_auc"] > 0.95
    assert set(project.json("metrics/signs/baselines.json")) == {"boosted_trees", "class_prior"}
    assert project.json("data/signs/tfrecords/manifest.json")["quality"]["excluded"] == {"of month 3": 500}


@pytest.mark.integration
def test_second_run_reports_nothing_to_do(project):
    again = project.do("firelib", "run")
    assert "nothing to do" in again.stderr
    assert project.executed(again) == []


@pytest.mark.integration
def test_files_of_others_among_the_outputs_are_not_removed(project):
    """DVC would remove them before the stage could refuse."""
    notes = project.folder / "models/signs/notes.md"
    notes.write_text("mine")
    refused = project.do("firelib", "run", "--force", "train", check=False)
    assert refused.returncode == 1
    assert "notes.md" in refused.stderr
    assert notes.read_text() == "mine"
    notes.unlink()


@pytest.mark.integration
def test_git_and_dvc_report_a_clean_state(project):
    assert "up to date" in project.do("dvc", "status").stdout
    assert project.do("git", "status", "--porcelain").stdout == ""


@pytest.mark.integration
def test_dvc_shows_metrics_plots_and_graph(project):
    assert "roc_auc" in project.do("dvc", "metrics", "show").stdout
    assert "transform" in project.do("dvc", "dag").stdout
    project.do("dvc", "plots", "show", "-o", "dvc_plots")
    page = (project.folder / "dvc_plots" / "index.html").read_text()
    assert page.count("true_positive_rate") > 10
    for name in ("roc", "precision_recall", "calibration", "training"):
        assert (project.folder / f"plots/signs/{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.integration
def test_predict_scores_raw_rows(project):
    rows = "number,word\n3.0,a\n-3.0,b\n"
    (project.folder / "rows_to_score.csv").write_text(rows)
    done = project.do("firelib", "predict", "rows_to_score.csv")
    high, low = (json.loads(line)["positive"] for line in done.stdout.splitlines())
    assert high > 0.5 > low
    (project.folder / "rows_to_score.csv").unlink()


@pytest.mark.integration
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 75), (signal.SIGINT, 130)], ids=["SIGTERM", "Ctrl-C"])
@pytest.mark.parametrize(
    ("command", "loaded"),
    [(["evaluate"], "tensorflow"), (["predict"], "libarrow"), (["tune", "--tracking", "none"], "_raylet")],
    ids=["evaluate", "predict", "tune"],
)
def test_signals_end_other_stages_with_one_line(project, command, loaded, number, code):
    before = project.do("git", "status", "--porcelain").stdout
    with project.start("firelib", *command) as process:
        maps = Path(f"/proc/{process.pid}/maps")
        wait_until(lambda: process.poll() is not None or loaded in maps.read_text(), 60, f"{command} works")
        process.send_signal(number)
        output = process.communicate(timeout=patience(60))[0]
    assert process.returncode == code, output
    assert output.count("run the same command again") == 1, output
    assert "Traceback" not in output
    assert project.do("git", "status", "--porcelain").stdout == before  # metrics and plots among them


@pytest.mark.integration
def test_experiment_runs_train_and_evaluate_only(project):
    before = project.json("metrics/signs/train.json")
    project.environment["FIRELIB_WORKERS"] = "1"  # does not change the result, and starts one process less
    done = project.do("dvc", "exp", "run", "-S", "train.lr=0.2", "-n", "faster")
    assert project.executed(done) == ["train", "evaluate"]
    assert project.json("metrics/signs/train.json")["train_loss"] < before["train_loss"]
    assert "faster" in project.do("dvc", "exp", "show", "--md").stdout
    project.do("git", "checkout", "-q", ".")
    project.do("dvc", "checkout", "-q")


@pytest.mark.integration
def test_missing_lake_is_rebuilt_from_its_pin(project):
    """After DVC restores lake.json without the lake, transform rebuilds the lake and writes the same bytes."""
    before = project.json("data/signs/tfrecords/manifest.json")
    project.do("rm", "-r", "storage/lake")
    done = project.do("firelib", "transform")
    assert "extracting again: the lake lacks versions of rows" in done.stderr
    assert project.json("data/signs/tfrecords/manifest.json") == before


@pytest.mark.integration
def test_broken_stage_fails_with_one_error_and_keeps_finished_stages(project):
    recipe = project.folder / "recipe.py"
    recipe.write_text(RECIPE.replace('Feature("number"', 'Feature("nmber"'))
    try:
        done = project.do("firelib", "run", check=False)
        assert done.returncode != 0
        assert "'nmber'" in done.stderr
        assert "'number'" in done.stderr
        assert "Traceback" not in done.stderr
    finally:
        recipe.write_text(RECIPE)
    done = project.do("firelib", "run", "transform")
    assert "Test split" not in done.stdout + done.stderr  # the metrics may be those of other data


def test_targets_select_the_stages_of_one_pipeline(tmp_path):
    (tmp_path / "pipelines").mkdir()
    shutil.copytree(ROOT / "pipelines/fashion_mnist", tmp_path / "pipelines/fashion_mnist")
    shutil.copytree(ROOT / "firelib/recipes", tmp_path / "firelib/recipes")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "pipelines/fashion_mnist/dvc.lock").unlink(missing_ok=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    own = tmp_path / "pipelines/fashion_mnist/dvc.yaml"
    stages = ["extract", "transform", "train", "evaluate"]
    assert stale_stages(tmp_path, qualify_targets(own, [])) == stages
    assert stale_stages(tmp_path, qualify_targets(own, ["train"])) == stages[:3]
    assert stale_stages(tmp_path, qualify_targets(tmp_path / "dvc.yaml", [])) == stages


@pytest.mark.parametrize("name", ["dvc.yaml", "dvc.lock"])
def test_a_merge_conflict_in_a_file_of_dvc_is_named(tmp_path, name):
    from dvc.repo import Repo

    Repo.init(str(tmp_path), no_scm=True).close()
    (tmp_path / "dvc.yaml").write_text("stages:\n  extract:\n    cmd: firelib extract\n")
    (tmp_path / name).write_text("stages:\n<<<<<<< HEAD\n  a: {cmd: x}\n=======\n  b: {cmd: x}\n>>>>>>> other\n")
    with refused(what="line 2", where=tmp_path / name, remedy="git checkout", kind=MergeConflictError):
        stale_stages(tmp_path, [])


@pytest.mark.integration
def test_stale_stages_include_those_that_a_target_depends_on(tmp_path):
    """`firelib run transform` runs extract, too: its sources are checked, and their state is remembered."""
    stages = {
        "extract": {"cmd": "cp a.txt b.txt", "deps": ["a.txt"], "outs": ["b.txt"]},
        "transform": {"cmd": "cp b.txt c.txt", "deps": ["b.txt"], "outs": ["c.txt"]},
        "train": {"cmd": "cp c.txt d.txt", "deps": ["c.txt"], "outs": ["d.txt"]},
    }
    (tmp_path / "dvc.yaml").write_text(json.dumps({"stages": stages}))
    (tmp_path / "a.txt").write_text("a")
    subprocess.run([sys.executable, "-m", "dvc", "init", "-q", "--no-scm"], cwd=tmp_path, check=True)
    targets = qualify_targets(tmp_path / "dvc.yaml", ["transform"])
    assert stale_stages(tmp_path, targets) == ["extract", "transform"]
