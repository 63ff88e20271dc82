"""The paths that stages write, which is all that an archive of outputs may contain: outputs, and records of the run."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from firelib.stage_records.store import is_record_of_job

#: Folders of outputs; each has one folder for each recipe.
OUTPUT_FOLDERS = ("data", "models", "metrics", "plots")
_PARAMS = "params.yaml"
_WRITES_PARAMS = "tune"
# No stage writes them: programs, stages that DVC would run, and shards, which stay where they are.
_PROGRAMS = (".py", ".pyc", ".pyd", ".pth", ".so", ".sh", ".ipynb", ".dvc")
_OF_DVC = ("dvc.yaml", "dvc.lock")
_SHARD = ".tfrecord"
_MOST_BYTES, _MOST_BYTES_OF_PART, _MOST_PARTS = 1000, 200, 20  # every file system can hold such a path


def is_output(name: str, stage: str) -> bool:
    """Whether a stage writes a file of this name.

    Args:
        name: Path relative to the project, with `/`.
        stage: The stage; only `tune` writes parameters.
    """
    parts = name.split("/")
    if is_record_of_job(name):
        return _is_short(name, parts)
    if not name.isprintable() or "\\" in name or any(part.startswith(".") or not part for part in parts):
        return False
    if not _is_short(name, parts) or parts[-1].lower() in _OF_DVC or _SHARD in parts[-1].lower():
        return False
    if parts[-1] == _PARAMS and (len(parts) == 1 or (len(parts) == 3 and parts[0] == "pipelines")):
        return stage == _WRITES_PARAMS
    return len(parts) >= 3 and parts[0] in OUTPUT_FOLDERS and PurePosixPath(name).suffix.lower() not in _PROGRAMS


def _is_short(name: str, parts: Sequence[str]) -> bool:
    is_short = len(name.encode()) <= _MOST_BYTES and len(parts) <= _MOST_PARTS
    return is_short and all(len(part.encode()) <= _MOST_BYTES_OF_PART for part in parts)
