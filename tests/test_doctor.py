import platform
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from firelib import doctor
from firelib.doctor import Finding
from tests.full_disk import small_disk
from tests.odd_environments import AS_STRANGER, STRANGER, clean, run

ROOT = Path(__file__).parents[1]
GIB = 2**30


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    (tmp_path / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.11"\n')
    lock(tmp_path, numpy=metadata.version("numpy"), ray=metadata.version("ray"))
    return tmp_path


def lock(project: Path, **versions: str) -> None:
    packages = [f'[[package]]\nname = "{name}"\nversion = "{version}"\n' for name, version in versions.items()]
    (project / "uv.lock").write_text("\n".join(packages))


def only(findings: list[Finding], name: str) -> Finding:
    (finding,) = [finding for finding in findings if finding.name == name]
    return finding


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Write programs that stand first in an otherwise empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def write(name: str, script: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)

    return write


def test_a_finding_that_is_not_ok_needs_a_remedy() -> None:
    for status in ("warning", "error"):
        with pytest.raises(ValueError, match="needs a remedy"):
            Finding("disk", status, "full")  # type: ignore[arg-type]
    assert Finding("disk", "ok", "fine").remedy is None


def test_every_check_says_something_of_this_machine(project: Path) -> None:
    findings = doctor.diagnose(project)
    names = [finding.name for finding in findings]
    assert len(set(names)) == len(names)
    assert {"Python", "Ray", "packages", "memory", "shared memory", "port 6379", "GPU", "params.yaml"} <= set(names)
    assert all(finding.detail for finding in findings)
    assert platform.python_version() in only(findings, "Python").detail
    assert only(findings, "Ray").detail == metadata.version("ray")


@pytest.mark.parametrize("home", [None, "/proc/1"], ids=["unset", "read-only"])
def test_a_uid_without_passwd_entry(tmp_path: Path, home: str | None) -> None:
    tmp_path.chmod(0o777)
    env = clean(TMPDIR=str(tmp_path), COLUMNS="200", **({"HOME": home} if home else {}))
    done = run(["-m", "firelib.cli", "--params", str(ROOT / "params.yaml"), "doctor"], env, AS_STRANGER, cwd=tmp_path)
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "home folder" in line and "\u2502" in line]
    assert "warning" in line
    assert (home or f"{tmp_path}/firelib-{STRANGER}") in line


def test_the_home_folder(tmp_path: Path) -> None:
    assert doctor.check_home(tmp_path).status == "ok"
    for bad in (Path("/proc/1"), Path(tempfile.gettempdir(), "firelib-7")):
        assert doctor.check_home(bad).status == "warning"


def test_the_folder_of_rays_sessions(tmp_path: Path) -> None:
    assert doctor.check_ray_folder("/tmp/ray").status == "ok"
    for bad in (f"/tmp/{'x' * 100}", "/proc/1/ray"):
        assert doctor.check_ray_folder(bad).status == "warning"


def test_the_remedies_are_shown_as_they_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = Finding("port 1", "warning", "taken [by me]", "stop [it]")
    doctor.show([Finding("Python", "ok", "3.11"), wrong])
    said = capsys.readouterr().out
    assert "taken [by me]" in said
    assert "warning port 1: stop [it]" in said
    doctor.show([Finding("Python", "ok", "3.11")])
    assert "nothing to do" in capsys.readouterr().out


