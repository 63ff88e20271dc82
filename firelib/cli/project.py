"""What the commands share: options before the command, the project that they work in."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from firelib.config import Environment, Params
    from firelib.project_layout import Paths
    from firelib.recipe import Recipe

RecipeName = Annotated[
    str | None, typer.Option("--recipe", help="A recipe with a pipeline of its own, pipelines/NAME/params.yaml.")
]
TrackingName = Annotated[
    Literal["none", "wandb", "tensorboard"] | None,
    typer.Option("--tracking", help="Where figures go; default: FIRELIB_TRACKING, else wandb."),
]


@dataclass(frozen=True)
class Options:
    """What stands before the command."""

    params: Path
    debug: bool


_options = Options(Path("params.yaml"), debug=False)


def set_options(options: Options) -> None:
    """Keep what was given: typer hands it to a callback, the commands need it."""
    global _options  # noqa: PLW0603  one command line a process
    _options = options


def options_given() -> Options:
    return _options


@dataclass(frozen=True)
class Project:
    """What a stage works with; `pipeline` is the dvc.yaml that it stands in."""

    recipe: "Recipe"
    params: "Params"
    environment: "Environment"
    paths: "Paths"
    pipeline: Path


def project(name: str | None = None) -> Project:
    """The project of `--params`, or of the recipe of this name."""
    from firelib import storage
    from firelib.config import load_environment, load_params, model_params
    from firelib.job_context import is_ephemeral, validate_shared_root
    from firelib.project_layout import Paths, project_of
    from firelib.recipe import load_recipe

    environment = load_environment()
    file = params_file(name)
    params = load_params(file, environment)
    recipe = load_recipe(params.recipe)
    model_params(recipe.parameters, params)  # wrong ones are found now, not after the transform
    folder, root = project_of(file), params.storage.root
    elsewhere = is_ephemeral(folder)
    root = validate_shared_root(root) if elsewhere else root
    root = str(folder / root) if storage.is_local(root) else root
    sources = environment.sources and environment.sources.absolute()
    paths = Paths(recipe.name, storage.absolute(root), folder, sources, elsewhere)
    return Project(recipe, params, environment, paths, file.with_name("dvc.yaml"))


def params_file(recipe: str | None) -> Path:
    from firelib.config import load_params
    from firelib.project_layout import params_of, project_of

    given = options_given().params
    if recipe is None or (given.is_file() and load_params(given).recipe == recipe):
        return given
    return params_of(recipe, project_of(given))


def tracked(environment: "Environment", tracking: str | None) -> "Environment":
    return environment.model_copy(update={"tracking": tracking}) if tracking else environment


@contextmanager
def ray(here: Project, importing: str) -> Iterator[None]:
    """Ray for the time of the block; a module is imported meanwhile, since Ray's start leaves a core idle."""
    from firelib.ray_setup.session import ray_session

    threading.Thread(target=_import, args=(importing,), name="import", daemon=True).start()
    with ray_session(here.environment, here.recipe, options_given().debug):
        yield


def _import(module: str) -> None:
    from firelib.keras_import import collector_paused

    with suppress(Exception), collector_paused():  # the block imports it again, and says what is wrong
        import_module(module)
