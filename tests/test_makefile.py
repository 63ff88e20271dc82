"""`make setup` with the real Makefile and uv, on a project of two packages: bytecode, interruptions, full disks."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.full_disk import small_disk
from tests.project import ROOT

PYPROJECT = """
[project]
name = "tiny"
version = "1"
requires-python = ">=3.11"
dependencies = ["pack"]
[project.optional-dependencies]
cluster = ["tool"]
vertex = ["cloud"]
kubeflow = ["pods"]
gcs = []
s3 = []
[dependency-groups]
ansible = []
[tool.uv.sources]
pack = {path = "pack-1-py3-none-any.whl"}
tool = {path = "tool-1-py3-none-any.whl"}
cloud = {path = "cloud-1-py3-none-any.whl"}
pods = {path = "pods-1-py3-none-any.whl"}
"""
MODULES = {
    "pack": "".join(f"x{n} = 'text{n}' * 500\n" for n in range(1000)),  # 3 MB of bytecode
    "tool": "",  # stands for Ansible: installed by `make cluster` only
    "cloud": "",  # stands for Vertex AI's client, and the next one for those of Kubernetes
    "pods": "",
}
# Replaces uv: runs the real one, then deletes half of the package and sends a signal to make and its children.
INTERRUPTED_UV = """#!/bin/sh
{uv} "$@" || exit
case "$*" in
    {arguments})
        rm -rf .venv/lib/*/site-packages/{lost}
        kill -s {signal} -- "-$(ps -o pgid= $$ | tr -d ' ')"
        sleep 60
        ;;
esac
"""


def uv() -> str:
    found = shutil.which("uv", path=f"{ROOT / '.uv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert found, "uv is missing: make setup"
    return found


def write_project(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    for name, text in MODULES.items():
        write_wheel(folder, name, text)
    (folder / "firelib").mkdir()
    (folder / "firelib" / "__init__.py").write_text("")
    subprocess.run([uv(), "lock", "--quiet"], cwd=folder, env=environment(folder), check=True)
    return folder


def write_wheel(folder: Path, name: str, text: str) -> None:
    """A package of one module."""
    files = {
        f"{name}.py": text,
        f"{name}-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{name}-1.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{name}-1.dist-info/RECORD"
    with ZipFile(folder / f"{name}-1-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
        wheel.writestr(record, "".join(f"{path},,\n" for path in (*files, record)))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def environment(folder: Path) -> dict[str, str]:
    own = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(folder.parent / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    kept = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "VIRTUAL_ENV"}}
    return kept | own | {"PATH": f"{Path(uv()).parent}{os.pathsep}{os.environ['PATH']}"}


def make(folder: Path, *targets: str, path: str = "") -> "subprocess.CompletedProcess[str]":
    """Run make in a new process group, with `path` first on PATH."""
    found = environment(folder)
    return subprocess.run(
        ["make", *(targets or ("setup",)), "EXTRAS=", f"PYTHON={sys.executable}"],
        cwd=folder,
        env=found | ({"PATH": f"{path}{os.pathsep}{found['PATH']}"} if path else {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        start_new_session=True,
    )


def compiled(folder: Path) -> bool:
    """Whether Python imports the package from valid bytecode."""
    command = [folder / ".venv/bin/python", "-v", "-c", "import pack"]
    done = subprocess.run(command, env=environment(folder), capture_output=True, text=True, check=True)
    return any("pack.cpython" in line and " matches " in line for line in done.stderr.splitlines())


def test_packages_and_firelib_are_compiled_where_python_writes_no_bytecode(project: Path) -> None:
    done = make(project)
    assert done.returncode == 0, done.stdout
    assert "compiled bytecode in" in done.stdout
    assert compiled(project)
    assert len(list(project.glob("firelib/__pycache__/*.pyc"))) == 1


def test_second_setup_has_nothing_to_do(project: Path, tmp_path: Path) -> None:
    make(project)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "uv").write_text("#!/bin/sh\nexit 1\n")  # any call of uv fails
    (tmp_path / "bin" / "uv").chmod(0o755)
    again = make(project, path=str(tmp_path / "bin"))
    assert again.returncode == 0, again.stdout
    assert [line for line in again.stdout.splitlines() if not line.startswith("make: Nothing")] == []


@pytest.mark.parametrize("name", ["INT", "KILL"])
@pytest.mark.parametrize(
    ("arguments", "lost"),
    [("sync*--compile-bytecode", "__pycache__"), ("sync*", "pack.py")],
    ids=["compiling", "installing"],
)
def test_next_setup_completes_an_interrupted_one(
    project: Path, tmp_path: Path, arguments: str, lost: str, name: str
) -> None:
    (tmp_path / "bin").mkdir()
    script = INTERRUPTED_UV.format(uv=uv(), arguments=arguments, lost=lost, signal=name)
    (tmp_path / "bin" / "uv").write_text(script)
    (tmp_path / "bin" / "uv").chmod(0o755)
    first = make(project, path=str(tmp_path / "bin"))
    assert first.returncode in {-signal.SIGKILL, -signal.SIGINT, 2}, first.stdout
    assert not (project / ".venv" / ".done").exists()
    assert make(project).returncode == 0
    assert compiled(project)


def test_environment_of_an_earlier_makefile_is_kept_and_compiled(project: Path) -> None:
    make(project)
    shutil.rmtree(next((project / ".venv").glob("lib/*/site-packages/__pycache__")))
    (project / ".venv" / ".synced").unlink()
    (project / ".venv" / "mine").touch()
    assert "compiled bytecode in" in make(project).stdout
    assert compiled(project)
    assert (project / ".venv" / "mine").exists()


