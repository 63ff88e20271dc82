"""What `make vertex` has written for jobs: the defaults of `firelib submit --to vertex`."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

from firelib.gcp.vertex.settings import parse_settings, read_saved
from firelib.launch.job_environment import shared_root

_ROOT = "FIRELIB_STORAGE_ROOT"


def load_saved_settings(backend: str, project: Path, root: str, environ: MutableMapping[str, str]) -> Mapping[str, Any]:
    """Set the variables of `.firelib/vertex.env` that are not set, as if the user had exported them.

    Args:
        backend: Name of the backend; only `vertex` has such a file.
        project: The project's folder.
        root: `storage.root` of params.yaml; a bucket there takes precedence.
        environ: Environment variables, which are changed.

    Returns:
        Fields of a job that the file sets: its machine type and its secret.

    Raises:
        FirelibError: The file has wrong values; all of them are named.
    """
    saved = read_saved(project) if backend == "vertex" else {}
    if not saved:
        return {}
    for name, value in saved.items():
        if name != _ROOT or shared_root(root) is None:
            environ.setdefault(name, value)
    settings = parse_settings({}, saved)
    reference = f"gcp:projects/{settings.project}/secrets/{settings.secret_id}/versions/latest"
    secrets = {"secrets": {settings.secret: reference}} if settings.secret else {}
    return {"resources": {"machine": settings.machine}, **secrets}
