"""Completion as the shell asks for it, in a process of its own; its values in this one."""

import pytest

from firelib.cli.commands import STAGES
from firelib.cli.completion import (
    complete_backend,
    complete_command,
    complete_job,
    complete_recipe,
    complete_stage,
)
from firelib.cli.help import format_help


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_recipes_are_those_with_a_pipeline(project):
    for folder, recipe in ((project, "flights"), (project / "pipelines/fashion_mnist", "fashion_mnist")):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "params.yaml").write_text(f"recipe: {recipe}\n")
    assert complete_recipe("") == ["flights", "fashion_mnist"]
    assert complete_recipe("fa") == ["fashion_mnist"]


def test_stages_are_those_of_dvc_yaml(project):
    assert complete_stage("") == list(STAGES)
    (project / "dvc.yaml").write_text("stages:\n  train: {cmd: firelib train}\n  deploy: {cmd: ./deploy}\n")
    assert complete_stage("") == ["train", "deploy"]
    assert complete_stage("d") == ["deploy"]


def test_jobs_are_those_with_a_record(project):
    assert complete_job("") == []
    (project / ".firelib/jobs/train-2-files").mkdir(parents=True)
    for job in ("train-1", "train-2"):
        (project / f".firelib/jobs/{job}.json").write_text("{}")
    assert sorted(complete_job("train")) == ["train-1", "train-2"]


def test_backends_and_commands_of_jobs():
    assert complete_backend("v") == ["vertex"]
    assert "transform" in complete_command("t")


def test_a_broken_project_completes_nothing(project):
    (project / "dvc.yaml").write_text("stages: [")
    (project / "params.yaml").write_text("recipe: [")
    assert complete_stage("") == []
    assert complete_recipe("") == []


def test_brackets_in_a_docstring_are_no_markup():
    assert format_help("Take `[B]` or\n[/x].").replace("\\[", "[") == "Take [cyan][B][/] or [/x]."
