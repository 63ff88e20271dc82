"""One component of a compiled pipeline: `python -m firelib.launch.pipeline_stage STAGE PROJECT BEFORE ROOT NEXT`.

Components hand on one word: the URI of an archive with all that the stages so far have made. Its name is the hash of
those files, so a component whose input is the same word, in the same image, need not run again (the platform's cache).
"""

import hashlib
import os
import sys
from pathlib import Path

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.job_context import CODE
from firelib.launch.runtime.secret_manager import read_cloud_secrets
from firelib.launch.runtime.stage_runner import run_stage
from firelib.launch.transfer.code_transfer import take_code
from firelib.launch.transfer.output_archive import outputs_there, pack_outputs, unpack_outputs

#: What stands for "nothing yet" as input of the first stage.
NOTHING = "none"


def run_component(stage: str, project: str, before: str, root: str, after: Path) -> int:
    """Run a stage on what the stages before it have made.

    Args:
        stage: `extract`, `transform`, `train` or `evaluate`.
        project: URI of the archive with the project's code.
        before: URI that the stage before has handed on, or `none`.
        root: Storage root.
        after: File that takes the URI to hand on.

    Returns:
        The stage's exit code.
    """
    os.environ["FIRELIB_STORAGE_ROOT"] = root
    read_cloud_secrets(os.environ)
    here = Path.cwd()
    take_code({CODE: project}, here)
    shipped = outputs_there(here)
    if before != NOTHING:
        unpack_outputs(storage.read_bytes(before), here)
    code = run_stage([stage], {CODE: project})
    if code == 0:
        after.parent.mkdir(parents=True, exist_ok=True)
        after.write_text(_kept(here, shipped, root), encoding="utf-8")
    return code


def _kept(here: Path, shipped: dict[str, tuple[int, int]], root: str) -> str:
    """The URI of an archive with all outputs, named by what is in them."""
    digest = hashlib.sha256()
    for name in sorted(outputs_there(here)):
        digest.update(f"{name}\n{hashlib.sha256((here / name).read_bytes()).hexdigest()}\n".encode())
    uri = storage.join(root, "pipelines", f"{digest.hexdigest()}.tar.gz")
    if not storage.exists(uri):
        storage.write_bytes(uri, pack_outputs(here, shipped))
    return uri


def run() -> int:
    """The program: `run_component` on the command line, with errors as one line."""
    stage, project, before, root, after = sys.argv[1:]
    try:
        return run_component(stage, project, before, root, Path(after))
    except FirelibError as error:
        note(f"error: {error}")
        return 1
