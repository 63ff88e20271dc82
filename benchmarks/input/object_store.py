"""An object store behind a slow network, both on this machine and each in a process of its own.

    python -m benchmarks.input.object_store

runs the store (moto's S3 server), prints its port, and ends with its standard input.
"""

import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BUCKET = "benchmark"

_HOST = "127.0.0.1"
_KEY, _SECRET, _REGION = "anyone", "anything", "us-east-1"  # moto accepts any


@dataclass(frozen=True)
class Store:
    """A running store.

    Attributes:
        port: Port of the store itself, for uploads.
        slow_port: Port of the slow network in front of it.
    """

    port: int
    slow_port: int

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables with which clients of S3 find the store through the slow network."""
        return {
            "AWS_ENDPOINT_URL": f"http://{_HOST}:{self.slow_port}",
            "AWS_ACCESS_KEY_ID": _KEY,
            "AWS_SECRET_ACCESS_KEY": _SECRET,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_REGION": _REGION,
            "AWS_ALLOW_HTTP": "true",  # for clients in Rust
        }

    def upload(self, folder: Path, name: str) -> str:
        """Upload a folder, not through the slow network.

        Args:
            folder: The folder.
            name: Its name in the bucket.

        Returns:
            Its URI.
        """
        from s3fs import S3FileSystem

        fs = S3FileSystem(key=_KEY, secret=_SECRET, endpoint_url=f"http://{_HOST}:{self.port}")
        fs.makedirs(BUCKET, exist_ok=True)
        fs.put(f"{folder}/", f"{BUCKET}/{name}/", recursive=True)
        return f"s3://{BUCKET}/{name}"


@contextmanager
def running(round_trip: float, mib_per_second: float) -> Iterator[Store]:
    """Run a store behind a slow network.

    Args:
        round_trip: Seconds of a round trip.
        mib_per_second: Bandwidth of the network, in each direction.
    """
    with _child("benchmarks.input.object_store") as port:
        network = [_HOST, str(port), "--milliseconds", str(round_trip * 1e3), "--mib", str(mib_per_second)]
        with _child("benchmarks.input.slow_network", network) as slow_port:
            yield Store(port, slow_port)


@contextmanager
def _child(module: str, arguments: Sequence[str] = ()) -> Iterator[int]:
    """Run a module that prints its port and ends with its standard input."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603  our own modules
        assert process.stdout
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{module} exited with code {process.wait()}")
        yield int(line)


def main() -> None:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # it would log each request
    server = ThreadedMotoServer(_HOST, port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)  # noqa: T201  the parent reads it
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
