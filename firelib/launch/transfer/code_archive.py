"""The archive of a project's code for other hosts."""

import shutil
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path

from firelib.errors import FirelibError
from firelib.launch.transfer.code_selection import find_largest, printable, refuse_secrets, select_code

#: The limit of a Ray head for uploaded packages, in MiB.
LIMIT_MIB = 100
_SHOWN = 8
_MIB = 2**20
_BEST_RATIO = 20  # files that are this many times the limit are refused before they are read


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
        FirelibError: Files contain secrets, or the archive is larger than the limit; the error names the files.
    """
    selection = select_code(project, stage)
    sizes = selection.sizes()
    if sum(sizes.values()) > _BEST_RATIO * limit_mib * _MIB:
        raise _too_large(project, sizes, limit_mib)
    refuse_secrets(selection)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for name, path in selection.files.items():
            _add(archive, name, path)
            if target.stat().st_size > limit_mib * _MIB:
                raise _too_large(project, sizes, limit_mib)
    if target.stat().st_size > limit_mib * _MIB:
        raise _too_large(project, sizes, limit_mib)
    return list(selection.files)


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    info = zipfile.ZipInfo(name)  # without the file's modification time
    status = path.stat()
    info.external_attr = (stat.S_IFREG | stat.S_IMODE(status.st_mode)) << 16
    info.compress_type, info.file_size = zipfile.ZIP_DEFLATED, status.st_size
    with path.open("rb") as source, archive.open(info, "w") as member:
        shutil.copyfileobj(source, member, _MIB)


def _too_large(project: Path, sizes: Mapping[str, int], limit_mib: float) -> FirelibError:
    listed = "\n".join(f"  {sizes[name] / _MIB:8.1f} MiB  {printable(name)}" for name in find_largest(sizes, _SHOWN))
    return FirelibError(
        f"the archive of the code has more than {limit_mib:g} MiB; largest files:\n{listed}",
        where=str(project),
        remedy="list files that the stage does not need in .rayignore (same syntax as .gitignore), and keep data below "
        "storage.root",
    )
