"""The stages of a recipe's pipeline, as dvc.yaml declares them: what each reads, and exactly what it writes."""

import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firelib.data.sources.listing import is_data
from firelib.errors import FirelibError
from firelib.evaluate.output_files import evaluate_outputs
from firelib.recipe import Recipe, Source

if TYPE_CHECKING:
    from firelib.config import Params

_WILDCARDS = "*?["
_DATABASES = ("sqlite", "duckdb")
_LOCAL = ("", "file", *_DATABASES)


@dataclass(frozen=True)
class Stage:
    """A stage of dvc.yaml.

    Attributes:
        name: Name of the stage.
        desc: What it does.
        cmd: Its command.
        deps: Files and folders that it reads.
        params: Sections of params.yaml that it reads.
        outs: What it writes, into DVC's cache.
        files: What it writes, small enough for git; `dvc.yaml` lists them under `outs` with `cache: false`.
        metrics: Metrics that it writes, for git.
        plots: Tables of curves that it writes, for git.
    """

    name: str
    desc: str
    cmd: str
    deps: tuple[str, ...]
    params: tuple[str, ...]
    outs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    plots: tuple[str, ...] = ()

    @property
    def outputs(self) -> tuple[str, ...]:
        """All that it writes."""
        return (*self.outs, *self.files, *self.metrics, *self.plots)


def plan_stages(recipe: Recipe, params: "Params", project: Path, option: str = "") -> list[Stage]:
    """Plan the four stages of a recipe. Paths are relative to the project.

    Args:
        recipe: Names the sources and, with its label, the outputs of the evaluation.
        params: Names the recipe's file, and the baselines.
        project: The project's folder.
        option: What the commands need to find the pipeline, such as `--recipe mine`.

    Returns:
        extract, transform, train and evaluate. They read the sections that params.yaml has: DVC refuses to run a stage
        with others.
    """
    code = tuple(_find_code(params.recipe, project))
    sources = tuple(dict.fromkeys(path for source in recipe.sources.values() for path in local_paths(source, project)))
    return [
        _plan_extract(recipe.name, option, (*code, *sources)),
        _plan_transform(recipe.name, option, code),
        _plan_train(recipe.name, option, code, has_model="model" in params.model_fields_set),
        _plan_evaluate(recipe, params, option),
    ]


def _plan_extract(name: str, option: str, inputs: tuple[str, ...]) -> Stage:
    return Stage(
        "extract",
        "sources -> Delta tables under storage.root, pinned in lake.json",
        _command("extract", option),
        inputs,
        ("recipe",),
        (f"data/{name}/lake.json",),
    )


def _plan_transform(name: str, option: str, code: tuple[str, ...]) -> Stage:
    return Stage(
        "transform",
        "lake -> Dask on Ray -> TFRecord shards and their manifest",
        _command("transform", option),
        (f"data/{name}/lake.json", *code),
        ("data",),
        (f"data/{name}/tfrecords", f"data/{name}/rejected.parquet"),
    )


def _plan_train(name: str, option: str, code: tuple[str, ...], has_model: bool) -> Stage:
    return Stage(
        "train",
        "shards -> Ray Train -> model",
        _command("train", option),
        (f"data/{name}/tfrecords", *code),
        ("train", "model") if has_model else ("train",),
        (f"models/{name}",),
        metrics=(f"metrics/{name}/train.json",),
        plots=_curves(name),
    )


def _plan_evaluate(recipe: Recipe, params: "Params", option: str) -> Stage:
    name, written = recipe.name, evaluate_outputs(recipe, params)
    return Stage(
        "evaluate",
        "model and test split -> metrics, tables, pictures",
        _command("evaluate", option),
        # Equal weights are equal models; the other files of a model carry times.
        (f"data/{name}/tfrecords", f"models/{name}/weights.json", *_curves(name)),
        ("evaluate",) if "evaluate" in params.model_fields_set else (),
        files=tuple(path for path in written if not path.startswith("metrics/")),
        metrics=tuple(path for path in written if path.startswith("metrics/")),
    )


def _command(stage: str, option: str) -> str:
    return f"firelib {stage} {option}".rstrip()


def _curves(name: str) -> tuple[str, str]:
    return f"plots/{name}/training.csv", f"plots/{name}/validation.csv"


def _find_code(reference: str, project: Path) -> Iterator[str]:
    """The file that defines a recipe, if it belongs to the project; DVC hashes it."""
    if reference.endswith(".py"):
        yield reference
        return
    spec = importlib.util.find_spec(reference if "." in reference else f"firelib.recipes.{reference}")
    file = Path(spec.origin).resolve() if spec and spec.origin else None
    if file and file.is_relative_to(project.resolve()) and ".venv" not in file.parts:
        yield file.relative_to(project.resolve()).as_posix()


def local_paths(source: Source, project: Path) -> list[str]:
    """List the files and folders on this machine that a source reads.

    DVC knows no wildcards: of a glob, this is the folder above the first one. If that folder contains the project, and
    so the outputs of the pipeline, it is the files that match.

    Args:
        source: The source.
        project: Folder that relative paths start from.

    Returns:
        Paths relative to the project if they lie in it, absolute ones otherwise; none for a remote source.

    Raises:
        FirelibError: The source is a folder that contains the project, or a pattern for folders in it.
    """
    return [path for uri in source.uris for path in _local_paths(uri, project)]


def _local_paths(uri: str, project: Path) -> Iterator[str]:
    scheme, separator, rest = uri.removeprefix("delta+").partition("://")
    if not separator:
        scheme, rest = "", scheme
    if scheme not in _LOCAL:
        return
    if scheme in _DATABASES:
        rest = rest.removeprefix("/").partition("?")[0]  # sqlite:///relative.db, sqlite:////absolute.db
    parts = Path(rest).parts
    plain = next((index for index, part in enumerate(parts) if set(part) & set(_WILDCARDS)), len(parts))
    path = Path(*parts[:plain])
    if plain < len(parts) and (project / Path(*parts)).exists():
        path = Path(*parts)  # a file whose name has a bracket
    absolute, root = (project / path).absolute(), project.absolute()
    if not root.is_relative_to(os.path.normpath(absolute)):
        yield _shorten(absolute, root)
        return
    if plain != len(parts) - 1:
        raise FirelibError(
            f"the source {uri} contains the project, and so the outputs of its own pipeline",
            where=f"source {uri}",
            remedy="move the data into a folder of their own, such as raw/, and name it in the recipe",
        )
    files = sorted(file for file in absolute.glob(parts[-1]) if file.is_file() and is_data(file.name))
    yield from (_shorten(file, root) for file in files)


def _shorten(path: Path, root: Path) -> str:
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def to_mapping(stage: Stage, params_file: str = "") -> Mapping[str, Any]:
    """Convert a stage to what dvc.yaml holds.

    Args:
        stage: The stage.
        params_file: Path of params.yaml from the project, if it is not the project's own.
    """
    params = [{params_file: list(stage.params)}] if params_file and stage.params else list(stage.params)
    uncached = {"cache": False}
    parts = {
        "deps": list(stage.deps),
        "params": params,
        "outs": [*stage.outs, *({path: uncached} for path in stage.files)],
        "metrics": [{path: uncached} for path in stage.metrics],
        "plots": [{path: uncached} for path in stage.plots],
    }
    return {"desc": stage.desc, "cmd": stage.cmd, **{key: value for key, value in parts.items() if value}}
