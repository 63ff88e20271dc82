"""Preflight checks of a job for Vertex AI: the image exists and fits, the bucket is near, secrets exist.

Without them, each of these problems would surface after minutes in a queue. Unlike `validate`, they need network and
credentials.
"""

from collections.abc import Iterator

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.backends.vertex.request_checks import find_bucket_problems
from firelib.launch.backends.vertex.secret_checks import find_secret_problems
from firelib.launch.images.image_checks import find_image_problems
from firelib.launch.job_spec import JobSpec


def find_preflight_problems(spec: JobSpec) -> Iterator[str]:
    """Yield every reason why the job would fail; a check that gets no answer counts as one."""
    yield from find_image_problems(spec)
    yield from _find_storage_problems(spec)
    yield from _find_secret_problems(spec)


def _find_secret_problems(spec: JobSpec) -> Iterator[str]:
    from firelib.launch.backends.vertex.client import translate_errors

    try:
        with translate_errors("Secret Manager"):
            yield from find_secret_problems(spec)
    except FirelibError as error:
        yield f"secrets: {error}"


def _find_storage_problems(spec: JobSpec) -> Iterator[str]:
    bucket = (spec.storage_root or "").removeprefix("gs://").partition("/")[0]
    try:
        locations = read_bucket_locations(bucket)
    except FileNotFoundError:
        create = f"gcloud storage buckets create gs://{bucket}"
        yield f"storage_root: bucket {bucket!r} does not exist, or belongs to someone else: {create}"
    except Exception as error:  # noqa: BLE001  whatever the store raises: no permission, no credentials, no network
        if _is_forbidden(error):  # reading and writing objects needs no permission on the bucket
            note(f"the location of bucket {bucket!r} is not checked: it takes storage.buckets.get, which you lack")
            return
        yield f"storage_root: the location of bucket {bucket!r} cannot be read: {str(error).partition(chr(10))[0]}"
    else:
        yield from find_bucket_problems(locations, spec)


def _is_forbidden(error: Exception) -> bool:
    return (
        isinstance(error, PermissionError) or getattr(error, "code", None) == 403 or "storage.buckets.get" in str(error)
    )


def read_bucket_locations(bucket: str) -> list[str]:
    """Return where a bucket of Google Cloud Storage lies: `["europe-west4"]`, `["eu"]`, or both regions of a pair.

    Raises:
        FileNotFoundError: The bucket does not exist.
    """
    fs, _ = storage.filesystem(f"gs://{bucket}")
    found = fs.call("GET", "b/{}", bucket, json_out=True)
    pair = found.get("customPlacementConfig", {}).get("dataLocations", [])
    return [str(location).lower() for location in pair or [found["location"]]]
