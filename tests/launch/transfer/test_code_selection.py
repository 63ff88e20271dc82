"""No secret, no file from elsewhere and nothing that git ignores is sent with a job."""

import os
import subprocess
import zipfile

import pytest

from firelib.launch.transfer.code_archive import write_package
from firelib.launch.transfer.code_selection import ALLOW_FILE, refuse_secrets, select_code
from firelib.launch.transfer.secret_names import SECRET_NAMES
from tests.errors import refused
from tests.launch.transfer.planted import CODE_FILES, SECRET_FILES, VALUE, plant, write
from tests.project import ROOT

LINKS = ["circle", "dangling", "innocent.txt", "link_out", "link_to_folder_out"]


@pytest.mark.parametrize("with_git", [True, False])
def test_nothing_that_is_planted_is_in_the_archive(tmp_path, with_git):
    project = tmp_path / "project"
    plant(project, tmp_path / "outside", with_git)
    names = write_package(project, "train", tmp_path / "code.zip")
    with zipfile.ZipFile(tmp_path / "code.zip") as archive:
        assert archive.namelist() == names
        assert VALUE not in "".join(archive.read(name).decode() for name in names)
    assert {*CODE_FILES, "line\nbreak/code.py", "link_to_code", "data/rows/lake.json"} <= {*names}


def test_enough_is_planted():
    assert len(set(SECRET_FILES)) >= 60


@pytest.mark.parametrize("with_git", [True, False])
def test_what_is_left_out_is_named(tmp_path, with_git):
    project = tmp_path / "project"
    plant(project, tmp_path / "outside", with_git)
    selection = select_code(project, "train")
    notebooks = {"work.ipynb", "notes.IPYNB"}  # no stage needs them
    assert {*SECRET_FILES} - notebooks <= {*selection.secret}
    assert selection.links == LINKS
    assert {*selection.special} <= {"device", "fifo", "socket"}
    assert ("fifo" in selection.special) is not with_git  # git does not list special files


def test_inputs_of_stages_are_sent_although_dvc_has_git_ignore_them(tmp_path):
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    inputs = ["data/a/lake.json", "data/a/tfrecords/manifest.json", "metrics/a/train.json", "models/a/model.keras"]
    write(tmp_path, *inputs, "data/a/tfrecords/other.bin")
    write(tmp_path, "data/a/.gitignore", "metrics/.gitignore", "models/.gitignore", text="*\n")
    assert list(select_code(tmp_path, "evaluate").files) == inputs
    assert list(select_code(tmp_path, "train").files) == inputs[:-1]


def test_links_into_the_cache_of_dvc_are_followed(tmp_path):
    project, cached = tmp_path / "project", tmp_path / "cache/files/md5/ab" / ("c" * 30)
    cached.parent.mkdir(parents=True)
    cached.write_text("{}")
    (project / "data/rows").mkdir(parents=True)
    (project / "data/rows/lake.json").symlink_to(cached)
    assert select_code(project, "transform").files["data/rows/lake.json"] == cached


def test_code_in_a_folder_that_is_named_like_secrets_is_sent(tmp_path):
    for name in ("src/secrets/__init__.py", "src/secrets/key.bin", ".aws/notes.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    assert list(select_code(tmp_path, "train").files) == ["src/secrets/__init__.py"]


def test_all_files_with_secrets_are_named_at_once(tmp_path):
    key = "-----BEGIN OPENSSH " + "PRIVATE KEY-----"
    write(tmp_path, "notes.md", text=f"first\n{key}\n{VALUE}")
    write(tmp_path, "conf.py", text="key = 'AKIA" + "ABCDEFGHIJKLMNOP'")
    write(tmp_path, "code.py", text="clean")
    with refused(what=[("notes.md", "line 2"), ("conf.py", "AWS")], remedy=[".rayignore", ALLOW_FILE]) as caught:
        write_package(tmp_path, "train", tmp_path / "code.zip")
    assert VALUE not in str(caught.value)
    assert "code.py" not in caught.value.what
    assert not (tmp_path / "code.zip").exists()


def test_a_file_can_be_allowed_on_purpose(tmp_path):
    write(tmp_path, "tests/ca.pem", "tests/other.pem", text="-----BEGIN " + "PRIVATE KEY-----")
    write(tmp_path, ALLOW_FILE, text="# for tests\n/tests/ca.pem\n")
    selection = select_code(tmp_path, "train")
    refuse_secrets(selection)
    assert (selection.allowed, selection.secret) == (["tests/ca.pem"], ["tests/other.pem"])


def test_a_name_that_no_archive_can_hold_is_refused(tmp_path):
    write(tmp_path, "a.py")
    (tmp_path / os.fsdecode(b"b\xff.py")).touch()
    with refused(what="UTF-8"):
        write_package(tmp_path, "train", tmp_path / "code.zip")


def test_a_link_in_a_linked_project_stays_inside(tmp_path):
    write(tmp_path, "real/params.yaml")
    (tmp_path / "project").symlink_to("real")
    (tmp_path / "real/copy").symlink_to("params.yaml")
    assert list(select_code(tmp_path / "project", "train").files) == ["copy", "params.yaml"]


@pytest.mark.parametrize(("file", "prefix"), [(".rayignore", ""), (".dockerignore", "**/")])
def test_ignore_files_of_other_programs_have_the_same_names(file, prefix):
    """`ray job submit --working-dir .` and `docker build` read only these files."""
    assert {f"{prefix}{name}" for name in SECRET_NAMES} <= {*(ROOT / file).read_text().splitlines()}
