"""Ephemeral folders of jobs."""

import pytest

from firelib.job_context import CODE, is_ephemeral, validate_shared_root
from tests.errors import refused

COPY = "runtime_resources/working_dir_files/_ray_pkg_1"


@pytest.mark.parametrize(
    ("variables", "folder", "ephemeral"),
    [
        ({}, COPY, False),
        ({"RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}, COPY, True),
        ({"RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}, "shared/projects/mine", False),
        ({CODE: "gs://b/code.zip"}, "project", True),
    ],
)
def test_copies_of_a_project_are_ephemeral(tmp_path, monkeypatch, variables, folder, ephemeral):
    for name in ("RAY_JOB_CONFIG_JSON_ENV_VAR", CODE):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_ephemeral(tmp_path / folder) == ephemeral


@pytest.mark.parametrize("root", ["/mnt/shared", "file:///mnt/shared", "gs://bucket/x", "s3://bucket"])
def test_shared_roots_are_accepted(root):
    assert validate_shared_root(root) == root


@pytest.mark.parametrize("root", ["storage", "", "./x", "~/x"])
def test_roots_inside_the_folder_are_refused(root):
    with refused(what=["storage.root", repr(root)], remedy="FIRELIB_STORAGE_ROOT"):
        validate_shared_root(root)
