"""What is asked before a job is sent to Vertex AI: whether the image is there and fits, and where the bucket lies.

Each would else be noticed after minutes in a queue. Unlike `problems`, this needs network and credentials.
"""

from collections.abc import Iterator

from firelib import storage
from firelib.errors import FirelibError
from firelib.launch.backends.vertex.request_checks import wrong_bucket
from firelib.launch.job_spec import JobSpec


def what_is_missing(spec: JobSpec) -> Iterator[str]:
    """Every reason why the job would fail, whichever of the questions are answered."""
    yield from _of_image(spec.image or "")
    yield from _of_bucket(spec)


def _of_image(image: str) -> Iterator[str]:
    from firelib.launch.backends.vertex.client import explained
    from firelib.launch.oci_registry import read_image_platform

    try:
        with explained(image):
            facts = read_image_platform(image)
    except FirelibError as error:
        yield f"image: {error}"
        return
    if facts is None:
        yield f"image: the registry has no {image}: make push"
    elif (facts.os, facts.architecture) != ("linux", "amd64"):
        yield f"image: is built for {facts.os}/{facts.architecture}: build it for linux/amd64"


def _of_bucket(spec: JobSpec) -> Iterator[str]:
    bucket = (spec.storage_root or "").removeprefix("gs://").partition("/")[0]
    try:
        location = bucket_location(bucket)
    except FileNotFoundError:
        yield f"storage_root: there is no bucket {bucket!r}, or it is not yours: gcloud storage buckets create gs://{bucket}"
    except Exception as error:  # noqa: BLE001  whatever the store answers: no rights, not logged in, no network
        yield f"storage_root: bucket {bucket!r} cannot be looked at: {str(error).partition(chr(10))[0]}"
    else:
        yield from wrong_bucket(location, spec)


def bucket_location(bucket: str) -> str:
    """Where a bucket of Google Cloud Storage lies, such as `europe-west4` or `eu`.

    Raises:
        FileNotFoundError: There is none.
    """
    fs, _ = storage.filesystem(f"gs://{bucket}")
    return str(fs.call("GET", "b/{}", bucket, json_out=True)["location"]).lower()
