import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from firelib import doctor
from tests.doctor.findings import only
from tests.odd_environments import AS_STRANGER, STRANGER, clean, run
from tests.project import ROOT


def test_diagnose_runs_every_check(project: Path) -> None:
    findings = doctor.diagnose(project)
    names = [finding.name for finding in findings]
    assert len(set(names)) == len(names)
    assert {"Python", "Ray", "packages", "memory", "shared memory", "port 6379", "GPU", "params.yaml"} <= set(names)
    assert all(finding.detail for finding in findings)
    assert platform.python_version() in only(findings, "Python").detail
    assert only(findings, "Ray").detail == metadata.version("ray")


@pytest.mark.parametrize("home", [None, "/proc/1"], ids=["unset", "read-only"])
def test_diagnose_without_passwd_entry(tmp_path: Path, home: str | None) -> None:
    tmp_path.chmod(0o777)
    env = clean(TMPDIR=str(tmp_path), COLUMNS="200", **({"HOME": home} if home else {}))
    done = run(["-m", "firelib.cli", "--params", str(ROOT / "params.yaml"), "doctor"], env, AS_STRANGER, cwd=tmp_path)
    assert "Traceback" not in done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "home folder" in line and "\u2502" in line]
    assert "warning" in line
    assert (home or f"{tmp_path}/firelib-{STRANGER}") in line


def test_imports_nothing_heavy() -> None:
    code = "import sys, firelib.doctor; print([m for m in ('ray', 'tensorflow', 'dask', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_shows_no_secret(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("RAY_AUTH_TOKEN", "WANDB_API_KEY"):
        monkeypatch.setenv(name, "secret-value")
    doctor.show(doctor.diagnose(project))
    assert "secret-value" not in capsys.readouterr().out
