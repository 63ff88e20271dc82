"""Which dependencies of dvc.yaml are the user's own, although the recipe does not need them."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from firelib.data.lake import read_lake
from firelib.dvc_pipeline.stage_plan import local_paths
from firelib.errors import FirelibError
from firelib.recipe import Source


def find_earlier_sources(lake_json: Path, project: Path) -> set[str]:
    """The files and folders on this machine that lake.json was made from.

    Args:
        lake_json: The file; without it, or if it cannot be read, there are none.
        project: Folder that relative paths start from.
    """
    if not lake_json.is_file():
        return set()
    try:
        uris = [uri for table in read_lake(lake_json).tables.values() for uri in _to_uris(table.source)]
        return {path for uri in uris for path in local_paths(Source(uri), project)}
    except FirelibError:
        return set()


def _to_uris(source: str) -> list[str]:
    """The URIs of a source as lake.json has it; downloads, which need a hash, are no files on this machine."""
    return [uri for uri in source.split(", ") if not uri.startswith(("http://", "https://"))]


def comes_from_nowhere(path: str, stages: Mapping[str, Any], project: Path) -> bool:
    """Whether DVC fails since a path is missing: no stage writes it, and no `.dvc` file tracks it.

    Args:
        path: A dependency: a path, a URI, or a template such as `${data.file}`.
        stages: Stages of dvc.yaml.
        project: Folder that paths start from.
    """
    if "://" in path or "${" in path or (project / path).exists():
        return False
    parts = [path, *map(str, PurePosixPath(path).parents)][:-1]
    if any((project / f"{part}.dvc").exists() or (project / part / "dvc.yaml").exists() for part in parts):
        return False
    written = [PurePosixPath(out) for stage in stages.values() for out in _written(stage)]
    own = PurePosixPath(path)
    return not any(own == out or own.is_relative_to(out) or out.is_relative_to(own) for out in written)


def _written(stage: Any) -> Iterable[str]:
    """Outputs of a stage from the project's folder; of one in a folder of its own or a loop, any could be meant."""
    if not isinstance(stage, Mapping):
        return
    stage = stage.get("do", stage)
    for key in ("outs", "metrics", "plots"):
        for entry in stage.get(key) or []:
            for name in entry if isinstance(entry, Mapping) else [entry]:
                yield "." if "${" in str(name) or stage.get("wdir") else str(name)