def test_nothing_heavy_is_imported() -> None:
    code = "import sys, firelib.doctor; print([m for m in ('ray', 'tensorflow', 'dask', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_a_python_that_the_project_does_not_take(project: Path) -> None:
    assert doctor.check_python(project).status == "ok"
    (project / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.99"\n')
    finding = doctor.check_python(project)
    assert finding.status == "error"
    assert f"{platform.python_version()} does not fit >=3.99" in finding.detail


def test_without_pyproject_the_package_itself_says_which_python(tmp_path: Path) -> None:
    assert metadata.metadata("firelib")["Requires-Python"] in doctor.check_python(tmp_path).detail


def test_packages_as_locked(project: Path) -> None:
    findings = list(doctor.check_packages(project))
    assert [(finding.name, finding.status) for finding in findings] == [("Ray", "ok"), ("packages", "ok")]


def test_packages_of_the_project_itself_are_read() -> None:
    assert "numpy" in doctor._locked(ROOT)
    assert "firelib" not in doctor._locked(ROOT)


def test_a_skewed_package_is_named_with_both_versions(project: Path) -> None:
    lock(project, numpy="0.0.1", ray=metadata.version("ray"), not_installed="1.0")
    finding = only(list(doctor.check_packages(project)), "packages")
    assert finding.status == "warning"
    assert finding.detail == f"numpy {metadata.version('numpy')} (locked: 0.0.1)"
    assert "uv sync" in str(finding.remedy)


def test_a_package_may_be_locked_in_several_versions(project: Path) -> None:
    text = (project / "uv.lock").read_text()
    (project / "uv.lock").write_text(text + '\n[[package]]\nname = "numpy"\nversion = "0.0.1"\n')
    assert only(list(doctor.check_packages(project)), "packages").status == "ok"


def test_another_ray_than_the_locked_one_is_an_error(project: Path) -> None:
    lock(project, ray="2.0.0")
    finding = only(list(doctor.check_packages(project)), "Ray")
    assert finding.status == "error"
    assert finding.detail == f"{metadata.version('ray')}, but uv.lock says 2.0.0"


@pytest.mark.parametrize("text", [None, "not = = toml"])
def test_no_lock(project: Path, text: str | None) -> None:
    (project / "uv.lock").unlink()
    if text:
        (project / "uv.lock").write_text(text)
    finding = only(list(doctor.check_packages(project)), "packages")
    assert finding.status == "warning"
    assert "uv.lock" in finding.detail


@pytest.mark.parametrize(("free", "status"), [(0.5, "error"), (2, "warning"), (8, "ok")])
def test_memory(free: float, status: str) -> None:
    finding = doctor.check_memory(int(free * GIB))
    assert finding.status == status
    assert finding.detail == f"{free:.1f} GiB free"


def test_a_small_disk(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1024):
        finding = doctor.check_disk("disk", tmp_path / "disk" / "not" / "there" / "yet")
        assert finding.status == "error"
        assert str(tmp_path / "disk") in str(finding.remedy)
        assert doctor.check_storage(str(tmp_path / "disk"), tmp_path).status == "error"
        assert doctor.check_shared_memory(tmp_path / "disk").status == "warning"
    assert "shm-size" in str(doctor.check_shared_memory(tmp_path / "nowhere").remedy)


def test_remote_storage_is_not_measured(tmp_path: Path) -> None:
    assert doctor.check_storage("gs://bucket/prefix", tmp_path).detail == "gs://bucket/prefix is remote"


def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        finding = doctor.check_port(port, "Ray's head")
        assert finding.status == "warning"
        assert finding.name == f"port {port}"
        assert "taken" in finding.detail
    assert doctor.check_port(port, "Ray's head").status == "ok"


def token_file(home: Path, content: str, mode: int) -> None:
    (home / ".ray").mkdir()
    (home / ".ray" / "auth_token").write_text(content)
    (home / ".ray" / "auth_token").chmod(mode)


def test_a_token_that_others_can_read(tmp_path: Path) -> None:
    token_file(tmp_path, "secret-value", 0o644)
    finding = doctor.check_ray_token({}, tmp_path)
    assert finding.status == "warning"
    assert "mode 644" in finding.detail
    assert finding.remedy == f"chmod 600 {tmp_path / '.ray' / 'auth_token'}"


def test_a_token_of_its_owner(tmp_path: Path) -> None:
    token_file(tmp_path, "secret-value", 0o600)
    assert doctor.check_ray_token({}, tmp_path).status == "ok"


def test_an_empty_token(tmp_path: Path) -> None:
    token_file(tmp_path, "\n", 0o600)
    assert doctor.check_ray_token({}, tmp_path).status == "error"


@pytest.mark.parametrize(
    ("environ", "status"),
    [({}, "ok"), ({"RAY_AUTH_MODE": "token"}, "error"), ({"RAY_ADDRESS": "head:6379"}, "error")],
)
def test_no_token(tmp_path: Path, environ: dict[str, str], status: str) -> None:
    assert doctor.check_ray_token(environ, tmp_path).status == status


def test_a_token_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("secret-value")
    (tmp_path / "mine").chmod(0o600)
    assert doctor.check_ray_token({"RAY_AUTH_TOKEN_PATH": str(tmp_path / "mine")}, tmp_path).status == "ok"
    assert doctor.check_ray_token({"RAY_AUTH_TOKEN": "secret-value"}, tmp_path / "none").status == "ok"


@pytest.mark.parametrize(
    ("environ", "status"),
    [
        ({}, "ok"),
        ({"RAY_AUTH_MODE": "token"}, "ok"),
        ({"RAY_AUTH_MODE": "disabled"}, "warning"),
        ({"FIRELIB_RAY_ADDRESS": "http://head:8265"}, "warning"),
    ],
)
def test_auth_mode(environ: dict[str, str], status: str) -> None:
    assert doctor.check_ray_auth_mode(environ).status == status


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "offline"),
        ({"WANDB_API_KEY": "secret-value"}, "online"),
        ({"WANDB_API_KEY": "secret-value", "WANDB_MODE": "offline"}, "WANDB_MODE=offline"),
        ({"WANDB_API_KEY": "secret-value", "FIRELIB_TRACKING": "none"}, "off"),
    ],
)
def test_tracking(environ: dict[str, str], said: str) -> None:
    assert said in doctor.check_wandb(environ).detail


