"""What the commands share: the global options and the project."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from firelib.cli.completion import complete_recipe

if TYPE_CHECKING:
    from firelib.config import Environment, Params
    from firelib.project_layout import Paths
    from firelib.recipe import Recipe

RecipeName = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        help="Recipe with its own pipeline, pipelines/NAME/params.yaml.",
        autocompletion=complete_recipe,
    ),
]
TrackingName = Annotated[
    Literal["none", "wandb", "tensorboard"] | None,
    typer.Option("--tracking", help="Where metrics are logged; default: FIRELIB_TRACKING, else wandb."),
]


@dataclass(frozen=True)
class Options:
    """The options before the command.

    Attributes:
        params: Path of params.yaml.
        debug: Whether to show tracebacks and the output of Ray's workers.
    """

    params: Path
    debug: bool


_options = Options(Path("params.yaml"), debug=False)


def set_options(options: Options) -> None:
    """Store the options: typer passes them to a callback, but the commands need them."""
    global _options  # noqa: PLW0603  a process has one command line
    _options = options


def current_options() -> Options:
    """The options of this command line."""
    return _options


@dataclass(frozen=True)
class Project:
    """The inputs of a stage.

    Attributes:
        recipe: The recipe.
        params: Its parameters.
        environment: Settings from `FIRELIB_*` variables.
        paths: Paths of the recipe's files.
        pipeline: The dvc.yaml that defines its stages.
    """

    recipe: "Recipe"
    params: "Params"
    environment: "Environment"
    paths: "Paths"
    pipeline: Path


def load_project(name: str | None = None) -> Project:
    """Load the project of `--params`, or of the named recipe.

    Raises:
        FirelibError: A parameter, a variable or the recipe is invalid, or the named recipe has no pipeline.
    """
    from firelib import storage
    from firelib.config import check_split, load_environment, load_params, model_params
    from firelib.job_context import is_ephemeral, validate_shared_root
    from firelib.project_layout import Paths, find_project
    from firelib.recipe import load_recipe, refuse_hidden_modules

    environment = load_environment()
    file = find_params_file(name)
    params = load_params(file, environment)
    refuse_hidden_modules(find_project(file))
    recipe = load_recipe(params.recipe)
    model_params(recipe.parameters, params)  # validates them now, not after the transform
    check_split(params.data.split, recipe)
    folder, root = find_project(file), params.storage.root
    elsewhere = is_ephemeral(folder)
    root = validate_shared_root(root) if elsewhere else root
    sources = environment.sources and environment.sources.absolute()
    paths = Paths(recipe.name, storage.absolute(root, folder), folder, sources, elsewhere)
    return Project(recipe, params, environment, paths, file.with_name("dvc.yaml"))


def find_params_file(recipe: str | None) -> Path:
    """Find the params.yaml of `--params`, or of the named recipe.

    Raises:
        FirelibError: The named recipe has no pipeline.
    """
    from firelib.config import load_params
    from firelib.project_layout import find_params, find_project

    params = current_options().params
    if recipe is None or (params.is_file() and load_params(params).recipe == recipe):
        return params
    return find_params(recipe, find_project(params))


def probe_storage(project: Project) -> None:
    """Refuse a bucket that cannot be used, before a stage does any work.

    Raises:
        FirelibError: The bucket of the storage root is missing, or may not be read and written.
    """
    from firelib import storage

    storage.probe_storage(project.paths.root)


def with_tracking(environment: "Environment", tracking: str | None) -> "Environment":
    """Override `FIRELIB_TRACKING` with the value of `--tracking`, if there is one."""
    return environment.model_copy(update={"tracking": tracking}) if tracking else environment


@contextmanager
def connect_ray(project: Project, preload: str, idle_workers: bool = True) -> Iterator[None]:
    """Connect to Ray for the duration of the block.

    Args:
        project: The project.
        preload: Module that the block imports. A thread imports it meanwhile: starting Ray leaves a core idle.
        idle_workers: Whether Ray starts processes for tasks before there are any.
    """
    from firelib.ray_setup.session import ray_session

    threading.Thread(target=_import, args=(preload,), name="import", daemon=True).start()
    debug = current_options().debug
    with ray_session(project.environment, project.recipe, debug, exit_on_loss=True, idle_workers=idle_workers):
        yield


def _import(module: str) -> None:
    from firelib.keras_import import pause_garbage_collector

    with suppress(Exception), pause_garbage_collector():  # the block imports it again and raises the error
        import_module(module)
