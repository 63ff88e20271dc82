"""Environments of peers that need other versions of firelib's dependencies; each is created when it is first needed.

The CPU build of PyTorch is not on the public registry. Pip's configuration says where it is, so pip installs it: where
pip is not told, the environment cannot be created and its peers are omitted, rather than gigabytes fetched.
"""

import json
import os
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
class PeerEnvironment:
    """An environment.

    Attributes:
        name: Name of its folder.
        steps: The arguments of each installation.
        version: Version of its Python; empty for this one's.
        with_pip: Whether pip installs the packages; uv, which is faster, does otherwise.
    """

    name: str
    steps: tuple[tuple[str, ...], ...]
    version: str = ""
    with_pip: bool = False

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
        if self.with_pip:
            venv.create(folder, with_pip=True, symlinks=True)
            install = [str(python), "-m", "pip", "install"]
        else:
            run_quietly(find_uv(), "venv", "--python", self.version or sys.executable, str(folder))
            install = [find_uv(), "pip", "install", "--python", str(python)]
        for step in self.steps:
            run_quietly(*install, *step)
        done.write_text(content)
        return python


def find_uv() -> str:
    """Path of uv, which `make setup` installs if the machine has none.

    Raises:
        RuntimeError: There is none.
    """
    uv = shutil.which("uv", path=f"{os.environ.get('PATH', '')}:{ROOT / '.uv' / 'bin'}")
    if uv is None:
        raise RuntimeError("uv is missing: run make setup")
    return uv


def run_quietly(*command: str) -> None:
    """Run a command without its output.

    Raises:
        RuntimeError: It failed; with the end of what it said.
    """
    done = subprocess.run([*command, "--quiet"], capture_output=True, text=True, check=False)  # noqa: S603  our own commands
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")


def this_python() -> Path:
    """Path of this environment's Python."""
    return Path(sys.executable)


_failed: dict[PeerEnvironment, str] = {}

GRAIN = PeerEnvironment("grain", (("grain==0.2.18", "psutil>=6"),))

TFX_BSL = PeerEnvironment("tfx-bsl", (("tfx-bsl==1.21.0",),), version="3.11")

# Without dependencies: MDS asks for the clients of four clouds and for torchvision, LitData for torchvision. Without
# obstore, LitData reads from S3 with boto3: with it, LitData refuses a store without TLS, as on this machine.
TORCH = PeerEnvironment(
    "torch",
    (
        ("torch==2.13.0+cpu", "numpy<2.2", "psutil>=6", "boto3", "filelock", "requests", "pillow", "tqdm"),
        ("brotli", "catalogue", "python-snappy", "transformers<5", "xxhash", "zstd"),
        ("lightning-utilities", "tifffile"),
        ("--no-deps", "litdata==0.2.76", "mosaicml-streaming==0.13.0"),
    ),
    with_pip=True,
)
