"""Checks of an image in its registry before a job is sent: it exists, and its platform and labels fit the job."""

from collections.abc import Iterator

from firelib import __version__
from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.images.image_choice import has_gpu, list_components
from firelib.launch.job_spec import JobSpec
from firelib.launch.oci_registry import ImageConfig, read_image_config

_BUILD = "make images, then make push"


def find_image_problems(spec: JobSpec, must_answer: bool = True) -> Iterator[str]:
    """Yield every reason why the image in the registry cannot run a job of one stage.

    Args:
        spec: The job; its image has a digest.
        must_answer: Whether a registry that does not answer, or denies access, is a reason; otherwise it is a note.
    """
    image = spec.image or ""
    try:
        config = read_image_config(image)
    except FirelibError as error:
        if must_answer:
            yield f"image: {error}"
        else:
            note(f"the image is not checked: {error.what} ({error.where})")
        return
    if config is None:
        yield f"image: the registry has no {image}: make push"
        return
    if not config.runs_on_clouds:
        found = f"{config.os}/{config.architecture}"
        yield f"image: expected linux/amd64, got {found}: build it for linux/amd64: make images"
    yield from find_label_problems(config, spec)


def find_label_problems(config: ImageConfig, spec: JobSpec) -> Iterator[str]:
    """Yield what the labels of an image say against a job; images without firelib's labels are not judged.

    Args:
        config: The image's configuration.
        spec: The job.
    """
    component = config.labels.get("org.firelib.component")
    if component is None:
        return
    version = config.labels.get("org.opencontainers.image.version")
    if version != __version__:
        yield f"image: built with firelib {version}, this is firelib {__version__}: {_BUILD}"
    if component not in list_components(spec.stage, has_gpu=False):
        expected = " or ".join(list_components(spec.stage, has_gpu=False))
        yield f"image: firelib {spec.stage} needs the image of {expected}, got that of {component}"
    if has_gpu(spec) and config.labels.get("org.firelib.accelerator") == "cpu":
        yield _explain_missing_cuda(spec)


def _explain_missing_cuda(spec: JobSpec) -> str:
    if list_components(spec.stage, has_gpu=True) == list_components(spec.stage, has_gpu=False):
        return f"resources: firelib {spec.stage} uses no GPU: leave out --gpu, or give a --machine without GPUs"
    return (
        "image: the job has GPUs, but the image has no CUDA, so it would run on the CPU: "
        "make images COMPONENTS=trainer-gpu, then make push"
    )
