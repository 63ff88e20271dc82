"""Check what a run needs of this machine: libraries of the storage, devices, cores, names of files."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from firelib import storage
from firelib.check.configuration import Configuration
from firelib.check.finding import Finding, from_error, grade
from firelib.errors import FirelibError
from firelib.extras import install_command
from firelib.recipe import find_hidden_modules

_PROBE_SECONDS = 15.0
_LIBRARIES = {"gs": ("gcsfs", "gcs"), "gcs": ("gcsfs", "gcs"), "s3": ("s3fs", "s3")}  # and their extras


def check_surroundings(configuration: Configuration, project: Path, recipe_file: str | None) -> Iterator[Finding]:
    """Check what can be known here about where the stages run.

    Args:
        configuration: Valid parameters.
        project: The project's folder.
        recipe_file: The recipe's file.
    """
    yield from _check_storage(configuration, project)
    yield from _check_workers(configuration)
    folders = dict.fromkeys([project, *([Path(recipe_file).parent] if recipe_file else [])])
    inside = [folder for folder in folders if folder.is_relative_to(project)]
    for name in find_hidden_modules(*inside):
        what = f"{name} has the name of a module of Python, and hides it from libraries"
        path = next(folder / name for folder in inside if (folder / name).exists())
        severity = grade(path.parent == project)  # no stage starts then
        yield Finding(severity, "configuration", what, f"rename {name}", str(path), None, name)


def _check_storage(configuration: Configuration, project: Path) -> Iterator[Finding]:
    assert configuration.params
    root, file = configuration.params.storage.root, str(configuration.file)
    line = configuration.line("storage.root")
    library, extra = _LIBRARIES.get(root.partition("://")[0], ("", ""))
    if library and find_spec(library) is None:
        what = f"storage.root is {root}, but {library} is not installed"
        yield Finding("error", "configuration", what, install_command([extra]), file, line, root)
        return
    if not storage.is_local(root):
        try:
            storage.probe_storage(root, _PROBE_SECONDS)
        except FirelibError as error:
            # Stages that run elsewhere may have other credentials than this machine.
            yield from_error(error, "configuration", file, line, grade(not _is_elsewhere(configuration)))
        return
    folder = Path(storage.absolute(root, project))
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK):
        what = f"storage.root is {root}, but {existing} is not a folder that you can write to"
        yield Finding("error", "configuration", what, "choose another folder", file, line, root)


def _is_elsewhere(configuration: Configuration) -> bool:
    """Whether stages run in a Ray that is not started here."""
    environment = configuration.environment
    return bool(environment and environment.sends_stages) or "RAY_ADDRESS" in os.environ


def _check_workers(configuration: Configuration) -> Iterator[Finding]:
    assert configuration.params
    train, environment, file = configuration.params.train, configuration.environment, str(configuration.file)
    if _is_elsewhere(configuration):
        return
    cores = (environment.num_cpus if environment else None) or len(os.sched_getaffinity(0))
    wanted = train.workers * train.cpus_per_worker
    if wanted > cores and train.min_workers * train.cpus_per_worker > cores:
        what = f"training needs {wanted:g} cores (workers × cpus_per_worker), and Ray has {cores} here"
        line = configuration.line("train.workers")
        yield Finding("error", "configuration", what, "reduce train.workers", file, line, str(train.workers))
    if train.device == "gpu" and not Path("/dev/nvidia0").exists():
        what, line = "train.device is gpu, but this machine has none", configuration.line("train.device")
        yield Finding("error", "configuration", what, "set train.device: auto", file, line, "gpu")
