"""Git and firelib's own reading of ignore files agree on the files of a project."""

import os
import subprocess

import pytest

from firelib.launch.transfer import project_files
from firelib.launch.transfer.code_selection import ALLOW_FILE, select_code
from firelib.launch.transfer.project_files import list_project_files
from tests.errors import refused
from tests.launch.transfer.planted import write


def list_files(folder):
    return sorted(set(list_project_files(folder, lambda name: name == ".git")))


@pytest.fixture
def project(tmp_path):
    write(tmp_path, ".gitignore", text="*.log\n!keep.log\n/build/\ndocs/**/draft\nname with space \nÄ*\n")
    write(tmp_path, "a/.gitignore", text="!*.log\nsecret.log\n/only_here\n")
    write(tmp_path, "build/.gitignore", text="!*\n")
    write(tmp_path, "x.log", "keep.log", "build/out", "a/build/out", "a/x.log", "a/secret.log", "a/b/secret.log")
    write(tmp_path, "a/only_here", "a/b/only_here", "docs/draft", "docs/1/2/draft/x", "Ärger", "ärger", "new\nline.log")
    return tmp_path


def test_both_ways_agree(project, monkeypatch):
    without = list_files(project)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    assert [name for name in list_files(project) if not name.startswith(".git/")] == without
    monkeypatch.setattr(project_files.shutil, "which", lambda name: None)
    assert list_files(project) == without
    assert {"a/x.log", "keep.log", "a/build/out", "a/b/only_here"} <= {*without}
    assert not {"x.log", "build/out", "a/secret.log", "new\nline.log", "a/only_here", "docs/draft"} & {*without}


def test_repositories_inside_and_subfolders_of_repositories(project):
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    subprocess.run(["git", "init", "--quiet", str(project / "a/inner")], check=True)
    write(project, "a/inner/code.py", "a/inner/x.tmp", "a/inner/.gitignore", text="*.tmp\n")
    inside = {"inner/code.py", "inner/.gitignore"}
    assert inside <= {*list_files(project / "a")}
    assert "inner/x.tmp" not in list_files(project / "a")
    assert {f"a/{name}" for name in inside} <= {*list_files(project)}


def test_a_project_that_its_repository_ignores_is_read_without_git(project):
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    write(project, "build/inner/code.py")
    assert list_files(project / "build/inner") == ["code.py"]


def test_files_that_git_tracks_may_be_gone(project):
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    subprocess.run(["git", "add", "keep.log"], cwd=project, check=True)
    (project / "keep.log").unlink()
    assert "keep.log" not in select_code(project, "train").files


def test_variables_of_a_git_hook_do_not_matter(project, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert "keep.log" in list_files(project)


def test_a_pointer_to_a_lost_repository_is_no_repository(project):
    without = list_files(project)
    write(project, ".git", text="gitdir: /nowhere\n")
    assert list_files(project) == sorted([".git", *without])


def test_a_repository_that_git_refuses_to_read_is_an_error(project, monkeypatch):
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with refused(what="safe.directory", where=project):
        list_files(project)


def test_git_does_not_wait_forever(project, monkeypatch):
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    (project / "fifo").mkdir()
    os.mkfifo(project / "fifo/.gitignore")
    monkeypatch.setattr(project_files, "_GIT_SECONDS", 0.5)
    with refused(where=project, what="0.5 s"):
        list_files(project)


@pytest.mark.parametrize("name", [".gitignore", ".rayignore", ALLOW_FILE])
def test_an_ignore_file_that_is_a_fifo_has_no_rules(tmp_path, name):
    write(tmp_path, "code.py")
    os.mkfifo(tmp_path / name)
    assert list(select_code(tmp_path, "train").files) == ["code.py"]
