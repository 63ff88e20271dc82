"""Containers: the images of the components, their digests and sizes."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from firelib.report.content import Block, Facts, Missing, Table
from firelib.report.figures import show_bytes
from firelib.report.project import HASH_DIGITS, ReportedProject, read_json_file

_COMPONENT = re.compile(r"^FROM\s+(\S+)\s+AS\s+([\w-]+)\s*$", re.MULTILINE)
_PREFIX = re.compile(r'prefix="\$\{1:-([\w.-]+)\}"')
_COMPONENTS = ("extract", "transform", "trainer", "trainer-gpu", "evaluate", "serve")
_DOCKER_SECONDS = 10


def containers(project: ReportedProject) -> Iterator[Block]:
    """The images that are defined, built and pushed."""
    file = project.folder / "images" / "Dockerfile"
    if not file.is_file():
        yield Missing("no images: images/Dockerfile does not exist", "firelib init writes one")
        return
    text = file.read_text(errors="replace")
    layers = dict(reversed(match) for match in _COMPONENT.findall(text))  # component → the layer that it builds on
    pushed = read_json_file(project.folder / "images" / "digests.json") or {}
    names = list(dict.fromkeys([*_COMPONENTS, *pushed]))
    built = _inspect_images(find_prefix(project.folder / "images", pushed), names)
    known = [name for name in names if name in layers or name in pushed or name in built]
    rows = [[name, layers.get(name, "–"), *_describe(built.get(name)), _digest(pushed.get(name))] for name in known]
    if rows:
        yield Table("Images", ["component", "built from", "local id", "size", "pushed digest"], rows)
    if not built:
        yield Missing("no image is built on this machine, so sizes are not known", "make images")
    if not pushed:
        yield Missing("no image is pushed: images/digests.json does not exist", "make push REGISTRY=…")
    image = (project.lineage or {}).get("image")
    yield Facts({"image that trained the model": image or ("none: installed packages" if project.lineage else None)})


def find_prefix(folder: Path, pushed: Mapping[str, object]) -> str:
    """What the names of a project's images begin with, before a dash and the component.

    Args:
        folder: The folder `images` of the project, whose script `build` declares the prefix.
        pushed: Component → pushed image.
    """
    for component, image in pushed.items():
        name = str(image).partition("@")[0].rpartition("/")[2].partition(":")[0]
        if name.endswith(f"-{component}"):
            return name.removesuffix(f"-{component}")
    script = folder / "build"
    found = _PREFIX.search(script.read_text(errors="replace")) if script.is_file() else None
    return found[1] if found else "firelib"


def _digest(image: object) -> str:
    return str(image).rpartition("@")[2] if image else "–"


def _describe(found: tuple[str, int] | None) -> list[str]:
    return [found[0].removeprefix("sha256:")[:HASH_DIGITS], show_bytes(found[1])] if found else ["–", "–"]


def _inspect_images(prefix: str, components: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Component → id and bytes of its image, as far as a container engine on this machine has them."""
    found = {}
    for component in components:
        output = _call_docker("image", "inspect", "--format", '["{{.Id}}", {{.Size}}]', f"{prefix}-{component}")
        if output is None:
            continue
        with suppress(ValueError, TypeError):  # not what Docker prints
            image, size = json.loads(output)
            found[component] = (str(image), int(size))
    return found


def _call_docker(*arguments: str) -> str | None:
    """What Docker prints; None if there is no Docker, or it fails."""
    command = ["docker", *arguments]
    try:
        done = subprocess.run(  # noqa: S603  fixed commands
            command, capture_output=True, text=True, check=True, timeout=_DOCKER_SECONDS, cwd=Path.cwd()
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
