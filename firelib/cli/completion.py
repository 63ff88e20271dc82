"""What the shell completes: recipes, stages, backends, ids of jobs. Nothing heavy is imported, and nothing fails."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import wraps
from pathlib import Path

from firelib.cli.commands import STAGES

_PARAMS = Path("params.yaml")


def _completes(find: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """A completion for Typer, from a function that finds all values."""

    @wraps(find)
    def complete(incomplete: str) -> list[str]:
        values: list[str] = []
        with suppress(Exception):  # a message would end up in the line that the user types
            values = [value for value in find() if value.startswith(incomplete)]
        return values

    del complete.__wrapped__  # Typer reads the signature
    return complete


@_completes
def complete_recipe() -> Iterator[str]:
    """Recipes with a pipeline in this project."""
    import yaml

    from firelib.project_layout import PIPELINES, find_project

    for file in (_PARAMS, *sorted((find_project(_PARAMS) / PIPELINES).glob("*/params.yaml"))):
        if file.is_file():
            yield str(yaml.safe_load(file.read_text())["recipe"]) if file == _PARAMS else file.parent.name


@_completes
def complete_stage() -> Iterator[str]:
    """Stages in the project's dvc.yaml; without one, those of every pipeline."""
    import yaml

    file = Path("dvc.yaml")
    yield from yaml.safe_load(file.read_text())["stages"] if file.is_file() else STAGES


@_completes
def complete_job() -> Iterator[str]:
    """Ids of the project's jobs, newest first."""
    from firelib.project_layout import JOBS, find_project

    files = (find_project(_PARAMS) / JOBS).glob("*.json")
    for file in sorted(files, key=lambda file: file.stat().st_mtime, reverse=True):
        yield file.stem


@_completes
def complete_command() -> Iterator[str]:
    """What a job may run: `firelib`, then a stage."""
    yield from ("firelib", "run", *STAGES, "tune")


@_completes
def complete_backend() -> Iterator[str]:
    """Names of backends."""
    from firelib.launch.backends.registry import backend_names

    yield from backend_names()


@_completes
def complete_question() -> Iterator[str]:
    """Questions of the benchmarks, in a checkout."""
    from firelib.cli.bench.benchmarks import import_benchmarks

    for question in import_benchmarks("benchmarks.questions").QUESTIONS:
        yield question.name
