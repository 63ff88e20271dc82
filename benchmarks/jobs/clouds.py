"""Environments that exist elsewhere, where credentials lead there: the user's own project, cluster or login node.

They take their settings from the variables that `firelib submit` takes. A run costs what the platform charges for it.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.variables import user_settings
from benchmarks.jobs.environment import Environment, Figures, Run, read_figures
from benchmarks.jobs.lab import FIRELIB, Lab, clear, is_installed, run
from benchmarks.jobs.observed_command import observe
from benchmarks.jobs.this_machine import TRAIN
from firelib.gcp.pricing import Price, price
from tests.project import ROOT

_DIGESTS = ROOT / "images" / "digests.json"
_SECONDS = 20.0


@dataclass(frozen=True)
class Elsewhere:
    """What a backend needs to reach machines that exist elsewhere.

    Attributes:
        backend: Its name.
        package: Module of its client; empty if it needs none.
        variables: Variables that lead there; all of them are needed.
        probe: Returns why the platform cannot be used although the variables are set, or None.
        size: Options that ask for as many replicas as there are workers.
        needs_image: Whether it runs the image that `make push` has pushed.
    """

    backend: str
    package: str
    variables: Sequence[str]
    probe: Callable[[], str | None]
    size: Callable[[int], Sequence[str]]
    needs_image: bool = False

    def find_obstacle(self) -> str | None:
        """Return why this machine cannot use it, or None."""
        if self.package and not is_installed(self.package):
            return f"{self.package} is not installed: make {self.backend}"
        variables = {**os.environ, **user_settings()}
        missing = [name for name in self.variables if not variables.get(name)]
        if missing:
            return f"not set: {', '.join(missing)}"
        if self.needs_image and not _DIGESTS.is_file():
            return "no image has been pushed: make images push"
        return self.probe()

    def set_up(self, lab: Lab) -> AbstractContextManager[Run]:
        """Send the dataset's stages there, and yield what runs the training."""
        return _submitted(self, lab)


@contextmanager
def _submitted(there: Elsewhere, lab: Lab) -> Iterator[Run]:
    project = lab.copy_project(there.backend)
    if there.needs_image:
        (project / "images").mkdir()
        shutil.copy(_DIGESTS, project / "images")
    submit = (FIRELIB, "submit", "--to", there.backend)
    variables = {**user_settings(), **lab.variables}
    if there.backend == "ray":  # the others get the dataset from this project
        for stage in ("extract", "transform"):
            run(*submit, "--", "firelib", stage, folder=project, **variables)

    def train() -> Figures:
        clear(project)
        command = (*submit, *there.size(lab.workers), *TRAIN)
        return read_figures(observe(command, project, variables), project)

    yield train


def clouds() -> list[Environment]:
    """Return the environments elsewhere."""
    prices = ((_VERTEX, _vertex_price), (_KUBEFLOW, _unknown), (_SLURM, _unknown), (_RAY, _unknown))
    return [_describe(there, find_price) for there, find_price in prices]


def _describe(there: Elsewhere, find_price: Callable[[int], Price | None]) -> Environment:
    return Environment(
        name=f"{there.backend}, real",
        settings=f"firelib submit --to {there.backend}",
        set_up=there.set_up,
        find_obstacle=there.find_obstacle,
        is_elsewhere=True,
        find_price=find_price,
    )


def _replicas(count: int) -> Sequence[str]:
    return ("--replicas", str(count), "--cpus", "1")


def _machines(count: int) -> Sequence[str]:
    return (*_replicas(count), "--machine", _machine())


def _machine() -> str:
    return user_settings().get("FIRELIB_MACHINE", "n1-standard-8")


def _vertex_price(count: int) -> Price | None:
    return price(_machine(), count=count, service="training")


def _unknown(_: int) -> None:
    return None


def _no_google_login() -> str | None:
    import google.auth
    from google.auth.exceptions import DefaultCredentialsError

    try:
        google.auth.default()
    except DefaultCredentialsError:
        return "not logged in: gcloud auth login --update-adc"
    return None


def _no_cluster() -> str | None:
    config = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
    return None if Path(config.split(os.pathsep)[0]).is_file() else f"{config} does not exist"


def _no_slurm() -> str | None:
    if shutil.which("sbatch") is None:
        return "sbatch is not on PATH: this is no login node of a Slurm"
    try:
        done = subprocess.run(["sinfo"], capture_output=True, text=True, check=False, timeout=_SECONDS)  # noqa: S607
    except subprocess.TimeoutExpired:
        return "sinfo does not answer"
    return done.stderr.strip() or "sinfo failed" if done.returncode else None


def _nothing() -> None:
    return None


def _no_replicas(_: int) -> Sequence[str]:
    return ()


_BUCKET = "FIRELIB_STORAGE_ROOT"
_VERTEX = Elsewhere(
    backend="vertex",
    package="google.cloud.aiplatform",
    variables=("GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_REGION", _BUCKET),
    probe=_no_google_login,
    size=_machines,
    needs_image=True,
)
_KUBEFLOW = Elsewhere("kubeflow", "kubernetes", (_BUCKET,), _no_cluster, _replicas, needs_image=True)
_SLURM = Elsewhere("slurm", "", (), _no_slurm, _replicas)
_RAY = Elsewhere("ray", "", ("FIRELIB_RAY_ADDRESS", _BUCKET), _nothing, _no_replicas)
