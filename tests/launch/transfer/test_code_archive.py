"""The files in the archive of a project's code."""

import os
import zipfile

import pytest

from firelib.launch.transfer.code_archive import write_package
from firelib.launch.transfer.code_selection import NEVER, select_code
from tests.errors import refused
from tests.project import ROOT


def fill(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def project_files(project, stage):
    return list(select_code(project, stage).files)


@pytest.fixture
def project(tmp_path):
    fill(
        tmp_path,
        *("params.yaml", "recipe.py", "dvc.yaml", ".dvc/config", "firelib/cli/__init__.py", "data/flights/lake.json"),
        *("data/flights/tfrecords/manifest.json", "data/flights/tfrecords/train-00000-of-00001.tfrecord"),
        *("data/flights/rejected.parquet", "models/flights/model.keras", "storage/lake/part", "wandb/run/log"),
        *(".git/config", ".venv/bin/python", ".env", ".netrc", "keys/server.pem", "auth_token", ".dvc/config.local"),
        *(
            ".dvc/cache/files/ab",
            "notes/private.txt",
            "big/raw.bin",
            "my-service-account.json",
            "firelib/__pycache__/x.pyc",
        ),
    )
    (tmp_path / ".gitignore").write_text("/notes/\n")
    (tmp_path / ".rayignore").write_text("big/\n")
    return tmp_path


CODE = [
    ".dvc/config",
    ".gitignore",
    ".rayignore",
    "data/flights/lake.json",
    "data/flights/tfrecords/manifest.json",
    "dvc.yaml",
    "firelib/cli/__init__.py",
    "params.yaml",
    "recipe.py",
]


def test_the_archive_has_code_and_small_inputs(project):
    assert project_files(project, "train") == CODE


def test_packages_may_have_the_names_of_folders_that_are_left_out():
    """Such as `firelib.storage`: without it, no job that brings firelib's code could start."""
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "firelib").rglob("*.py")}
    assert modules <= set(project_files(ROOT, "train"))


def test_only_evaluate_gets_the_model(project):
    assert set(project_files(project, "evaluate")) - set(CODE) == {"models/flights/model.keras"}


def test_same_files_give_the_same_archive(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("archives")
    write_package(project, "train", folder / "a.zip")
    for name in CODE:
        os.utime(project / name, (1, 1))
    assert write_package(project, "train", folder / "b.zip") == CODE
    assert (folder / "a.zip").read_bytes() == (folder / "b.zip").read_bytes()
    with zipfile.ZipFile(folder / "a.zip") as archive:
        assert archive.read("recipe.py") == b"recipe.py"


def test_an_archive_that_is_too_large_names_the_largest_files(project, tmp_path_factory):
    (project / "weights.bin").write_bytes(os.urandom(3 << 20))
    (project / "more.bin").write_bytes(os.urandom(1 << 20))
    with refused(what="2 MiB", where=project, remedy=".rayignore") as caught:
        write_package(project, "train", tmp_path_factory.mktemp("archive") / "a.zip", limit_mib=2)
    what = caught.value.what
    assert what.index("weights.bin") < what.index("more.bin")


def test_rayignore_excludes_the_same_files():
    """`ray job submit --working-dir .` reads .rayignore only."""
    lines = (ROOT / ".rayignore").read_text().splitlines()
    assert set(NEVER) <= set(lines)


def test_this_repository_is_small():
    size = sum((ROOT / name).stat().st_size for name in project_files(ROOT, "train"))
    assert size < 10 << 20
