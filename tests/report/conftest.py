"""One finished project for all tests of a process, and copies that a test may change."""

import shutil
from pathlib import Path

import pytest

from firelib.report.project import ReportedProject
from firelib.report.write import write_report
from tests.recipes.tiny import project as layout
from tests.recipes.tiny import tiny_recipe
from tests.report.finished import OUT, finished_project


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> ReportedProject:
    """A finished project with its report; no test changes it."""
    project = finished_project(tmp_path_factory.mktemp("pristine"))
    write_report(project, project.folder / OUT)
    return project


@pytest.fixture
def project(pristine: ReportedProject, tmp_path: Path) -> ReportedProject:
    """A copy of it."""
    folder = tmp_path / "copy"
    shutil.copytree(pristine.folder, folder)
    params, paths = layout(folder)
    return ReportedProject(tiny_recipe(folder), params, paths, folder / "dvc.yaml", [])
