import platform
from importlib import metadata
from pathlib import Path

import pytest

from firelib.doctor.packages import check_extras, check_packages, check_python, read_locked_versions
from tests.doctor.findings import only, write_lock
from tests.project import ROOT


def test_python_outside_of_requires_python(project: Path) -> None:
    assert check_python(project).status == "ok"
    (project / "pyproject.toml").write_text('[project]\nrequires-python = ">=3.99"\n')
    finding = check_python(project)
    assert finding.status == "error"
    assert platform.python_version() in finding.detail
    assert ">=3.99" in finding.detail


def test_python_without_pyproject_is_checked_against_the_package(tmp_path: Path) -> None:
    assert metadata.metadata("firelib")["Requires-Python"] in check_python(tmp_path).detail


def test_locked_packages(project: Path) -> None:
    findings = list(check_packages(project))
    assert [(finding.name, finding.status) for finding in findings] == [("Ray", "ok"), ("packages", "ok")]


def test_reads_the_lock_of_the_repository() -> None:
    assert "numpy" in read_locked_versions(ROOT)
    assert "firelib" not in read_locked_versions(ROOT)


def test_skewed_package_is_named_with_both_versions(project: Path) -> None:
    write_lock(project, numpy="0.0.1", ray=metadata.version("ray"), not_installed="1.0")
    finding = only(check_packages(project), "packages")
    assert finding.status == "warning"
    assert finding.detail == f"numpy {metadata.version('numpy')} (locked: 0.0.1)"
    assert "uv sync" in str(finding.remedy)


def test_package_locked_in_several_versions(project: Path) -> None:
    text = (project / "uv.lock").read_text()
    (project / "uv.lock").write_text(text + '\n[[package]]\nname = "numpy"\nversion = "0.0.1"\n')
    assert only(check_packages(project), "packages").status == "ok"


def test_other_ray_than_locked_is_an_error(project: Path) -> None:
    write_lock(project, ray="2.0.0")
    finding = only(check_packages(project), "Ray")
    assert finding.status == "error"
    assert metadata.version("ray") in finding.detail
    assert "2.0.0" in finding.detail


def test_a_project_of_a_user_needs_no_lock(project: Path) -> None:
    (project / "uv.lock").unlink()
    assert [finding.name for finding in check_packages(project)] == ["Ray"]


def test_an_unreadable_lock(project: Path) -> None:
    (project / "uv.lock").write_text("not = = toml")
    finding = only(check_packages(project), "packages")
    assert finding.status == "warning"
    assert "uv.lock" in finding.detail


def test_extras_are_listed_with_what_they_are_for(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = {"sql": {"duckdb"}, "excel": {"python_calamine"}, "data": {"deltalake"}}
    absent = set().union(*missing.values())
    monkeypatch.setattr("firelib.doctor.packages.find_missing", lambda modules: [m for m in modules if m in absent])
    installed, others, *partial = check_extras()
    assert "train" in installed.detail
    assert "sql" not in installed.detail
    assert "excel (sources in spreadsheets)" in others.detail
    assert "tune" in installed.detail
    assert "tune" not in others.detail, "another extra has all of its modules, too"
    assert [(finding.name, finding.status) for finding in partial] == [
        ("extra data", "warning"),
        ("extra sql", "warning"),
    ]
    assert "pip install 'firelib[data]'" in str(partial[0].remedy)
