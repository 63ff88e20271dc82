"""A project with valid files."""

from importlib import metadata
from pathlib import Path

import pytest

from tests.doctor.findings import write_lock
from tests.project import ROOT


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.11"\n')
    write_lock(tmp_path, numpy=metadata.version("numpy"), ray=metadata.version("ray"))
    return tmp_path
