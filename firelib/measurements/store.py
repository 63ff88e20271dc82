"""The measured runs of a project, one small file each in `.firelib/measurements/<recipe>/`, which git ignores."""

from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from pydantic import ValidationError

from firelib import storage
from firelib.measurements.stage_run import StageRun
from firelib.project_layout import make_private_folder

_FOLDER = "measurements"
_KEPT = 20  # newest runs of each stage


def record_run(project: Path, recipe: str, run: StageRun) -> Path:
    """Keep a run, and remove the oldest ones of its stage.

    Args:
        project: The project's folder.
        recipe: The recipe's name.
        run: The measured run.

    Returns:
        The file.
    """
    folder = make_private_folder(project, _FOLDER, recipe)
    order = run.created.replace(":", "").replace("+", "_")
    path = folder / f"{run.stage}-{order}-{uuid4().hex[:8]}.json"
    storage.write_bytes(str(path), storage.to_json(run.model_dump(mode="json")))
    for old in sorted(folder.glob(f"{run.stage}-*.json"))[:-_KEPT]:
        with suppress(FileNotFoundError):  # another command may remove it, too
            old.unlink()
    return path


def read_runs(project: Path, recipe: str) -> list[StageRun]:
    """Read the runs that a project has recorded, the oldest of each stage first; unreadable files are left out.

    Args:
        project: The project's folder.
        recipe: The recipe's name.
    """
    runs = []
    for path in sorted((project / ".firelib" / _FOLDER / recipe).glob("*.json")):
        with suppress(OSError, ValidationError):  # a newer or damaged record is no reason not to plan
            runs.append(StageRun.model_validate_json(path.read_bytes()))
    return runs
