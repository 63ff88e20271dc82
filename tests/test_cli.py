"""The command line, as processes of their own: what it says, and its exit codes."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firelib.cli import main
from tests.project import ROOT


def firelib(*arguments: str, cwd: Path = ROOT, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from firelib.cli import main; main()", *arguments]
    env = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environment}
    return subprocess.run(
        command, cwd=cwd, input=stdin, env=env, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def project(tmp_path):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['firelib', '--help']\n"
        "from firelib.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'ray', 'dask', 'pandas', 'pyarrow', 'tensorflow', 'keras', 'numpy', 'sklearn', 'dvc', 'pydantic'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "run",
        "extract",
        "transform",
        "train",
        "tune",
        "evaluate",
        "predict",
        "doctor",
        "data",
        "submit",
        "plan",
        "status",
        "logs",
        "cancel",
        "fetch",
    ],
)
def test_every_command_explains_itself(command):
    done = firelib(command, "--help")
    assert done.returncode == 0
    assert "Usage: firelib" in done.stdout


def test_all_wrong_parameters_are_named_at_once(project):
    text = (project / "params.yaml").read_text()
    text = re.sub(r"\blr: \S+", "lr: fast", text).replace("epochs:", "epoch:").replace("train: 0.8", "train: 0.7")
    (project / "params.yaml").write_text(text)
    done = firelib("transform", cwd=project)
    assert done.returncode == 1
    for part in (
        "train.epochs is missing",
        "train.epoch is unknown: did you mean 'epochs'?",
        "train.lr: Input should be a valid number, got 'fast'",
        "data.split: train + validation + test is 0.9, not 1",
        "where:",
        "remedy:",
    ):
        assert part in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("recipe: flights", "recipe: flihgts"), "there is no recipe 'flihgts'"),
        (("embedding: 8", "embeding: 8"), "model.embeding is unknown: did you mean 'embedding'?"),
        (("embedding: 8", "embedding: wide"), "model.embedding: should be of type int, got 'wide'"),
    ],
)
def test_wrong_recipe_or_model_is_found_before_any_work(project, change, message):
    text = (project / "params.yaml").read_text()
    assert change[0] in text
    (project / "params.yaml").write_text(text.replace(*change))
    done = firelib("extract", cwd=project)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "storage").exists()


def test_a_recipe_is_chosen_by_its_name(project):
    shutil.copytree(ROOT / "pipelines", project / "pipelines")
    own = firelib("transform", "--recipe", "fashion_mnist", cwd=project)
    assert f"{project}/data/fashion_mnist/lake.json" in own.stderr
    same = firelib("--params", "pipelines/fashion_mnist/params.yaml", "transform", cwd=project)
    assert same.stderr == own.stderr
    assert "data/flights/lake.json" in firelib("transform", "--recipe", "flights", cwd=project).stderr
    unknown = firelib("transform", "--recipe", "fashion_mnst", cwd=project)
    assert unknown.returncode == 1
    assert "did you mean 'fashion_mnist'?" in unknown.stderr


def test_no_params_file(tmp_path):
    done = firelib("extract", cwd=tmp_path)
    assert done.returncode == 1
    assert "there is no params.yaml" in done.stderr


def test_wrong_environment(project):
    done = firelib("extract", cwd=project, FIRELIB_WORKERS="many", FIRELIB_TRACKING="paper")
    assert done.returncode == 1
    assert "FIRELIB_WORKERS" in done.stderr
    assert "FIRELIB_TRACKING" in done.stderr


def test_stage_without_its_input_names_it(project):
    done = firelib("transform", cwd=project)
    assert done.returncode == 1
    assert "lake.json" in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_the_traceback(tmp_path):
    done = firelib("--debug", "extract", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_predict_refuses_unknown_features(project):
    done = firelib("predict", json.dumps({"carier": "UA"}), cwd=project)
    assert done.returncode == 1
    assert "unknown 'carier': did you mean 'carrier'?" in done.stderr


def test_data_log_lists_twelve_versions(project):
    assert firelib("extract", cwd=project).returncode == 0
    done = firelib("data", "log", "flights", cwd=project)
    versions = [line.split("│")[1].strip() for line in done.stdout.splitlines() if line.startswith("│")]
    assert versions == [str(version) for version in range(12)]
    assert "month=6" in done.stdout
    unknown = firelib("data", "log", "flihgts", cwd=project)
    assert "did you mean 'flights'?" in unknown.stderr


def test_ctrl_c_says_that_nothing_is_lost(monkeypatch, capsys):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr("firelib.doctor.diagnose", lambda _: interrupted())
    monkeypatch.setattr("sys.argv", ["firelib", "doctor"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert "the same command goes on from here" in capsys.readouterr().err
