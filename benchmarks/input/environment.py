"""Environments of loaders that need other versions of firelib's dependencies; each is created when it is first needed.

Pip is used since its configuration says where packages are. The CPU build of PyTorch is not on the public registry:
where pip is not told of it, the environment cannot be created and its loaders are omitted, rather than gigabytes
fetched.
"""

import json
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from firelib.console import note

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".bench-envs"


@dataclass(frozen=True)
class LoaderEnvironment:
    """An environment.

    Attributes:
        name: Name of its folder.
        steps: The arguments of each `pip install`.
    """

    name: str
    steps: tuple[tuple[str, ...], ...]

    def python(self) -> Path:
        """Path of its Python; the environment is created if it is missing or was created for other packages.

        Raises:
            RuntimeError: A package cannot be installed; later calls fail at once.
        """
        if self in _failed:
            raise RuntimeError(_failed[self])
        try:
            return self._existing_or_new()
        except RuntimeError as error:
            _failed[self] = str(error)
            raise

    def _existing_or_new(self) -> Path:
        folder = FOLDER / self.name
        python, done, content = folder / "bin" / "python", folder / ".done", json.dumps(self.steps)
        if done.exists() and done.read_text() == content:
            return python
        note(f"creating an environment for {self.name}")
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True, symlinks=True)
        for step in self.steps:
            _run(str(python), "-m", "pip", "install", "--quiet", *step)
        done.write_text(content)
        return python


def this_python() -> Path:
    """Path of this environment's Python."""
    return Path(sys.executable)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own commands
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")


_failed: dict[LoaderEnvironment, str] = {}

GRAIN = LoaderEnvironment("grain", (("grain==0.2.18", "psutil>=6"),))

# Without dependencies: MDS asks for the clients of four clouds and for torchvision, LitData for torchvision. Without
# obstore, LitData reads from S3 with boto3: with it, LitData refuses a store without TLS, as on this machine.
TORCH = LoaderEnvironment(
    "torch",
    (
        ("torch==2.13.0+cpu", "numpy<2.2", "psutil>=6", "boto3", "filelock", "requests", "pillow", "tqdm"),
        ("brotli", "catalogue", "python-snappy", "transformers<5", "xxhash", "zstd"),
        ("lightning-utilities", "tifffile"),
        ("--no-deps", "litdata==0.2.76", "mosaicml-streaming==0.13.0"),
    ),
)
