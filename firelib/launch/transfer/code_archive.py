"""The archive of a project's code for other hosts, without data, models, git history and secrets."""

import os
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

from firelib.errors import FirelibError

#: Never in the archive, whatever the project's .gitignore and .rayignore say.
NEVER = (
    ".git/",
    ".venv/",
    ".uv/",
    "__pycache__/",
    ".firelib/",
    ".dvc/cache/",
    ".dvc/tmp/",
    ".dvc/config.local",
    "/storage/",
    "/downloads/",
    "/wandb/",
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
#: The limit of a Ray head for uploaded packages, in MiB.
LIMIT_MIB = 100
_NEEDS_MODEL = ("evaluate",)
_SHOWN = 8
_MIB = 2**20


def excludes(stage: str) -> tuple[str, ...]:
    """Return the .gitignore patterns of files that a stage does not need; only `evaluate` needs the model."""
    return NEVER if stage in _NEEDS_MODEL else (*NEVER, "/models/")


def project_files(project: Path, stage: str) -> list[str]:
    """List the files of the archive.

    Args:
        project: The project's folder.
        stage: The stage that the archive is for.

    Returns:
        Paths relative to the project, sorted.
    """
    spec = GitIgnoreSpec.from_lines([*_read_lines(project / ".gitignore"), *_read_lines(project / ".rayignore")])
    return sorted(_walk(project, spec, GitIgnoreSpec.from_lines(excludes(stage))))


def _read_lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _walk(project: Path, *specs: GitIgnoreSpec) -> Iterator[str]:
    for folder, subfolders, names in os.walk(project):
        relative = Path(folder).relative_to(project)
        subfolders[:] = [name for name in subfolders if not _matches(f"{relative / name}/", specs)]
        yield from (str(relative / name) for name in names if not _matches(str(relative / name), specs))


def _matches(path: str, specs: Sequence[GitIgnoreSpec]) -> bool:
    return any(spec.match_file(path) for spec in specs)


def write_package(project: Path, stage: str, target: Path, limit_mib: float = LIMIT_MIB) -> list[str]:
    """Write the archive; the same files give the same bytes, so that Ray uploads an unchanged archive only once.

    Args:
        project: The project's folder.
        stage: The stage that the archive is for.
        target: The archive to write, a ZIP file.
        limit_mib: Largest size of the archive, in MiB.

    Returns:
        The files in the archive, relative to the project.

    Raises:
        FirelibError: The archive is larger than the limit; the error names the largest files.
    """
    files = project_files(project, stage)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name in files:
            info = zipfile.ZipInfo(name)  # without the file's modification time
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
        f"the archive of the code has {size / _MIB:.1f} MiB, the limit is {limit_mib:g} MiB; largest files:\n{listed}",
        where=str(project),
        remedy="list files that the stage does not need in .rayignore (same syntax as .gitignore), and keep data below "
        "storage.root",
    )
