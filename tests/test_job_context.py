"""Folders that end with the job."""

import pytest

from firelib.job_context import CODE, is_passing, shared_root
from tests.errors import refused

COPY = "runtime_resources/working_dir_files/_ray_pkg_1"


@pytest.mark.parametrize(
    ("variables", "folder", "passing"),
    [
        ({}, COPY, False),
        ({"RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}, COPY, True),
        ({"RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}, "shared/projects/mine", False),
        ({CODE: "gs://b/code.zip"}, "project", True),
    ],
)
def test_copies_of_a_project_are_known(tmp_path, monkeypatch, variables, folder, passing):
    for name in ("RAY_JOB_CONFIG_JSON_ENV_VAR", CODE):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert is_passing(tmp_path / folder) == passing


@pytest.mark.parametrize("root", ["/mnt/shared", "gs://bucket/x", "s3://bucket"])
def test_places_that_all_hosts_see(root):
    assert shared_root(root) == root


@pytest.mark.parametrize("root", ["storage", "", "./x"])
def test_places_that_end_with_the_job(root):
    with refused(what=["storage.root", repr(root)], remedy="FIRELIB_STORAGE_ROOT"):
        shared_root(root)
