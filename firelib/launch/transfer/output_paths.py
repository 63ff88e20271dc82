"""The paths that stages write, which is all that an archive of outputs may contain."""

from pathlib import PurePosixPath

#: Folders of outputs; each has one folder for each recipe.
OUTPUT_FOLDERS = ("data", "models", "metrics", "plots")
_PARAMS = "params.yaml"
_WRITES_PARAMS = "tune"
_PROGRAMS = (".py", ".pyc", ".pyd", ".pth", ".so", ".sh", ".ipynb")  # no stage writes them


def is_output(name: str, stage: str) -> bool:
    """Whether a stage writes a file of this name.

    Args:
        name: Path relative to the project, with `/`.
        stage: The stage; only `tune` writes parameters.
    """
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or any(part.startswith(".") or not part for part in parts):
        return False
    if parts[-1] == _PARAMS and (len(parts) == 1 or (len(parts) == 3 and parts[0] == "pipelines")):
        return stage == _WRITES_PARAMS
    return len(parts) >= 3 and parts[0] in OUTPUT_FOLDERS and PurePosixPath(name).suffix.lower() not in _PROGRAMS
