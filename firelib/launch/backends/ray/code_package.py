"""The archive of a project's code that Ray uploads as a job's working directory."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.code_archive import write_package


@contextmanager
def package_code(spec: JobSpec) -> Iterator[str]:
    """Yield the path of an archive of the project's code, which exists until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "code.zip")
        write_package(Path(spec.project), spec.stage, archive)
        yield str(archive)
