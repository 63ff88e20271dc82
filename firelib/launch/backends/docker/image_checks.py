"""Checks of an image on this machine before containers start."""

import json
from collections.abc import Iterator

from firelib.errors import FirelibError
from firelib.launch.backends.docker.command import docker
from firelib.launch.images.image_checks import find_label_problems
from firelib.launch.job_spec import JobSpec
from firelib.launch.oci_registry import ImageConfig


def find_local_image_problems(image: str, spec: JobSpec) -> Iterator[str]:
    """Yield why an image of this machine cannot run a job.

    Args:
        image: Name of the image.
        spec: The job.
    """
    try:
        [found] = json.loads(docker("image", "inspect", image))
    except FirelibError as error:
        yield f"image: {error}"
        return
    yield from find_label_problems(
        ImageConfig(found["Os"], found["Architecture"], found["Config"]["Labels"] or {}), spec
    )
