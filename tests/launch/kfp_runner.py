"""kfp's runner of containers on this machine."""

from kfp import local

from firelib.launch.job_environment import IMAGE_DIGEST


def docker_runner(network: str, image: str, **variables: str) -> local.DockerRunner:
    """Return the runner, which by default keeps the image's entry point and forwards no variables.

    Args:
        network: Docker network of the containers.
        image: Image by digest.
        **variables: Variables of all stages, beside those that the runner needs; by default there is one worker.
    """
    own = {"FIRELIB_WORKERS": "1", "FIRELIB_TRACKING": "none", IMAGE_DIGEST: image.partition("@")[2]}
    return local.DockerRunner(
        entrypoint="", user="root", network=network, shm_size="1g", environment=own | variables, working_dir="/project"
    )
