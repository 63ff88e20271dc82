"""Preflight checks of a job for Vertex AI: the image exists and fits, and the bucket is near.

Without them, each of these problems would surface after minutes in a queue. Unlike `validate`, they need network and
credentials.
"""

from collections.abc import Iterator

from firelib import storage
from firelib.launch.backends.vertex.request_checks import find_bucket_problems
from firelib.launch.images.image_checks import find_image_problems
from firelib.launch.job_spec import JobSpec


def find_preflight_problems(spec: JobSpec) -> Iterator[str]:
    """Yield every reason why the job would fail; a check that gets no answer counts as one."""
    yield from find_image_problems(spec)
    yield from _find_storage_problems(spec)


def _find_storage_problems(spec: JobSpec) -> Iterator[str]:
    bucket = (spec.storage_root or "").removeprefix("gs://").partition("/")[0]
    try:
        location = read_bucket_location(bucket)
    except FileNotFoundError:
        create = f"gcloud storage buckets create gs://{bucket}"
        yield f"storage_root: bucket {bucket!r} does not exist, or belongs to someone else: {create}"
    except Exception as error:  # noqa: BLE001  whatever the store raises: no permission, no credentials, no network
        yield f"storage_root: the location of bucket {bucket!r} cannot be read: {str(error).partition(chr(10))[0]}"
    else:
        yield from find_bucket_problems(location, spec)


def read_bucket_location(bucket: str) -> str:
    """Return the location of a bucket of Google Cloud Storage, such as `europe-west4` or `eu`.

    Raises:
        FileNotFoundError: The bucket does not exist.
    """
    fs, _ = storage.filesystem(f"gs://{bucket}")
    return str(fs.call("GET", "b/{}", bucket, json_out=True)["location"]).lower()
