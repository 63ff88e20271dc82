"""A training worker that trains an epoch for each way that it reads: `python -m benchmarks.training_worker …`.

A worker group waits for its standard input while another one is measured, so that rounds can be interleaved without
restarting TensorFlow. Arguments: params.yaml, folder for the runs' files, rank, number of workers, cores (`0`, `0,1`:
indices of those that this process may use).
"""

import json
import os
import sys
from pathlib import Path

from benchmarks.harness.machine import find_core
from benchmarks.harness.on_cpu import import_tensorflow
from benchmarks.training_ways import Epoch, ways
from firelib.config import Environment, load_params
from firelib.project_layout import Paths, find_project
from firelib.recipe import load_recipe
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.driver.train_stage import build_run_spec
from firelib.train.run_spec import RunSpec


def main() -> None:
    params, folder, rank, world, cores = sys.argv[1:]
    os.sched_setaffinity(0, {find_core(int(index)) for index in cores.split(",")})
    import_tensorflow()
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    makers = ways(build_job(Path(params), folder), strategy, int(rank), int(world))
    made: dict[str, Epoch] = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in made:
            made[name] = makers[name]()
        print(json.dumps(made[name]()), flush=True)  # noqa: T201  the parent reads it


def build_job(params_file: Path, folder: str) -> RunSpec:
    """Build the recipe's training job, with the storage root in a folder of the benchmark."""
    environment = Environment(tracking="none")
    params = load_params(params_file, environment)
    recipe = load_recipe(params.recipe)
    paths = Paths(recipe.name, folder, find_project(params_file))
    return build_run_spec(recipe, params, environment, paths, read_manifest(str(paths.manifest)))


if __name__ == "__main__":
    main()
