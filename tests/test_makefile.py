"""`make setup` with the real Makefile and uv, on a project of one package: bytecode, interruptions, full disks."""

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
[tool.uv.sources]
pack = {path = "pack-1-py3-none-any.whl"}
"""
WHEEL = {
    "pack.py": "".join(f"x{n} = 'text{n}' * 500\n" for n in range(1000)),  # 3 MB of bytecode
    "pack-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: pack\nVersion: 1\n",
    "pack-1.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "pack-1.dist-info/RECORD": "pack.py,,\npack-1.dist-info/METADATA,,\npack-1.dist-info/WHEEL,,\n",
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
    with ZipFile(folder / "pack-1-py3-none-any.whl", "w") as wheel:
        for name, text in WHEEL.items():
            wheel.writestr(name, text)
    (folder / "firelib").mkdir()
    (folder / "firelib" / "__init__.py").write_text("")
    subprocess.run([uv(), "lock", "--quiet"], cwd=folder, env=environment(folder), check=True)
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def environment(folder: Path) -> dict[str, str]:
    own = {"UV_OFFLINE": "1", "UV_CACHE_DIR": str(folder.parent / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    kept = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "VIRTUAL_ENV"}}
    return kept | own | {"PATH": f"{Path(uv()).parent}{os.pathsep}{os.environ['PATH']}"}


def make(folder: Path, target: str = "setup", path: str = "") -> "subprocess.CompletedProcess[str]":
    """Run make in a new process group, with `path` first on PATH."""
    found = environment(folder)
    return subprocess.run(
        ["make", target, "EXTRAS=", f"PYTHON={sys.executable}"],
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
    assert named == set(phony.split()[1:])


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
    assert planned("cluster-ssh", "HOST=2")[0].endswith(" 2")
    assert planned("cluster-dashboard", "PORT=9000")[0].endswith("--port 9000")
    assert "--restart" in planned("cluster-up", "RESTART=1")[0]
    assert [line.split()[0].rpartition("/")[2] for line in planned("cluster-down")] == ["firelib", "ansible-playbook"]


def test_a_cluster_is_removed_only_by_its_name() -> None:
    done = subprocess.run(
        ["make", "-n", "vms-down", "CONFIRM=lab"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 'name="lab"' in done.stdout
    assert '-e "confirm=$name"' in done.stdout
