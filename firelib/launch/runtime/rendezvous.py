"""The rendezvous of a job's replicas: small files in the job's folder, which only the job's identity can read.

`head.json`   written by replica 0: address of the head, one-off token, id of the attempt.
`joined/…`    one file for each replica that has joined an attempt.
`failed/…`    one file for each replica that cannot run the job, with the reason.
`ended.json`  the driver's exit code, which ends all replicas.
"""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from firelib import storage
from firelib.errors import FirelibError
from firelib.job_context import JOB_ID

_FOLDER = "meeting"  # other versions of firelib look for the files here


@dataclass(frozen=True)
class Head:
    """What a replica needs to join the cluster.

    Attributes:
        address: `host:port` of the Ray head.
        token: The cluster's token, generated for this attempt only.
        attempt: Id of this start of replica 0; a restarted replica 0 has another one.
    """

    address: str
    token: str
    attempt: str


class DriverExit(NamedTuple):
    """The end of the driver.

    Attributes:
        attempt: Id of the attempt.
        code: Exit code.
    """

    attempt: str
    code: int


def create_head(address: str) -> Head:
    """Create a head with a new token and a new attempt id.

    Args:
        address: `host:port` of the Ray head.
    """
    return Head(address, secrets.token_hex(32), secrets.token_hex(4))


def rendezvous_uri(environ: Mapping[str, str]) -> str:
    """Return the URI of the job's rendezvous folder: in its storage root, else in its output folder.

    A job that moves to another placement is another job of the platform, whose replicas share a folder of their own:
    they must not mistake the exit code of the earlier one for theirs.

    Raises:
        FirelibError: The environment names neither.
    """
    platform_job = environ.get("CLOUD_ML_JOB_ID")
    job = environ.get(JOB_ID) or platform_job
    root = environ.get("FIRELIB_STORAGE_ROOT")
    if root and job:
        folder = storage.join(root, "jobs", job, _FOLDER)
        return storage.join(folder, platform_job) if platform_job and platform_job != job else folder
    output = environ.get("AIP_CHECKPOINT_DIR") or environ.get("AIP_MODEL_DIR")
    if output:
        return storage.join(output.replace("/gcs/", "gs://", 1), _FOLDER)
    raise FirelibError(
        "this replica has no rendezvous folder: neither a storage root with a job id nor an output folder is set",
        where="the environment of this replica",
        remedy=f"set FIRELIB_STORAGE_ROOT and {JOB_ID}, or an output folder (AIP_CHECKPOINT_DIR)",
    )


@dataclass(frozen=True)
class Rendezvous:
    """The rendezvous folder of a job.

    Attributes:
        uri: The folder.
    """

    uri: str

    def publish_head(self, head: Head) -> None:
        """Publish the head. On a shared folder, only this user can read the file: it contains the token."""
        storage.remove_file(self._file("ended.json"))
        _write_private(self._file("head.json"), storage.to_json(asdict(head)))

    def read_head(self) -> Head | None:
        """Return the current head, or None."""
        raw = _read(self._file("head.json"))
        return Head(**raw) if raw else None

    def remove_head(self) -> None:
        """Remove the head and its token, once the cluster has ended."""
        storage.remove_file(self._file("head.json"))

    def register(self, index: int, head: Head) -> None:
        """Register a replica that has joined.

        Args:
            index: The replica.
            head: The head that it has joined.
        """
        storage.write_bytes(self._joined(index, head), b"\n")

    def list_joined(self, count: int, head: Head) -> list[int]:
        """List the replicas that have joined a head, without replica 0.

        Args:
            count: Number of replicas of the job.
            head: The head.
        """
        return [index for index in range(1, count) if storage.exists(self._joined(index, head))]

    def is_current(self, head: Head) -> bool:
        """Whether a head is still the job's. A folder that cannot be read now is no sign that it is not.

        Args:
            head: The head that this replica has joined; Ray itself tells whether it is lost.
        """
        try:
            return Head(**storage.read_json(self._file("head.json"))) == head
        except storage.UnreadableJsonError:
            return False
        except (FirelibError, OSError):
            return True

    def report_failure(self, index: int, text: str) -> None:
        """Report that a replica cannot run the job. Only the log of replica 0 is shown to the user.

        Args:
            index: The replica.
            text: The reason.
        """
        storage.write_bytes(self._failed(index), storage.to_json({"reason": text}))

    def withdraw_failure(self, index: int) -> None:
        """Withdraw what a replica reported in an earlier attempt.

        Args:
            index: The replica.
        """
        storage.remove_file(self._failed(index))

    def list_failures(self, count: int) -> dict[int, str]:
        """Return the reasons of the replicas that cannot run the job, by index.

        Args:
            count: Number of replicas of the job.
        """
        found = {index: _read(self._failed(index)) for index in range(1, count)}
        return {index: raw["reason"] for index, raw in found.items() if raw}

    def publish_exit(self, head: Head, code: int) -> None:
        """Publish the end of the driver.

        Args:
            head: The head of the driver's attempt.
            code: The driver's exit code.
        """
        storage.write_bytes(self._file("ended.json"), storage.to_json({"attempt": head.attempt, "code": code}))

    def read_exit(self) -> DriverExit | None:
        """Return the most recent end of a driver, or None."""
        raw = _read(self._file("ended.json"))
        return DriverExit(raw["attempt"], raw["code"]) if raw else None

    def _file(self, name: str) -> str:
        return storage.join(self.uri, name)

    def _failed(self, index: int) -> str:
        return self._file(f"failed/{index}")

    def _joined(self, index: int, head: Head) -> str:
        return self._file(f"joined/{head.attempt}-{index}")


def _read(uri: str) -> dict[str, Any] | None:
    try:
        return dict(storage.read_json(uri))
    except (FirelibError, OSError):  # missing, or being replaced
        return None


def _write_private(uri: str, data: bytes) -> None:
    if not storage.is_local(uri):
        storage.write_bytes(uri, data)  # the bucket's permissions protect it
        return
    path = Path(storage.absolute(uri))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    storage.write_bytes(uri, data)
    path.chmod(0o600)
