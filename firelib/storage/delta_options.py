"""Options for Delta's library, so that it reaches the same object stores as fsspec."""

import os


def delta_options(uri: str) -> dict[str, str]:
    """The `storage_options` of a Delta table.

    Delta's library refuses an endpoint without TLS unless it is told otherwise. fsspec takes it: whoever sets
    `AWS_ENDPOINT_URL=http://…` means it.

    Args:
        uri: The table.
    """
    if not uri.startswith("s3://") or "AWS_ALLOW_HTTP" in os.environ:
        return {}
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
    return {"aws_endpoint": endpoint, "aws_allow_http": "true"} if endpoint.startswith("http://") else {}
