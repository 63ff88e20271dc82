"""Verify a project: all comparisons, and one error that names everything that differs."""

from collections.abc import Callable, Iterator
from pathlib import Path

from firelib.errors import FirelibError
from firelib.report.project import DAMAGED, ReportedProject
from firelib.report.verify.check import ChangedError, Check
from firelib.report.verify.dataset_hashes import check_dataset
from firelib.report.verify.dvc_hashes import check_locked
from firelib.report.verify.evidence_hashes import check_evidence
from firelib.report.verify.lake_hashes import check_lake
from firelib.report.verify.model_hashes import check_checkpoints, check_model


def verify(project: ReportedProject, evidence: Path) -> list[Check]:
    """Recompute every hash that a project pins.

    Args:
        project: The project.
        evidence: Folder of a report.

    Returns:
        The comparisons, all of which hold, and what was left out.

    Raises:
        ChangedError: Something has changed; the error names all of it.
        FirelibError: There is nothing to verify.
    """
    parts: list[Callable[[], Iterator[Check]]] = [
        lambda: check_lake(project),
        lambda: check_dataset(project),
        lambda: check_model(project),
        lambda: check_checkpoints(project),
        lambda: check_locked(project),
        lambda: check_evidence(project, evidence),
    ]
    checks = [check for part in parts for check in _attempt(part, project)]
    if not checks:
        raise FirelibError(
            "there is nothing to verify: the pipeline has not run",
            where=str(project.folder),
            remedy=project.run_command,
        )
    if changed := [check for check in checks if not check.is_equal]:
        raise ChangedError(changed, str(project.folder))
    return checks


def _attempt(part: Callable[[], Iterator[Check]], project: ReportedProject) -> Iterator[Check]:
    """The comparisons of a part; a file that cannot be read is one that fails."""
    try:
        yield from part()
    except FirelibError as error:
        where = project.locate(error.where or "")
        yield Check("unreadable", where, "a valid file", error.headline, "firelib", error.remedy or project.run_command)
    except DAMAGED as error:
        found = f"{type(error).__name__}: {error}"
        yield Check("unreadable", "a file", "valid content", found, "firelib", project.run_command)
