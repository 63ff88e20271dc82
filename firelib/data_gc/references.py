"""What revisions and the working tree of a project need of its storage root."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from firelib.console import progress
from firelib.data.lake import Lake
from firelib.data_gc.dvc_objects import DvcObjects, open_dvc
from firelib.data_gc.git_history import list_working_trees, read_history
from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, parse_manifest

_LOCK, _LAKE, _LINEAGE = "dvc.lock", "lake.json", "lineage.json"
_PATTERNS = (
    _LOCK,
    f"pipelines/*/{_LOCK}",
    f"data/*/{_LAKE}",
    f"data/*/tfrecords/{MANIFEST_NAME}",
    f"models/*/{_LINEAGE}",
)


@dataclass
class References:
    """What must stay.

    Attributes:
        lakes: Contents of lake.json.
        manifests: Manifests of datasets.
        runs: Ids of the runs whose models are named.
        trained_on: Hashes of the manifests of the datasets that these models were trained on.
        unknown: What is named but could not be read, each with the reason.
    """

    lakes: list[Lake] = field(default_factory=list)
    manifests: list[Manifest] = field(default_factory=list)
    runs: set[str] = field(default_factory=set)
    trained_on: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)

    @property
    def recipes(self) -> set[str]:
        """Names of the recipes of the project."""
        return {lake.recipe for lake in self.lakes} | {manifest.recipe for manifest in self.manifests}


def find_references(project: Path) -> References:
    """Read what all git revisions, each index and each working tree name.

    Args:
        project: The project's folder.

    Raises:
        FirelibError: The project is no git and DVC repository, or a shallow clone; DVC's remote cannot be used; or a
            stage replaces what is read.
    """
    projects = list_working_trees(project)
    contents = set(read_history(projects, _PATTERNS))
    for each in projects:
        contents |= set(_read_working_tree(each))
    found, seen = References(), set[str]()
    with open_dvc(projects) as objects, progress("read what revisions name", len(contents)) as advance:
        for number, (path, content) in enumerate(sorted(contents), 1):
            if Path(path).name == _LOCK:
                for output in _parse_lock(content, path, found):
                    if str(output) not in seen:
                        seen.add(str(output))
                        _add_output(found, output, objects)
            else:
                _add(found, content, path)
            advance(number)
    return found


def _read_working_tree(project: Path) -> Iterator[tuple[str, bytes]]:
    for pattern in _PATTERNS:
        for path in project.glob(pattern):
            yield path.relative_to(project).as_posix(), _read_file(path)


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FirelibError(
            "the file was replaced while it was read",
            where=str(path),
            remedy="run firelib data gc again when no stage runs",
        ) from None


def _parse_lock(content: bytes, path: str, found: References) -> list[dict[str, Any]]:
    try:
        stages = yaml.safe_load(content)["stages"].values()
        return [output for stage in stages for output in stage.get("outs", [])]
    except (yaml.YAMLError, TypeError, KeyError, AttributeError):
        found.unknown.append(f"a revision of {path}: it is not what DVC writes")
        return []


def _add_output(found: References, output: dict[str, Any], objects: DvcObjects) -> None:
    """Add what an output of a stage names, if it is one of firelib's."""
    path, md5 = str(output.get("path")), str(output.get("md5"))
    name = Path(path).name
    if name == _LAKE:
        content, wanted = objects.read(md5), _LAKE
    elif name == "tfrecords":
        content, wanted = objects.read_from_folder(md5, MANIFEST_NAME), MANIFEST_NAME
    elif Path(path).parent.name == "models":
        content, wanted = objects.read_from_folder(md5, _LINEAGE), _LINEAGE
    else:
        return
    if content is None:
        found.unknown.append(f"{path} of MD5 {md5}: neither DVC's cache nor its remote has its {wanted}")
    else:
        _add(found, content, f"{path}/{wanted}")


def _add(found: References, content: bytes, path: str) -> None:
    name = Path(path).name
    try:
        value = json.loads(content)
        if name == _LAKE:
            found.lakes.append(Lake.model_validate(value))
        elif name == MANIFEST_NAME:
            found.manifests.append(parse_manifest(value, path))
        else:
            found.runs.add(str(value["data"]["run"]))
            found.trained_on.add(str(value["data"].get("manifest_sha256")))
    except (FirelibError, ValidationError, ValueError, TypeError, KeyError) as error:
        problem = error.headline if isinstance(error, FirelibError) else str(error).partition("\n")[0]
        found.unknown.append(f"{path}: this version of firelib cannot read it ({problem})")
