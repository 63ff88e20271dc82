"""One training worker that trains an epoch whenever it is told a way: `python -m benchmarks.training_worker …`.

The group waits at its standard input while another is measured, so that rounds can be interleaved without starting
TensorFlow again. Arguments: params.yaml, folder for what runs leave, rank, number of workers, cores (`0` or `0,1`).
"""

import json
import os
import sys
from pathlib import Path

from benchmarks.on_cpu import import_tensorflow
from benchmarks.training_ways import Epoch, ways
from firelib.config import Environment, load_params
from firelib.project_layout import Paths, project_of
from firelib.recipe import load_recipe
from firelib.tfrecord.format.manifest import read_manifest
from firelib.train.driver.train_stage import build_run_spec
from firelib.train.run_spec import RunSpec


def main() -> None:
    params, folder, rank, world, cores = sys.argv[1:]
    os.sched_setaffinity(0, {int(core) for core in cores.split(",")})
    import_tensorflow()
    import tensorflow as tf

    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    makers = ways(job_of(Path(params), folder), strategy, int(rank), int(world))
    made: dict[str, Epoch] = {}
    for line in sys.stdin:
        name = line.strip()
        if name not in made:
            made[name] = makers[name]()
        print(json.dumps(made[name]()), flush=True)  # noqa: T201  its answer


def job_of(params_file: Path, folder: str) -> RunSpec:
    """The recipe's run, with what it leaves elsewhere."""
    environment = Environment(tracking="none")
    params = load_params(params_file, environment)
    recipe = load_recipe(params.recipe)
    paths = Paths(recipe.name, folder, project_of(params_file))
    return build_run_spec(recipe, params, environment, paths, read_manifest(str(paths.manifest)))


if __name__ == "__main__":
    main()
