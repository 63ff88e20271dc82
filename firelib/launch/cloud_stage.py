"""Entry point on rented machines: `python -m firelib.launch.cloud_stage firelib train`.

Nothing is mounted there. So each replica first gets the project, which the sender left in the bucket, and the values
of the job's secrets; then all is as in any container (`bootstrap`). What the stage made goes back to the bucket.
"""

import io
import json
import os
import sys
import zipfile
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch import bootstrap
from firelib.launch.outputs import outputs_there, outputs_uri, pack_outputs
from firelib.launch.place import place_of
from firelib.launch.project_archive import ARCHIVE
from firelib.launch.secret_manager import secret_value
from firelib.launch.variables import JOB_ID, SECRETS


def main(words: Sequence[str]) -> int:
    """Run a stage of a project that lies in a bucket.

    Args:
        words: The stage and its options.

    Returns:
        The stage's exit code.
    """
    read_cloud_secrets(os.environ)
    if uri := os.environ.get(ARCHIVE):
        with zipfile.ZipFile(io.BytesIO(storage.read_bytes(uri))) as archive:
            archive.extractall(Path.cwd())  # the sender's own, and zipfile keeps names inside the folder
    before = outputs_there(Path.cwd())
    code = bootstrap.main(words)
    place = place_of(os.environ)
    if code == 0 and (place is None or place.is_head):
        packed = pack_outputs(Path.cwd(), before)
        storage.write_bytes(outputs_uri(os.environ["FIRELIB_STORAGE_ROOT"], os.environ[JOB_ID]), packed)
    return code


def read_cloud_secrets(environ: MutableMapping[str, str], read: Callable[[str], str] = secret_value) -> None:
    """Put the values of `gcp:` references into an environment; other references stay for the stage to read.

    Raises:
        FirelibError: One cannot be read.
    """
    secrets = json.loads(environ.pop(SECRETS, "{}"))
    others = {}
    for name, reference in secrets.items():
        kind, _, place = reference.partition(":")
        if kind == "gcp":
            environ[name] = read(place)
        else:
            others[name] = reference
    if others:
        environ[SECRETS] = json.dumps(others)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except FirelibError as error:
        note(f"error: {error}")
        sys.exit(1)
