"""Kubeflow Pipelines' own runner of containers on this machine, with the training's component of the pipeline."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.jobs.environment import Environment, Figures, Run, read_figures
from benchmarks.jobs.lab import Lab, clear, is_installed
from benchmarks.jobs.observed_command import observe
from benchmarks.jobs.this_machine import find_missing_engine
from firelib.launch.job_spec import parse_job
from firelib.launch.transfer.code_transfer import send_code
from firelib.launch.transfer.output_archive import download_outputs, upload_outputs
from tests.project import ROOT

_NETWORK, _SUBNET = "firelib-benchk", "172.29.94.0/24"


def kfp_runner() -> Environment:
    """The component `train`, with all workers in its container."""
    return Environment("kfp's Docker runner", "component train of the pipeline", _set_up, _find_obstacle)


def _find_obstacle() -> str | None:
    return find_missing_engine() if is_installed("kfp") else "kfp is not installed: uv sync --inexact --extra kubeflow"


@contextmanager
def _set_up(lab: Lab) -> Iterator[Run]:
    project, image = lab.copy_project("kfp"), lab.image_by_digest
    root = lab.folder / "kfp-root"
    shutil.copytree(project / "storage", root)
    job = {"command": ("firelib", "train"), "job_id": "bench", "project": str(project), "storage_root": str(root)}
    before, code = f"{root}/before.tar.gz", send_code(parse_job(job))
    upload_outputs(project, {}, before)
    with lab.engine.network(_NETWORK, _SUBNET) as network:
        arguments = (network, image, str(lab.workers), code, before, str(root))
        command = (sys.executable, "-m", "benchmarks.jobs.kfp_stage", *arguments)

        def train() -> Figures:
            clear(project)
            shutil.rmtree(root / "runs", ignore_errors=True)
            shutil.rmtree(root / "pipelines", ignore_errors=True)
            observed = observe(command, ROOT, lab.variables)
            download_outputs(observed.last_line, project, "train")
            return read_figures(observed, project)

        yield train