def test_no_secret_is_shown(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("RAY_AUTH_TOKEN", "WANDB_API_KEY"):
        monkeypatch.setenv(name, "secret-value")
    doctor.show(doctor.diagnose(project))
    assert "secret-value" not in capsys.readouterr().out


def test_a_daemon_that_answers(commands: Callable[[str, str], None]) -> None:
    commands("docker", "echo 20.10.24")
    assert doctor.check_container_engine() == Finding("container engine", "ok", "docker 20.10.24")


def test_a_daemon_that_does_not_run(commands: Callable[[str, str], None]) -> None:
    commands("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1")
    finding = doctor.check_container_engine()
    assert finding.status == "warning"
    assert finding.detail == "docker: Cannot connect to the Docker daemon"
    commands("podman", "echo 4.3.1")
    assert doctor.check_container_engine().detail == "podman 4.3.1"


def test_a_daemon_that_hangs(commands: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_SECONDS", 0.2)
    commands("docker", "exec /bin/sleep 60")
    assert "no answer in 0.2 s" in doctor.check_container_engine().detail


def test_no_engine_and_no_gpu_are_no_fault(commands: Callable[[str, str], None]) -> None:
    assert doctor.check_container_engine().status == "ok"
    assert doctor.check_gpu() == Finding("GPU", "ok", "none")


def test_gpus_and_their_driver(commands: Callable[[str, str], None]) -> None:
    commands("nvidia-smi", "echo 'NVIDIA H200, 143771 MiB, 570.86'; echo 'NVIDIA H200, 143771 MiB, 570.86'")
    assert doctor.check_gpu().detail.count("NVIDIA H200") == 2
    commands("nvidia-smi", "echo 'could not communicate with the NVIDIA driver'; exit 9")
    finding = doctor.check_gpu()
    assert (finding.status, finding.detail) == ("warning", "could not communicate with the NVIDIA driver")


def test_wrong_parameters_become_one_finding(project: Path) -> None:
    path = project / "params.yaml"
    path.write_text(re.sub(r"\blr: \S+", "lr: fast", path.read_text()).replace("epochs:", "epocs:"))
    findings = doctor.diagnose(project)
    finding = only(findings, "params.yaml")
    assert finding.status == "error"
    for said in ("train.lr", "train.epochs is missing", "train.epocs is unknown"):
        assert said in finding.detail
    assert finding.remedy == "docs/parameters.md lists every parameter"
    assert only(doctor.diagnose(project / "elsewhere"), "params.yaml").status == "error"


def test_cluster_file_with_a_typo_is_named_with_the_nearest_key(tmp_path: Path) -> None:
    path = tmp_path / "cluster.yaml"
    assert doctor.check_cluster_file(path).status == "ok"
    text = (ROOT / "cluster" / "cluster.yaml").read_text()
    path.write_text(text)
    assert "a head and 2 workers" in doctor.check_cluster_file(path).detail
    path.write_text(text.replace("ssh_user", "ssh_usr"))
    finding = doctor.check_cluster_file(path)
    assert finding.status == "error"
    assert "auth.ssh_usr is unknown: did you mean 'ssh_user'?" in finding.detail
