"""Run one component of the pipeline with kfp's Docker runner: `python -m benchmarks.jobs.kfp_stage NETWORK IMAGE …`.

Arguments: network, image by digest, number of workers, URI of the project's code, URI of the earlier outputs, storage
root. The last line of the output is the URI of the outputs.
"""

import sys

from kfp import local

from firelib.launch.backends.kubeflow.kfp.pipeline import build_component
from tests.launch.kfp_runner import docker_runner


def main() -> None:
    network, image, workers, project, before, root = sys.argv[1:]
    size = {"FIRELIB_WORKERS": workers, "FIRELIB_NUM_CPUS": workers}  # more workers than cores, too
    local.init(docker_runner(network, image, **size), pipeline_root=root, raise_on_error=True)
    task = build_component("train", image)(project=project, before=before, root=root)
    print(task.outputs["after"])  # noqa: T201  the parent reads it


if __name__ == "__main__":
    main()
