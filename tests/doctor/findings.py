"""Helpers of doctor's tests."""

from collections.abc import Iterable
from pathlib import Path

from firelib.doctor.finding import Finding


def only(findings: Iterable[Finding], name: str) -> Finding:
    """The single finding of this name."""
    (finding,) = [finding for finding in findings if finding.name == name]
    return finding


def write_lock(project: Path, **versions: str) -> None:
    """Write a uv.lock with these packages."""
    packages = [f'[[package]]\nname = "{name}"\nversion = "{version}"\n' for name, version in versions.items()]
    (project / "uv.lock").write_text("\n".join(packages))
