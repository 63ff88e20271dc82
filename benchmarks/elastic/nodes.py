"""A Ray cluster of processes on this machine, whose nodes are lost and come back."""

import os
import secrets
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


class Nodes:
    """A head and worker nodes 0, 1, …, held by a process (`node_server`). As a context manager, ends with the block.

    Args:
        count: Number of worker nodes at the start.
        log: File for what Ray prints.

    Attributes:
        environment: Variables of a process that connects to this Ray.
    """

    def __init__(self, count: int, log: Path) -> None:
        self._count, self._log = count, log
        self._server: subprocess.Popen[str] | None = None
        self.environment = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",  # as `firelib` starts Ray: niceness 15 would slow both ways down beside others
            "PYTHONPATH": str(_ROOT),  # workers import the recipe
        }

    def __enter__(self) -> "Nodes":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start the head and the worker nodes."""
        command = [sys.executable, "-m", "benchmarks.elastic.node_server"]
        with self._log.open("a") as log:
            self._server = subprocess.Popen(  # noqa: S603  our own module
                command, cwd=_ROOT, env={**os.environ, **self.environment}, stdin=-1, stdout=-1, stderr=log, text=True
            )
        self.environment["RAY_ADDRESS"] = self._read_line()
        for index in range(self._count):
            self.add(index)

    def add(self, index: int) -> None:
        """Start a worker node and wait until it is up."""
        self._request(f"add {index}")

    def lose(self, index: int) -> None:
        """Kill a worker node with all its processes at once."""
        self._request(f"lose {index}")

    def kill_worker(self, index: int) -> None:
        """Kill the training worker on a node, and nothing else."""
        self._request(f"kill_worker {index}")

    def kill(self) -> None:
        """Kill all nodes and the head."""
        if self._server is not None:
            self._server.communicate()  # the end of its input ends it
            self._server = None

    def _request(self, command: str) -> None:
        assert self._server is not None
        assert self._server.stdin is not None
        self._server.stdin.write(f"{command}\n")
        self._server.stdin.flush()
        self._read_line()

    def _read_line(self) -> str:
        """Read an answer. Ray itself may print other lines to standard error only."""
        assert self._server is not None
        assert self._server.stdout is not None
        line = self._server.stdout.readline()
        if not line:
            raise RuntimeError(f"the cluster failed: {self._log.read_text()[-3000:]}")
        return line.strip()
