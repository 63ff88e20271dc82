"""Two states of a small DVC project, compared by the command."""

import json
import shutil
import subprocess

import pytest
import yaml
from typer.testing import CliRunner

from firelib.cli import app
from firelib.console_tables import is_higher_better
from firelib.errors import FirelibError, MergeConflictError
from firelib.scaffold.repository import init_repositories
from tests.errors import refused
from tests.project import ROOT

RECIPE = (ROOT / "firelib/recipes/flights.py").read_text()
METRICS = {"roc_auc": 0.75, "log_loss": 0.5, "notes": ["one"]}
LOCK = {"stages": {"extract": {"outs": [{"path": "data/flights/lake.json", "md5": "0123456789abcdef"}]}}}


def git(folder, *arguments):
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def write(folder, path, content):
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(content if isinstance(content, str) else json.dumps(content))


def write_state(folder, auc, loss, lr):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["train"]["lr"] = lr
    params["recipe"] = "recipe.py"
    write(folder, "recipe.py", f"{RECIPE}\n# for a learning rate of {lr}\n")
    write(folder, "params.yaml", yaml.safe_dump(params))
    write(folder, "metrics/flights/test.json", {**METRICS, "roc_auc": auc})
    write(folder, "metrics/flights/train.json", {"steps": 10, "val_loss": loss, "curiosity": loss})
    write(folder, "plots/flights/training.csv", "step,loss\n" + "".join(f"{n},{loss / n}\n" for n in range(1, 30)))
    write(folder, "plots/flights/validation.csv", f"epoch,val_loss\n1,{loss}\n2,{loss}\n")
    write(folder, "dvc.lock", yaml.safe_dump(LOCK))


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    from dvc.repo import Repo

    folder = tmp_path_factory.mktemp("project")
    git(folder, "init", "--initial-branch", "main")
    Repo.init(str(folder)).close()
    git(folder, "add", ".")
    git(folder, "commit", "-m", "empty")
    git(folder, "tag", "empty")
    for name, (auc, loss, lr) in {"narrow": (0.75, 0.5, 0.1), "wide": (0.8, 0.6, 0.001)}.items():
        write_state(folder, auc, loss, lr)
        git(folder, "add", ".")
        git(folder, "commit", "-m", name)
        git(folder, "tag", name)
    return folder


@pytest.fixture
def compare(repository, monkeypatch):
    monkeypatch.chdir(repository)

    def run(*arguments):
        done = CliRunner().invoke(app, ["compare", *arguments])
        if isinstance(done.exception, FirelibError):
            raise done.exception
        assert done.exit_code == 0, done.output
        assert max(map(len, done.stdout.splitlines())) < 80
        return [line.split() for line in done.stdout.replace("│", " ").splitlines()]

    return run


def test_revisions_differ_in_parameters_and_metrics(compare, tmp_path):
    rows = compare("narrow", "wide", "--output", str(tmp_path / "curves.png"))
    assert ["train.lr", "0.1", "0.001"] in rows
    assert ["roc_auc", "0.7500", "0.8000", "+0.0500", "better"] in rows
    assert ["log_loss", "0.5000", "0.5000", "+0.0000", "equal"] in rows
    assert ["train:", "val_loss", "0.5000", "0.6000", "+0.1000", "worse"] in rows
    assert ["train:", "curiosity", "0.5000", "0.6000", "+0.1000"] in rows
    assert ["lake.json", "0123456789", "same"] in rows
    assert len({*next(row for row in rows if row[:1] == ["recipe"])}) == 3  # the name, and two hashes
    assert not [row for row in rows if row[:1] == ["train.epochs"]]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_one_name_compares_with_the_working_tree(compare, repository):
    assert ["B:", "working", "tree"] in compare("wide")
    assert (repository / "plots/flights/compare.png").is_file()


def test_folder_of_a_model(compare, repository, tmp_path):
    params = yaml.safe_load((repository / "params.yaml").read_text())
    params["train"]["lr"] = 0.5
    write(tmp_path, "lineage.json", {"params": params, "data": {"run": "flights-1", "tables": {"flights": 3}}})
    rows = compare(str(tmp_path), "wide")
    assert ["train.lr", "0.5", "0.001"] in rows
    assert ["version", "of", "flights", "3", "–"] in rows


def test_unknown_revision(compare):
    with refused(what="'wied'", remedy="'wide'"):
        compare("wied")


def test_repository_without_a_commit(tmp_path, monkeypatch):
    """As `firelib init` leaves it."""
    init_repositories(tmp_path)
    write_state(tmp_path, 0.75, 0.5, 0.1)
    monkeypatch.chdir(tmp_path)
    with refused(what=["'HEAD'", "no commit"], remedy="git commit"):
        raise CliRunner().invoke(app, ["compare", "HEAD"]).exception


def test_revision_without_metrics(compare):
    with refused(what=["empty", "metrics/flights/test.json"], remedy="firelib run"):
        compare("empty")


def test_each_file_that_a_merge_has_left_with_both_sides_is_named(repository, tmp_path, monkeypatch):
    folder = tmp_path / "merged"
    shutil.copytree(repository, folder)
    monkeypatch.chdir(folder)
    git(folder, "checkout", "--force", "-b", "other", "narrow")
    write_state(folder, 0.6, 0.7, 0.01)
    write(folder, "dvc.lock", yaml.safe_dump(LOCK).replace("0123", "abcd"))
    git(folder, "commit", "-am", "other")
    git(folder, "checkout", "--force", "-b", "another", "narrow")
    write_state(folder, 0.5, 0.8, 0.02)
    write(folder, "dvc.lock", yaml.safe_dump(LOCK).replace("0123", "ffff"))
    git(folder, "commit", "-am", "another")
    with pytest.raises(subprocess.CalledProcessError):
        git(folder, "merge", "other")
    git(folder, "checkout", "--ours", "recipe.py", "plots")
    for file in ("params.yaml", "metrics/flights/test.json", "metrics/flights/train.json", "dvc.lock"):
        done = CliRunner().invoke(app, ["compare", "narrow"])
        with refused(what="line", where=file, remedy="git checkout", kind=MergeConflictError):
            raise done.exception
        git(folder, "checkout", "--ours", file)
    done = CliRunner().invoke(app, ["compare", "narrow"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("roc_auc", True), ("train: val_auc", True), ("train: train_loss", False), ("rmse", False), ("steps", None)],
)
def test_direction_of_a_metric(metric, expected):
    assert is_higher_better(metric) is expected