def has_tool(folder: Path) -> bool:
    return "tool" in added(folder)


def added(folder: Path) -> set[str]:
    """What the targets have added to the environment."""
    names = {path.stem for path in (folder / ".venv").glob("lib/*/site-packages/*.py")}
    return names & {"tool", "cloud", "pods"}


def change_lock(folder: Path) -> None:
    """As a pull brings it."""
    with (folder / "uv.lock").open("a") as lock:
        lock.write("# another lock\n")


def test_setup_installs_ansible_only_for_clusters_and_keeps_it_after_a_changed_lock(project: Path) -> None:
    make(project)
    assert not has_tool(project)
    change_lock(project)
    assert "installing" in make(project).stdout
    assert not has_tool(project)
    assert "adding Ansible" in make(project, "cluster").stdout
    assert has_tool(project)
    change_lock(project)
    assert "installing" in make(project).stdout
    assert has_tool(project)
    assert "adding Ansible" not in make(project, "cluster").stdout


def test_what_targets_add_is_kept_by_the_others(project: Path) -> None:
    """Also in one run of make, and after a changed lock."""
    assert "adding the clients of Kubernetes" in make(project, ".venv/.kubeflow").stdout
    done = make(project, ".venv/.vertex")
    assert "adding Vertex AI's client" in done.stdout
    assert added(project) == {"cloud", "pods"}
    assert "adding" not in make(project, ".venv/.vertex").stdout
    change_lock(project)
    assert "adding Ansible" in make(project, "cluster").stdout
    assert added(project) == {"tool", "cloud", "pods"}


def test_two_additions_in_one_run_keep_each_other(project: Path) -> None:
    done = make(project, ".venv/.cluster", ".venv/.vertex")
    assert done.returncode == 0, done.stdout
    assert added(project) == {"tool", "cloud"}


def test_setup_after_an_interrupted_one_keeps_ansible(project: Path) -> None:
    make(project, "cluster")
    change_lock(project)
    (project / ".venv" / ".synced").unlink()  # as an interrupted setup leaves them
    (project / ".venv" / ".done").unlink()
    assert "was interrupted" in make(project).stdout
    assert has_tool(project)
    assert "adding Ansible" not in make(project, "cluster").stdout


def test_ansible_is_added_again_where_an_earlier_makefile_removed_it(project: Path) -> None:
    make(project, "cluster")
    subprocess.run([uv(), "sync", "--quiet", "--frozen"], cwd=project, env=environment(project), check=True)
    (project / ".venv" / ".done").touch()
    assert not has_tool(project)
    assert "adding Ansible" in make(project, "cluster").stdout
    assert has_tool(project)


