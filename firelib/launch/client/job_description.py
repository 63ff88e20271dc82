"""What the command line and a file say about a job, merged, before it is checked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from firelib.errors import FirelibError
from firelib.launch.backend import Backend
from firelib.launch.images.image_choice import choose_image
from firelib.launch.job_spec import JobSpec, parse_job, parse_stage

_WHOLE = "run"


@dataclass(frozen=True)
class JobDescription:
    """A job as the user describes it.

    Attributes:
        backend: The backend that runs it.
        fields: Field of `JobSpec` → value, not checked yet.
        stages: Stage → fields that only its job has, for `firelib run` as one job for each stage.
        where: Origin of the fields, for errors.
    """

    backend: Backend
    fields: Mapping[str, Any]
    where: str
    stages: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def is_whole_run(self) -> bool:
        """Whether it is `firelib run` on a backend whose images hold one component each."""
        command = self.fields.get("command", ())
        words = tuple(command.split() if isinstance(command, str) else map(str, command))
        return self.backend.runs_components and parse_stage(words) == _WHOLE

    def parse(self) -> JobSpec:
        """Return the job, with the image that its stage needs.

        Raises:
            FirelibError: Fields are wrong, or there is no image for the stage; all of them are named.
        """
        if self.stages:
            remedy = "remove stages, or give the command firelib run and a backend whose images hold one component"
            raise FirelibError("stages: the job is none of several stages", where=self.where, remedy=remedy)
        return with_image(self.backend, parse_job(self.fields, self.where))


def with_image(backend: Backend, spec: JobSpec) -> JobSpec:
    """Return a job with the image of its stage, where the backend runs components and the job names none itself.

    Args:
        backend: The backend that runs the job.
        spec: The job; its image may be a table, or a name with `{component}` in it.

    Raises:
        FirelibError: The table of images cannot be read, or does not list the component.
    """
    if not backend.runs_components or (spec.image is None and not backend.sends_code):
        return spec  # containers of this machine: the images of `make images`
    return replace(spec, image=choose_image(spec.image, spec))


@contextmanager
def collect_problems(problems: list[str]) -> Iterator[None]:
    """Add the lines of an error in the block to a list, so that further blocks can be checked.

    Args:
        problems: The list.
    """
    try:
        yield
    except FirelibError as error:
        problems.extend(error.what.splitlines())
