"""The command with which a pipeline sends its training as a TrainJob, which may have several pods. Pure."""

from collections.abc import Mapping

from firelib.launch.job_spec import Resources


def list_submit_options(
    image: str,
    replicas: int,
    resources: Resources,
    env: Mapping[str, str],
    secrets: Mapping[str, str],
    target: Mapping[str, str],
) -> list[str]:
    """Return the options of `firelib submit`.

    Args:
        image: Image of each pod, by digest.
        replicas: Number of pods.
        resources: Resources of each pod.
        env: Variables of the training.
        secrets: Variable of the training → reference to its value.
        target: Settings of the cluster.
    """
    wanted = {
        "machine": resources.machine,
        "cpus": resources.cpus,
        "memory-gib": resources.memory_gib,
        "gpu": resources.gpu and f"{resources.gpu.kind}:{resources.gpu.count}",
    }
    return [
        "--to=kubeflow",
        f"--image={image}",
        f"--replicas={replicas}",
        *(f"--{name}={value}" for name, value in wanted.items() if value is not None),
        *(f"--env={name}={value}" for name, value in sorted(env.items())),
        *(f"--secret={name}={reference}" for name, reference in sorted(secrets.items())),
        *(f"--set={name}={value}" for name, value in sorted({**target, "kind": "TrainJob"}.items())),
    ]
