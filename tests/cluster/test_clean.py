"""What role `clean` leaves in the folder of the environment, with the real Ansible on a folder of this machine."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cluster.ansible_failures import failures
from tests.project import ROOT

pytestmark = pytest.mark.containers  # Ansible is there with `make test-cluster` only

OURS = ("venv/bin/ray", "uv/bin/uv", "lock/uv.lock", "python/bin/python3.12", "ray.env", "autostop.py")
WRITERS = ("autostop", "python_env", "ray_service")
THEIRS = ("photos/cat.jpg", "notes.txt", ".config")


def clean(folder: Path, playbook: Path, *options: str) -> str:
    role = {"name": "clean", "tasks_from": "folder.yml"}
    tasks = [{"name": "Empty the folder", "ansible.builtin.include_role": role}]
    playbook.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    done = subprocess.run(
        ["ansible-playbook", "-e", json.dumps({"clean_folder": str(folder)}), str(playbook), *options],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",  # what `failures` reads
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert failures(done.stdout) == [], done.stdout
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_files_of_others_stay_on_a_disk_that_is_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "large disk"
    for name in (*OURS, *THEIRS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert "changed=1 " in clean(folder, tmp_path / "play.yml", "--check")
    assert all((folder / name).exists() for name in OURS)
    clean(folder, tmp_path / "play.yml")
    left = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert left == set(THEIRS)
    assert "changed=0 " in clean(folder, tmp_path / "play.yml")


def test_all_that_the_roles_put_into_the_folder_is_removed() -> None:
    """Their tasks name the files."""
    names = yaml.safe_load((ROOT / "ansible/roles/clean/vars/main.yml").read_text())["clean_names"]
    tasks = [path.read_text() for role in WRITERS for path in (ROOT / "ansible/roles" / role).glob("tasks/*.yml")]
    assert set(re.findall(r"_folder[^/\n]{0,12}/([\w.-]+)", "\n".join(tasks))) == set(names)
