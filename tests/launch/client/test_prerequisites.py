"""`firelib doctor --to NAME` on the command line."""

from pathlib import Path

import pytest

from tests.launch.drill import firelib_here, write_project


def test_an_unknown_environment_is_named_with_the_known_ones(tmp_path: Path) -> None:
    done = firelib_here(write_project(tmp_path), "doctor", "--to", "verteks")
    assert done.returncode == 1
    assert "verteks" in done.stderr
    assert "vertex" in done.stderr


def test_a_project_without_settings_is_told_what_to_run(tmp_path: Path) -> None:
    unset = {"GOOGLE_CLOUD_PROJECT": "", "GOOGLE_CLOUD_REGION": ""}
    done = firelib_here(write_project(tmp_path), "doctor", "--to", "vertex", **unset)
    assert done.returncode == 1
    assert "PROJECT is missing" in done.stdout
    assert "make vertex" in done.stdout


SETTINGS = {"vertex": "project", "kubernetes": "namespace", "kubeflow": "namespace"}


@pytest.mark.parametrize(("to", "setting"), SETTINGS.items())
def test_each_environment_has_its_checks(tmp_path: Path, to: str, setting: str) -> None:
    """Without a cluster and without settings; what the command line says is part of the findings."""
    environ = {"KUBECONFIG": str(tmp_path / "missing"), "GOOGLE_CLOUD_REGION": "", "COLUMNS": "200"}
    done = firelib_here(write_project(tmp_path), "doctor", "--to", to, "--set", f"{setting}=Wrong Name", **environ)
    assert done.returncode == 1
    assert "error" in done.stdout
    assert "Wrong Name" in done.stdout
