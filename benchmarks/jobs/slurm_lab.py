"""A Slurm of this machine, whose nodes are daemons on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from benchmarks.jobs.environment import Environment, Figures, Run, read_figures
from benchmarks.jobs.lab import FIRELIB, Lab, clear, find_missing
from benchmarks.jobs.observed_command import observe
from benchmarks.jobs.this_machine import TRAIN
from tests.launch.backends.slurm.slurm_lab import NODES, PROGRAMS, slurm_lab


def slurm() -> Environment:
    """One worker in each task of a batch job."""
    settings = f"firelib submit --to slurm, {len(NODES)} nodes on this machine"
    return Environment("Slurm's lab", settings, _set_up, partial(find_missing, PROGRAMS))


@contextmanager
def _set_up(lab: Lab) -> Iterator[Run]:
    project = lab.copy_project("slurm")
    size = ("--replicas", str(lab.workers), "--cpus", "1")
    with slurm_lab():

        def train() -> Figures:
            clear(project)
            command = (FIRELIB, "submit", "--to", "slurm", *size, *TRAIN)
            return read_figures(observe(command, project, lab.variables), project)

        yield train
