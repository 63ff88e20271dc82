"""Settings of backend `vertex`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, model_validator

from firelib.errors import FirelibError
from firelib.gcp.machine_types import Gpu
from firelib.launch.backends.vertex.pass_through import is_passed_through
from firelib.launch.job_spec import parse_gpu
from firelib.launch.target import Target, setting


@dataclass(frozen=True)
class MachineOption:
    """An alternative to the machine type of the job.

    Attributes:
        machine: Machine type of Google Cloud.
        gpu: GPUs to attach, or None for those that come with the machine.
    """

    machine: str
    gpu: Gpu | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the option that `g2-standard-12` or `n1-standard-8+t4:1` describes.

        Raises:
            ValueError: The GPUs have another form.
        """
        machine, _, gpu = text.partition("+")
        try:
            return cls(machine, parse_gpu(gpu or None))
        except FirelibError as error:
            raise ValueError(error.what) from None


def _split(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _parse_machines(text: str) -> tuple[MachineOption, ...]:
    return tuple(map(MachineOption.parse, _split(text)))


class VertexTarget(Target):
    """Settings of `--to vertex`.

    Example:
        >>> VertexTarget.parse({"project": "my-lab", "region": "us-east1", "job_spec.enable_web_access": "true"}).fields
        {'job_spec.enable_web_access': 'true'}
    """

    of_training = ("machines", "register_model")

    project: str = setting(
        "id or number of the Google Cloud project",
        example="PROJECT",
        default="",
        pattern=r"^([a-z][a-z0-9-]{4,28}[a-z0-9]|\d+)$",
        required=True,
        variable="GOOGLE_CLOUD_PROJECT",
    )
    region: Annotated[tuple[str, ...], BeforeValidator(_split)] = setting(
        "regions to try, in this order",
        example="europe-west4,us-central1",
        default=(),
        required=True,
        variable="GOOGLE_CLOUD_REGION",
    )
    machines: Annotated[tuple[MachineOption, ...], BeforeValidator(_parse_machines)] = setting(
        "machine types to try after --machine, each in all regions",
        example="g2-standard-12,n1-standard-8+t4:1",
        default=(),
    )
    service_account: str | None = setting(
        "identity of the job",
        example="NAME@PROJECT.iam.gserviceaccount.com",
        pattern=r"^[^@\s]+@[^@\s]+\.gserviceaccount\.com$",
        variable="FIRELIB_SERVICE_ACCOUNT",
    )
    network: str | None = setting(
        "VPC network, for private addresses",
        example="projects/NUMBER/global/networks/NAME",
        pattern=r"^projects/[^/]+/global/networks/[^/]+$",
    )
    tensorboard: str | None = setting(
        "TensorBoard instance; needs service_account",
        example="projects/P/locations/REGION/tensorboards/NUMBER",
        pattern=r"^projects/[^/]+/locations/[^/]+/tensorboards/\d+$",
    )
    output: str | None = setting(
        "base output directory of the CustomJob; default: below the storage root",
        example="gs://BUCKET/FOLDER",
        pattern=r"^gs://[^/]+(/.*)?$",
    )
    bucket_region: str | None = setting(
        "location of the bucket, for checks that need no network", example="europe-west4"
    )
    endpoint: str | None = setting(
        "address of the service, if not the region's own",
        example="REGION-aiplatform.googleapis.com",
        pattern=r"^(https?://)?[^/\s]+$",
    )
    register_model: str | None = setting(
        "name under which a finished job's model is put into Vertex Model Registry",
        example="flights",
        pattern=r"^[a-z_][a-z0-9_-]{0,62}$",
    )
    serving_image: str = setting(
        "image that serves a registered model",
        example="us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest",
        default="us-docker.pkg.dev/vertex-ai/prediction/tf2-cpu.2-15:latest",
    )
    fields: Mapping[str, str] = setting(
        "fields of the CustomJob that firelib has no setting for", example="job_spec.enable_web_access=true", default={}
    )

    @model_validator(mode="before")
    @classmethod
    def _collect_fields(cls, settings: Any) -> Any:
        """Collect the settings that name fields of the CustomJob; `find_field_problems` checks them."""
        fields = {name: value for name, value in settings.items() if is_passed_through(name)}
        others = {name: value for name, value in settings.items() if name not in fields}
        return {**others, "fields": fields} if fields else others
