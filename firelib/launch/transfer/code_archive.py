"""The project's code as one archive for hosts elsewhere: without data, models, git's history or secrets."""

import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

from firelib.errors import FirelibError

#: Never shipped, whatever the project's .gitignore and .rayignore say.
NEVER = (
    ".git/",
    ".venv/",
    ".uv/",
    "__pycache__/",
    ".firelib/",
    ".dvc/cache/",
    ".dvc/tmp/",
    ".dvc/config.local",
    "storage/",
    "downloads/",
    "wandb/",
    "*.tfrecord",
    "*.tfrecord.index",
    "*.parquet",
    ".env",
    ".env.*",
    ".netrc",
    "auth_token",
    "*.pem",
    "*.key",
    "id_rsa*",
    "id_ed25519*",
    "*credentials*.json",
    "*service-account*.json",
)
#: What Ray's head takes.
LIMIT_MIB = 100
_NEEDS_MODEL = ("evaluate",)
_SHOWN = 8
_MIB = 2**20


def excludes(stage: str) -> tuple[str, ...]:
    """Patterns, as in .gitignore, of what a stage does not need; only one that measures the model gets it."""
    return NEVER if stage in _NEEDS_MODEL else (*NEVER, "models/")


def project_files(project: Path, stage: str) -> list[str]:
    """Files to ship, relative to the project, sorted."""
    spec = GitIgnoreSpec.from_lines([*_lines(project / ".gitignore"), *_lines(project / ".rayignore")])
    return sorted(_walk(project, spec, GitIgnoreSpec.from_lines(excludes(stage))))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _walk(project: Path, *specs: GitIgnoreSpec) -> Iterator[str]:
    for folder, subfolders, names in os.walk(project):
        here = Path(folder).relative_to(project)
        subfolders[:] = [name for name in subfolders if not _matches(f"{here / name}/", specs)]
        yield from (str(here / name) for name in names if not _matches(str(here / name), specs))


def _matches(path: str, specs: Sequence[GitIgnoreSpec]) -> bool:
    return any(spec.match_file(path) for spec in specs)


def write_package(project: Path, stage: str, target: Path, limit_mib: float = LIMIT_MIB) -> list[str]:
    """Write the archive; the same files give the same bytes, so that what was shipped once is not shipped again.

    Returns:
        The files in it.

    Raises:
        FirelibError: It is larger than the head takes.
    """
    files = project_files(project, stage)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in files:
            info = zipfile.ZipInfo(name)  # without the time of the file
            info.external_attr = (project / name).stat().st_mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, (project / name).read_bytes())
        sizes = {info.filename: info.compress_size for info in archive.infolist()}
    if target.stat().st_size > limit_mib * _MIB:
        raise _too_large(project, sizes, target.stat().st_size, limit_mib)
    return files


def _too_large(project: Path, sizes: dict[str, int], size: int, limit_mib: float) -> FirelibError:
    largest = sorted(sizes, key=lambda name: (-sizes[name], name))[:_SHOWN]
    listed = "\n".join(f"  {sizes[name] / _MIB:8.1f} MiB  {name}" for name in largest)
    return FirelibError(
        f"the code to ship is {size / _MIB:.1f} MiB, more than {limit_mib:g} MiB; largest files:\n{listed}",
        where=str(project),
        remedy="name in .rayignore (it is as .gitignore) what the stage does not need; data belongs to storage.root",
    )
