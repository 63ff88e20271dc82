"""The components' images on an engine, built from a bare Debian, and pushed to a registry."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.engine import Engine
from tests.project import ROOT


def build_images(engine: Engine, components: str | None = None, variables: Mapping[str, str] | None = None) -> None:
    """Build images with `images/build`.

    Args:
        engine: Runs the containers that build them.
        components: Names of components; None for all.
        variables: More variables of the environment that builds them.

    Raises:
        RuntimeError: An image could not be built.
    """
    base = engine.base_image("python3", "python3-venv")
    own = {"DOCKER_HOST": engine.socket, "BASE_IMAGE": base, "BUILD_NETWORK": "host"}
    if components:
        own["COMPONENTS"] = components
    _run(str(ROOT / "images/build"), **(variables or {}), **own)


def push_images(engine: Engine, registry: str, prefix: str = "firelib", table: Path | None = None) -> dict[str, str]:
    """Push all images that are built, as `make push` does.

    Args:
        engine: Has the images.
        registry: Address of the registry and a folder in it.
        prefix: The names of the images begin with it.
        table: File for the digests, for another prefix than firelib's; None writes images/digests.json.

    Returns:
        Component → image by digest.

    Raises:
        RuntimeError: The registry has refused an image.
    """
    command = ["make", "push", f"REGISTRY={registry}"]
    if prefix != "firelib":
        command = [str(ROOT / "images/push"), registry, prefix, *([str(table)] if table else [])]
    names = [line for line in _run(*command, DOCKER_HOST=engine.socket).splitlines() if "@sha256:" in line]
    return {name.partition("@")[0].rpartition("-")[2]: name for name in names}


def _run(*command: str, **variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return done.stdout
