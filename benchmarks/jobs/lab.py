"""What the environments share: one dataset, one engine with the trainer's image, and one registry.

Each is made when the first environment asks for it, and removed when the benchmark ends.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path

from firelib.config.yaml_file import read_yaml_mapping
from firelib.console import note
from firelib.storage import to_json
from tests.engine import Engine, engine
from tests.launch.built_images import build_images, push_images
from tests.launch.fake_registry import registry
from tests.project import ROOT

FIRELIB = str(Path(sys.executable).with_name("firelib"))
#: The image that all environments with containers run, as `make images` names it.
IMAGE = "firelib-trainer"
_PREFIX = "firelib-bench"
_RESULTS = ("models", "metrics", "plots")


class Lab:
    """The shared parts.

    Args:
        stack: Removes what was made.
        folder: Folder of all projects.
        workers: Number of training workers, and of replicas where there are several.
        epochs: Epochs of the training.
    """

    def __init__(self, stack: ExitStack, folder: Path, workers: int, epochs: int) -> None:
        self._stack, self.folder, self.workers, self._epochs = stack, folder, workers, epochs

    @property
    def variables(self) -> dict[str, str]:
        """Variables of every command."""
        return {"FIRELIB_TRACKING": "none", "FIRELIB_WORKERS": str(self.workers)}

    def write_project(self, name: str) -> Path:
        """Write a project that consists of its parameters only; return its folder."""
        folder = self.folder / name
        folder.mkdir()
        params = read_yaml_mapping(ROOT / "params.yaml", if_missing="", if_no_mapping="")
        params["storage"] = {"root": "storage"}
        params["train"] |= {"workers": self.workers, "epochs": self._epochs}
        (folder / "params.yaml").write_bytes(to_json(params))  # JSON is YAML
        return folder

    def copy_project(self, name: str) -> Path:
        """Copy the project with the dataset; return the copy's folder."""
        folder = self.write_project(name)
        for part in ("data", "storage"):
            shutil.copytree(self._dataset / part, folder / part)
        return folder

    @cached_property
    def _dataset(self) -> Path:
        note("making the dataset")
        folder = self.write_project("dataset")
        for stage in ("extract", "transform"):
            run(FIRELIB, stage, folder=folder, **self.variables)
        shutil.rmtree(folder / "storage" / "scratch", ignore_errors=True)
        return folder

    @cached_property
    def engine(self) -> Engine:
        """A container engine with the trainer's image; `DOCKER_HOST` leads there."""
        running = self._stack.enter_context(engine())
        set_variable(self._stack, "DOCKER_HOST", running.socket)
        note("building the trainer's image")
        build_images(running, "trainer")
        return running

    def require_engine(self) -> None:
        """Start the engine, unless it runs already."""
        _ = self.engine

    @cached_property
    def image_by_digest(self) -> str:
        """The image in a registry of this machine."""
        own = f"{_PREFIX}-trainer"  # an engine of earlier tests has images of other components, too
        self.engine.docker("tag", IMAGE, own)
        address = self._stack.enter_context(registry(self._make_folder("registry")))
        self._stack.callback(self.engine.docker, "rmi", own, f"{address}/bench/{own}")
        table = self.folder / "digests.json"  # the project's own one stays, whatever ends this process
        return push_images(self.engine, f"{address}/bench", _PREFIX, table)["trainer"]

    def _make_folder(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder


def clear(project: Path, storage: Path | None = None) -> None:
    """Remove a training and its results, so that the next one starts from its first step.

    Args:
        project: The project.
        storage: Its storage root, if that is not in the project.
    """
    for name in _RESULTS:
        shutil.rmtree(project / name, ignore_errors=True)
    for name in ("runs", "jobs"):
        shutil.rmtree((storage or project / "storage") / name, ignore_errors=True)


def set_variable(stack: ExitStack, name: str, value: str) -> None:
    """Set a variable of this process until the stack is closed."""
    before = os.environ.get(name)
    os.environ[name] = value
    stack.callback(_restore, name, before)


def _restore(name: str, value: str | None) -> None:
    if value is None:
        del os.environ[name]
    else:
        os.environ[name] = value


def find_missing(programs: Iterable[str]) -> str | None:
    """Return a sentence that names the programs that are missing on this machine, or None."""
    path = f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
    missing = [program for program in programs if not shutil.which(program, path=path)]
    if not missing or (os.geteuid() == 0 and shutil.which("apt-get")):  # the lab installs them
        return None
    return f"{', '.join(missing)} missing, and only root on Debian can install them"


def is_installed(module: str) -> bool:
    """Whether a module can be imported."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent package is missing
        return False


def run(*command: str, folder: Path, **variables: str) -> None:
    """Run a command that must succeed.

    Args:
        command: Its argv.
        folder: Its working directory.
        variables: Variables beside those of this process.

    Raises:
        RuntimeError: It failed.
    """
    done = subprocess.run(  # noqa: S603  our own commands
        command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
