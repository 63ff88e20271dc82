"""The image of a stage: `--image`, with the component filled in, or from the table that `make push` writes."""

from collections.abc import Mapping
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError, did_you_mean
from firelib.launch.job_spec import JobSpec
from firelib.launch.machine_checks import resolve_gpu

#: The table that `make push` writes, relative to the project: component → image by digest.
DIGESTS = Path("images", "digests.json")

_PLACEHOLDER = "{component}"
_TABLE_SUFFIX = ".json"
# Stage → components whose image can run it, the best one first.
_COMPONENTS: Mapping[str, tuple[str, ...]] = {
    "extract": ("extract",),
    "transform": ("transform",),
    "train": ("trainer",),
    "tune": ("trainer",),
    "evaluate": ("evaluate", "trainer"),
    "run": ("trainer",),  # an image that holds all components; firelib makes none
}
_GPU_COMPONENTS = {"trainer": "trainer-gpu"}
_REMEDY = "make images, then make push REGISTRY=…; for GPUs, make images COMPONENTS=trainer-gpu before the push"


def list_components(stage: str, has_gpu: bool) -> tuple[str, ...]:
    """Return the components whose image can run a stage, the best one first.

    Args:
        stage: The stage.
        has_gpu: Whether the job has GPUs, which need a variant of the image with CUDA, if there is one.

    Example:
        >>> list_components("train", has_gpu=True)
        ('trainer-gpu',)
    """
    components = _COMPONENTS.get(stage, ())
    variants = tuple(_GPU_COMPONENTS[name] for name in components if name in _GPU_COMPONENTS)
    return variants if has_gpu and variants else components


def choose_image(given: str | None, spec: JobSpec) -> str | None:
    """Return the image that runs a job of one stage.

    Args:
        given: An image; a name with `{component}` in it, such as `REGISTRY/firelib-{component}`; the path of a table
            of images; or None for the table of the project, if there is one.
        spec: The job: its stage and its GPUs decide which component it needs.

    Returns:
        The image; None if none is given and the project has no table.

    Raises:
        FirelibError: The table cannot be read, or does not list the component.
    """
    if given is None:
        table = Path(spec.project, DIGESTS)
        return _look_up(table, spec) if table.is_file() else None
    if given.endswith(_TABLE_SUFFIX):
        return _look_up(Path(given), spec)
    return given.replace(_PLACEHOLDER, list_components(spec.stage, has_gpu(spec))[0])


def has_gpu(spec: JobSpec) -> bool:
    """Whether a job has GPUs; False for a machine type that the catalog does not list, which is refused elsewhere."""
    try:
        return resolve_gpu(spec.resources) is not None
    except FirelibError:
        return False


def _look_up(table: Path, spec: JobSpec) -> str:
    images = _read_table(table)
    components = list_components(spec.stage, has_gpu(spec))
    found = [images[component] for component in components if component in images]
    if not found:
        listed = ", ".join(sorted(images)) or "no image"
        what = f"no image of {' or '.join(components)}, which firelib {spec.stage} needs; the table lists {listed}"
        raise FirelibError(what, where=str(table), remedy=_REMEDY)
    return found[0]


def _read_table(table: Path) -> dict[str, str]:
    known = {*(name for names in _COMPONENTS.values() for name in names), *_GPU_COMPONENTS.values(), "serve"}
    if not table.is_file():
        raise FirelibError("the table of images does not exist", where=str(table), remedy=_REMEDY)
    raw = storage.read_json(str(table))
    if not isinstance(raw, dict) or not all(isinstance(image, str) for image in raw.values()):
        what = "expected a JSON object of component → image"
        raise FirelibError(what, where=str(table), remedy=_REMEDY)
    unknown = sorted(set(raw) - known)
    if unknown:
        what = f"unknown component {unknown[0]!r}"
        raise FirelibError(what, where=str(table), remedy=did_you_mean(unknown[0], known))
    return raw
