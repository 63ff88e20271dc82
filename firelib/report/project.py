"""What a report reads of a project. What is not there is None, and the report says so."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from yaml import YAMLError

from firelib import storage
from firelib.config import Params, read_yaml_mapping
from firelib.data.lake import Lake, read_lake
from firelib.dataset_store import dataset_uri
from firelib.errors import FirelibError
from firelib.project_layout import Paths
from firelib.recipe import Recipe
from firelib.stage_records.stage_record import StageRecord
from firelib.stage_records.store import StoredRecords, read_records
from firelib.tfrecord.format.manifest import MANIFEST_NAME, Manifest, read_manifest

#: Digits of a hash that tables show; the whole hashes are in evidence.json.
HASH_DIGITS = 12
#: What reading a damaged file raises beside FirelibError: it is no JSON or YAML, or its content has another shape.
DAMAGED = (OSError, ValueError, TypeError, KeyError, AttributeError, YAMLError)

_Value = TypeVar("_Value")
_OUTSIDE = re.compile(r"\A(?:(?:file|local)://)?/(?:[^/]+/)*(?=[^/]+/?\Z)")


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
        """A path, or a list of URIs, as reports show it.

        Paths are relative to the project. Of those outside of it, only the name is shown: their folders are nobody's
        business. URIs of other machines stay as they are.

        Args:
            path: The path; several are separated by a comma and a space.
        """
        return ", ".join(_OUTSIDE.sub("…/", self.locate(text)) for text in str(path).split(", "))

    def locate(self, path: Path | str) -> str:
        """A path as the terminal shows it: relative to the project, whole if it is outside of it."""
        text = str(path)
        inside = text.removeprefix("file://").removeprefix("local://")
        prefix = f"{self.folder.absolute()}/"
        return inside.removeprefix(prefix) if inside.startswith(prefix) else text

    def hide_folder(self, text: str) -> str:
        """A text whose paths are relative to the project: where it lies on this machine is nobody's business."""
        folder = str(self.folder.absolute())
        if folder == "/" or folder not in text:
            return text
        pattern = rf"(?<![\w.-])(?:(?:file|local)://)?{re.escape(folder)}(?:/|(?![\w.-]))"
        return re.sub(pattern, lambda found: "" if found[0].endswith("/") else ".", text)

    def attempt(self, read: Callable[[], _Value]) -> _Value | None:
        """What a function reads; None if the file is damaged, which the section about it says.

        Args:
            read: Reads a file of the project.
        """
        try:
            return read()
        except (FirelibError, *DAMAGED):
            return None

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
    def dataset(self) -> str | None:
        """URI of the folder that holds the shards; None if there is no dataset, or no file of it can be reached.

        Shards of a transform that ran elsewhere are below the storage root, also if that is a bucket.

        Raises:
            FirelibError: The manifest is not valid, or the bucket cannot be read.
        """
        if self.manifest is None:
            return None
        own, names = self.paths.tfrecords, self.manifest.file_names - {MANIFEST_NAME}
        for paths in (self.paths, replace(self.paths, elsewhere=True)):
            folder = dataset_uri(paths).rpartition("/")[0]
            if folder != str(own):
                return folder
        return str(own) if any((own / name).exists() for name in names) else None

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

    @cached_property
    def recorded(self) -> StoredRecords:
        """The records of all runs of stages, on this machine and in jobs."""
        return read_records(self.folder, self.name)

    @property
    def last_runs(self) -> list[StageRecord]:
        """The last run of each stage, in the order in which they began, without those measured for plans only."""
        own = [record for record in self.recorded.records if record.origin in ("project", "job")]
        newest = {record.stage: record for record in own}
        return sorted(newest.values(), key=lambda record: record.begun)

    @property
    def has_run(self) -> bool:
        """Whether any stage has left anything."""
        paths = (self.paths.lake_json, self.paths.manifest, self.paths.model, self.paths.metrics)
        return any(path.exists() for path in paths)

    @property
    def run_command(self) -> str:
        """The command that brings the pipeline up to date."""
        return self.command("firelib run")

    def command(self, words: str) -> str:
        """A command that acts on this recipe, also where its pipeline is not that of the project's folder.

        Args:
            words: The command without `--recipe`.
        """
        return f"{words}{self.recipe_option}"

    @property
    def recipe_option(self) -> str:
        """The option that names the recipe, with a space before it; empty for the pipeline of the project's folder."""
        is_own = self.pipeline.absolute().parent == self.folder.absolute()
        return "" if is_own else f" --recipe {self.name}"


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
