"""What a report reads of a project. What is not there is None, and the report says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.config import Params, read_yaml_mapping
from firelib.data.lake import Lake, read_lake
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.tfrecord.format.manifest import Manifest, read_manifest

#: Digits of a hash that tables show; the whole hashes are in evidence.json.
HASH_DIGITS = 12


@dataclass(frozen=True)
class ReportedProject:
    """A project, and what of it the report reads.

    Attributes:
        recipe: The recipe.
        params: Content of params.yaml.
        paths: Paths of the recipe's files.
        pipeline: The dvc.yaml of the recipe.
        states: Git revisions and experiments whose metrics are listed; None for all branches, tags and experiments.
    """

    recipe: Recipe
    params: Params
    paths: Paths
    pipeline: Path
    states: Sequence[str] | None = None

    @property
    def folder(self) -> Path:
        """The project's folder."""
        return self.paths.project

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return self.paths.recipe

    def shown(self, path: Path | str) -> str:
        """A path as reports show it: relative to the project, since folders outside of it are nobody's business."""
        text = str(path)
        return text.removeprefix(f"{self.folder.absolute()}/") if text.startswith("/") else text

    @cached_property
    def lake(self) -> Lake | None:
        """The content of lake.json.

        Raises:
            FirelibError: The file is not valid.
        """
        return read_lake(self.paths.lake_json) if self.paths.lake_json.is_file() else None

    @cached_property
    def manifest(self) -> Manifest | None:
        """The dataset's manifest.

        Raises:
            FirelibError: The file is not valid.
        """
        return read_manifest(str(self.paths.manifest)) if self.paths.manifest.is_file() else None

    @cached_property
    def lineage(self) -> Mapping[str, Any] | None:
        """The model's lineage."""
        return read_json_file(self.paths.model / "lineage.json")

    @cached_property
    def timing(self) -> Mapping[str, Any] | None:
        """The training's timing."""
        return read_json_file(self.paths.model / "timing.json")

    @cached_property
    def run_id(self) -> str | None:
        """The id of the run that trained the model."""
        run = (self.lineage or {}).get("data", {}).get("run")
        return str(run) if run else None

    @cached_property
    def stages(self) -> Mapping[str, Any]:
        """The stages in dvc.yaml."""
        return _stages(self.pipeline)

    @cached_property
    def locked_stages(self) -> Mapping[str, Any]:
        """The stages in dvc.lock, with the hashes of the last run."""
        return _stages(self.pipeline.with_name("dvc.lock"))

    @property
    def has_run(self) -> bool:
        """Whether any stage has left anything."""
        paths = (self.paths.lake_json, self.paths.manifest, self.paths.model, self.paths.metrics)
        return any(path.exists() for path in paths)

    @property
    def run_command(self) -> str:
        """The command that brings the pipeline up to date."""
        own = self.pipeline.absolute().parent == self.folder.absolute()
        return "firelib run" if own else f"firelib run --recipe {self.name}"


def read_json_file(path: Path) -> dict[str, Any] | None:
    """An object in a JSON file; None if the file is missing.

    Raises:
        FirelibError: The file holds no JSON object.
    """
    if not path.is_file():
        return None
    content = storage.read_json(str(path))
    if not isinstance(content, dict):
        raise FirelibError(f"expected an object, got {type(content).__name__}", where=str(path), remedy="write it anew")
    return content


def _stages(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    content = read_yaml_mapping(path, if_missing="run firelib sync", if_no_mapping="run firelib sync")
    stages = content.get("stages") or {}
    return {name: stage for name, stage in stages.items() if isinstance(stage, Mapping)}
