"""Put the model of a finished job into Vertex Model Registry.

https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.models/upload
"""

import json
from collections.abc import Mapping
from typing import Any

from firelib import storage
from firelib.errors import FirelibError
from firelib.launch.backends.vertex.request import JOB_LABEL, output_folder
from firelib.launch.backends.vertex.target import VertexTarget
from firelib.launch.job_spec import JobSpec

_TIMEOUT_SECONDS = 300


def build_upload(spec: JobSpec, name: str, region: str, exists: bool = False) -> dict[str, Any]:
    """Return the request that registers a job's model.

    Args:
        spec: The job. Its stage has copied the SavedModel into the folder that Vertex AI names `AIP_MODEL_DIR`.
        name: The model's id.
        region: Region of the registry: where the job ran.
        exists: Whether the registry has the model already; then this one becomes its next version.

    Returns:
        The arguments of `projects.locations.models.upload`.
    """
    target = VertexTarget.parse(spec.target)
    parent = f"projects/{target.project}/locations/{region}"
    identity = {"parentModel": f"{parent}/models/{name}"} if exists else {"modelId": name}
    return {
        "parent": parent,
        **identity,
        "model": {
            "displayName": name,
            "versionDescription": f"firelib job {spec.job_id}",
            "artifactUri": storage.join(output_folder(spec, target), "model"),
            "containerSpec": {"imageUri": target.serving_image},
            "labels": {**spec.labels, JOB_LABEL: spec.job_id},
        },
    }


def register_model(spec: JobSpec, name: str, region: str) -> str:
    """Register a job's model, as the first version or the next one.

    Args:
        spec: The job, which has succeeded.
        name: The model's id.
        region: Region of the registry.

    Returns:
        Resource name of the model.

    Raises:
        FirelibError: Vertex AI refuses, or does not answer.
    """
    from google.api_core import exceptions as api_errors
    from google.cloud import aiplatform_v1

    from firelib.launch.backends.vertex.client import TIMEOUT_SECONDS, credentials_for, translate_errors

    target = VertexTarget.parse(spec.target)
    address = target.endpoint or f"{region}-aiplatform.googleapis.com"
    uri = f"projects/{target.project}/locations/{region}/models/{name}"
    with translate_errors(uri):
        client = aiplatform_v1.ModelServiceClient(
            transport="rest", client_options={"api_endpoint": address}, credentials=credentials_for(address)
        )
        try:
            client.get_model(name=uri, timeout=TIMEOUT_SECONDS)
            exists = True
        except api_errors.NotFound:
            exists = False
        request = parse_upload(build_upload(spec, name, region, exists))
        operation = client.upload_model(request=request, timeout=TIMEOUT_SECONDS)
        try:
            return str(operation.result(timeout=_TIMEOUT_SECONDS).model)
        except (TimeoutError, api_errors.RetryError):
            raise FirelibError(
                f"the registry has not finished within {_TIMEOUT_SECONDS} s", where=uri, remedy="gcloud ai models list"
            ) from None


def parse_upload(request: Mapping[str, Any]) -> Any:
    """Return a request as Google's message, which refuses unknown fields."""
    from google.cloud import aiplatform_v1

    return aiplatform_v1.UploadModelRequest.from_json(json.dumps(request), ignore_unknown_fields=False)
