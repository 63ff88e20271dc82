"""One component of a pipeline: `python -m firelib.launch.pipeline_stage STAGE PROJECT BEFORE ROOT AFTER [OPTION…]`.

With options of `firelib submit`, the component does not compute: it sends the stage as a job and follows it.

Components pass one value on: the URI of an archive with the outputs of all stages so far. Its name is the hash of
these files, so the platform's cache skips a component whose input and image are unchanged.
"""

import hashlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.job_context import CODE
from firelib.launch.runtime.gpus.guard import add_driver_folder, require_gpus
from firelib.launch.runtime.secret_manager import read_cloud_secrets
from firelib.launch.runtime.stage_runner import run_stage
from firelib.launch.transfer.code_transfer import unpack_code
from firelib.launch.transfer.output_archive import download_outputs, snapshot_outputs, upload_outputs
from firelib.stage_records.store import is_record_of_job

#: Input of the first stage, which has no predecessor.
NOTHING = "none"

#: Where Kubernetes tells a pod its namespace.
_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def run_component(stage: str, project: str, before: str, root: str, after: Path, options: Sequence[str] = ()) -> int:
    """Run a stage on the outputs of the stages before it.

    Args:
        stage: `extract`, `transform`, `train` or `evaluate`.
        project: URI of the archive with the project's code.
        before: URI of the outputs so far, or `none`.
        root: Storage root.
        after: File that receives the URI of the outputs.
        options: Options of `firelib submit` that send the stage as a job; none to run it here.

    Returns:
        The stage's exit code.

    Raises:
        FirelibError: The code, the outputs or a secret cannot be read, or a requested GPU is missing.
    """
    os.environ["FIRELIB_STORAGE_ROOT"] = root
    read_cloud_secrets(os.environ)
    add_driver_folder(os.environ)
    require_gpus(os.environ)
    folder = Path.cwd()
    unpack_code({CODE: project}, folder)
    shipped = snapshot_outputs(folder)
    if before != NOTHING:
        download_outputs(before, folder, stage)
    code = run_stage(list_submit_command(stage, options) if options else [stage], {CODE: project})
    if code == 0:
        after.parent.mkdir(parents=True, exist_ok=True)
        after.write_text(_upload(folder, shipped, root), encoding="utf-8")
    return code


def list_submit_command(stage: str, options: Sequence[str]) -> list[str]:
    """Return the arguments of `firelib` that send a stage as a job into this pod's namespace, unless one is named.

    Args:
        stage: The stage.
        options: Options of `firelib submit`.
    """
    is_named = any(option.startswith("--set=namespace=") for option in options)
    own = [] if is_named or not _NAMESPACE.is_file() else [f"--set=namespace={_NAMESPACE.read_text('utf-8').strip()}"]
    return ["submit", *own, *options, "--", "firelib", stage]


def _upload(folder: Path, shipped: dict[str, tuple[int, int]], root: str) -> str:
    """Upload an archive of all outputs under the hash of its content; return its URI.

    Records of runs hold times, so they do not count: equal outputs have one name.
    """
    digest = hashlib.sha256()
    for name in sorted(name for name in snapshot_outputs(folder) if not is_record_of_job(name)):
        digest.update(f"{name}\n{storage.sha256_file(folder / name)}\n".encode())
    uri = storage.join(root, "pipelines", f"{digest.hexdigest()}.tar.gz")
    if not storage.exists(uri):
        upload_outputs(folder, shipped, uri)
    return uri


def run() -> int:
    """Run `run_component` on the command line; print an error as one message and return 1."""
    stage, project, before, root, after, *options = sys.argv[1:]
    try:
        return run_component(stage, project, before, root, Path(after), options)
    except FirelibError as error:
        note(f"error: {error}")
        return 1
