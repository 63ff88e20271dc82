"""Options for Delta's library, so that it reaches the same object stores as fsspec."""

import json
import os


def delta_options(uri: str) -> dict[str, str]:
    """The `storage_options` of a Delta table.

    Delta's library refuses an endpoint without TLS unless it is told otherwise. fsspec takes it: whoever sets
    `AWS_ENDPOINT_URL=http://…` means it. It also ignores Google's variable for emulators.

    Args:
        uri: The table.
    """
    scheme = uri.partition("://")[0]
    if scheme == "s3" and "AWS_ALLOW_HTTP" not in os.environ:
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
        return {"aws_endpoint": endpoint, "aws_allow_http": "true"} if endpoint.startswith("http://") else {}
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if scheme in ("gs", "gcs") and emulator:
        account = {"gcs_base_url": emulator, "disable_oauth": True}
        nobody = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
        return {"google_service_account_key": json.dumps({**account, **nobody})}
    return {}