def test_full_disk_only_loses_the_bytecode(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with small_disk(disk, kib=2000):
        folder = write_project(disk / "project")
        done = make(folder)
        assert done.returncode == 0, done.stdout
        assert "note: no bytecode" in done.stdout
        assert (folder / ".venv" / ".done").exists()
        assert not compiled(folder)
        subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
        assert "compiled bytecode in" in make(folder, "bytecode").stdout
        assert compiled(folder)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_read_only_environment_is_used_unchanged(project: Path) -> None:
    make(project)
    with read_only(project / ".venv"):
        done = make(project)
        (project / "uv.lock").touch()
        older = make(project)
    assert done.returncode == 0, done.stdout
    assert "note" not in done.stdout
    assert older.returncode == 0, older.stdout
    assert "note: .venv is not writable and older than uv.lock" in older.stdout


def test_help_names_every_target(project: Path) -> None:
    named = {line.split()[1] for line in make(ROOT, "help").stdout.splitlines()}
    phony = next(line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith(".PHONY:"))
    deprecated = {"bench-tfrecord", "bench-training"}
    assert named == set(phony.split()[1:]) - deprecated


MACHINES = ("vms", "cluster-setup", "cluster-up", "cluster-run", "cluster-down", "vms-down")


def planned(*words: str) -> list[str]:
    """The commands that make would run for a target, without those that install packages."""
    done = subprocess.run(["make", "-n", *words], cwd=ROOT, env=environment(ROOT), capture_output=True, check=True)
    return [
        line for line in done.stdout.decode().splitlines() if "ansible-playbook" in line or "firelib cluster" in line
    ]


@pytest.mark.parametrize("target", MACHINES)
def test_each_target_for_machines_has_a_dry_run_and_takes_a_cluster_file(target: str) -> None:
    for line in planned(target, "CLUSTER=cluster/other.yaml"):
        assert "cluster/other.yaml" in line
        assert "--check" not in line
        assert "--dry-run" not in line
    dry = planned(target, "CLUSTER=cluster/other.yaml", "DRY_RUN=1")
    assert dry
    assert all("--check" in line if "ansible-playbook" in line else "--dry-run" in line for line in dry)


def test_targets_pass_their_variables_on() -> None:
    assert planned("cluster-run", "STAGE=train --fresh")[0].endswith("-- firelib train --fresh")
    assert planned("cluster-run")[0].endswith("-- firelib run")
    assert planned("cluster-ssh", "HOST=2")[0].endswith(" '2'")
    assert planned("cluster-dashboard", "PORT=9000")[0].endswith("--port '9000'")
    assert "--restart" in planned("cluster-up", "RESTART=1")[0]
    assert [line.split()[0].rpartition("/")[2] for line in planned("cluster-down")] == ["firelib", "ansible-playbook"]


VERTEX = {
    "PROJECT": "my-lab",
    "REGION": "europe-west4",
    "BUCKET": "mine",
    "MACHINE": "g2-standard-8",
    "SECRET": "KEY",
    "CALLER": "user:me@example.com",
    "CONFIRM": "my-lab",
}


@pytest.mark.parametrize(("target", "end"), [("vertex", ""), ("vertex-down", " -e state=absent")])
def test_words_of_vertex_are_variables_and_no_arguments(target: str, end: str) -> None:
    words = [f"{name}={value}" for name, value in VERTEX.items()]
    [line] = planned(target, *words)
    assert all(f"{name}='{value}' " in line.partition("ansible-playbook")[0] for name, value in VERTEX.items())
    assert line.endswith(f"ansible/vertex.yml{end}")
    [dry] = planned(target, *words, "DRY_RUN=1")
    assert "--check" in dry


@pytest.mark.parametrize("target", ["kubernetes", "kubeflow"])
def test_targets_for_kubernetes_end_with_the_doctor(target: str) -> None:
    done = subprocess.run(
        ["make", "-n", "--no-print-directory", target, "NAMESPACE=lab", "CONTEXT=mine"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = f"firelib doctor --to {target} --set 'namespace=lab' --set 'context=mine'"
    assert done.stdout.splitlines()[-1].endswith(expected)


def test_push_knows_the_registry_of_make_vertex(project: Path) -> None:
    (project / ".firelib").mkdir()
    (project / ".firelib" / "vertex.env").write_text("FIRELIB_MACHINE=m\nREGISTRY=host/my-lab/images\n")
    command = ["make", "-n", "push"]
    found = subprocess.run(command, cwd=project, capture_output=True, text=True, check=True)
    assert "host/my-lab/images" in found.stdout
    given = subprocess.run([*command, "REGISTRY=other"], cwd=project, capture_output=True, text=True, check=True)
    assert "host/my-lab/images" not in given.stdout


def test_a_cluster_is_removed_only_by_its_name() -> None:
    done = subprocess.run(
        ["make", "-n", "vms-down", "CONFIRM=lab"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "name='lab'" in done.stdout
    assert """-e '{"confirm": "'"$name"'"}'""" in done.stdout


def called(folder: Path, target: str, *variables: str) -> list[list[str]]:
    """The arguments with which a target really calls firelib and Ansible, which a stand-in writes down."""
    for name in ("firelib", "ansible-playbook"):
        program = folder / ".venv" / "bin" / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\nprintf '%s\\0' \"$@\" END >> calls\n")
        program.chmod(0o755)
    (folder / "calls").write_text("")
    made = ("--old-file=setup", "--old-file=.venv/.cluster")  # without an environment
    done = subprocess.run(["make", target, *variables, *made], cwd=folder, env=environment(folder), check=False)
    words, calls = (folder / "calls").read_text().split("\0")[:-1], [[]]
    for word in words:
        calls.append([]) if word == "END" else calls[-1].append(word)
    return calls[:-1] if done.returncode == 0 else []


ODD = "it's $(touch hacked) `touch hacked`; touch hacked.yaml"


def test_values_are_words_whatever_they_contain(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    odd = f"CLUSTER={ODD.replace('$', '$$')}"
    for target in (*MACHINES, "cluster-status", "cluster-dashboard"):
        calls = called(tmp_path, target, odd, "CONFIRM=lab")
        assert calls
        assert all(ODD in call for call in calls), target
    assert called(tmp_path, "cluster-ssh", f"HOST={ODD.replace('$', '$$')}")[0][-1] == ODD
    [call] = called(tmp_path, "vms", "VMS_FOLDER=/srv/my vms")
    assert json.loads(call[call.index("-e") + 1]) == {"vms_folder": "/srv/my vms"}
    assert called(tmp_path, "cluster-run", "STAGE=train --fresh")[0][-4:] == ["--", "firelib", "train", "--fresh"]
    assert called(tmp_path, "vms-down", 'CONFIRM=lab", "delete_data": "true') == []
    assert not list(tmp_path.glob("hacked*"))
