"""kfp's runner of containers on this machine."""

from kfp import local

from firelib.launch.job_environment import IMAGE_DIGEST


def docker_runner(network: str, image: str, workers: int = 1) -> local.DockerRunner:
    """Return the runner, which by default keeps the image's entry point and forwards no variables.

    Args:
        network: Docker network of the containers.
        image: Image by digest.
        workers: Number of training workers.
    """
    variables = {"FIRELIB_WORKERS": str(workers), "FIRELIB_TRACKING": "none", IMAGE_DIGEST: image.partition("@")[2]}
    return local.DockerRunner(
        entrypoint="", user="root", network=network, shm_size="1g", environment=variables, working_dir="/project"
    )
