"""The archive of a stage's outputs, which goes back to the project that submitted the job. It never holds shards."""

import io
import tarfile
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO

from firelib import storage
from firelib.errors import FirelibError
from firelib.launch.job_spec import JobSpec
from firelib.launch.transfer.bounded_archive import MAX_BYTES, MIB, read_members
from firelib.launch.transfer.large_outputs import (
    LISTING,
    LargeOutput,
    choose_large,
    download_large,
    format_listing,
    large_folder,
    parse_listing,
    upload_large,
)
from firelib.launch.transfer.output_paths import OUTPUT_FOLDERS, is_output
from firelib.stage_records.store import find_job_records

_NAME = "outputs.tar.gz"
_SHOWN = 20


def outputs_uri(root: str, job_id: str) -> str:
    """Return the URI of the archive with a job's outputs.

    Args:
        root: Storage root.
        job_id: The job.
    """
    return storage.join(root, "jobs", job_id, _NAME)


def snapshot_outputs(project: Path) -> dict[str, tuple[int, int]]:
    """Record the state of all files that stages can write.

    Returns:
        Path relative to the project → modification time in nanoseconds, and size in bytes.
    """
    stats = {name: (project / name).stat() for name in _files(project)}
    return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in stats.items()}


def upload_outputs(project: Path, before: Mapping[str, tuple[int, int]], uri: str) -> None:
    """Upload the outputs that are new or changed: one archive, and large files beside it.

    Args:
        project: The project's folder.
        before: The state before the stage, from `snapshot_outputs`.
        uri: URI of the archive.

    Raises:
        FirelibError: The bucket cannot be used.
    """
    sizes = {name: state[1] for name, state in snapshot_outputs(project).items() if before.get(name) != state}
    large = upload_large(project, choose_large(sizes), large_folder(uri))
    aside = {output.name for output in large}
    storage.write_bytes(uri, _pack(project, sorted(sizes.keys() - aside), large))


def _pack(project: Path, names: Sequence[str], large: list[LargeOutput]) -> bytes:
    """Return a gzipped tar archive of the files, and of the list of the large files if there are any."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        if large:
            content = format_listing(large)
            info = tarfile.TarInfo(LISTING)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name in names:
            archive.add(project / name, arcname=name, recursive=False)
    return packed.getvalue()


def _files(project: Path) -> Iterator[str]:
    paths = (path for folder in OUTPUT_FOLDERS for path in (project / folder).rglob("*"))
    parameters = (*project.glob("params.yaml"), *project.glob("pipelines/*/params.yaml"))
    for path in (*paths, *parameters, *find_job_records(project)):
        name = str(path.relative_to(project))
        if is_output(name, "tune") and path.is_file() and not path.is_symlink():
            yield name


def unpack_outputs(archive: IO[bytes], project: Path, stage: str, folder: str | None = None) -> list[str]:
    """Unpack an archive of outputs into a project. All members are checked before the first file is written.

    Args:
        archive: The archive from `upload_outputs`; it is read twice, as a stream.
        project: The project's folder.
        stage: The stage that wrote the outputs.
        folder: URI of the folder with the large files that the archive lists; None if it is not known here.

    Returns:
        Paths relative to the project.

    Raises:
        FirelibError: The archive is damaged or too large, or it contains something that the stage does not write; the
            error names all such members. Or a large file is damaged.
    """
    members, large = _read_names(archive)
    problems = [*_find_problems([*members, *((output.name, True) for output in large)], project, stage)]
    if problems:
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise FirelibError(
            "\n".join([*problems[:_SHOWN], *more]),
            where=_NAME,
            remedy="check who can write to the job's storage root; nothing was unpacked",
        )
    for member, content in read_members(archive, _NAME):
        if member.name != LISTING:
            assert content is not None, "the problems above include members without content"
            storage.write_bytes(str(project / member.name), content.read())
    return [*(name for name, _ in members), *download_large(project, large, folder)]


def _read_names(archive: IO[bytes]) -> tuple[list[tuple[str, bool]], list[LargeOutput]]:
    """Names of the members and whether each is a regular file; and the large files that the archive lists."""
    members: list[tuple[str, bool]] = []
    large: list[LargeOutput] = []
    for member, content in read_members(archive, _NAME):
        if member.name == LISTING and content is not None and not large:
            large = parse_listing(content.read(), _NAME)
        else:
            members.append((member.name, content is not None))
    return members, large


def _find_problems(members: Sequence[tuple[str, bool]], project: Path, stage: str) -> Iterator[str]:
    folders = {_spell_alike(str(parent)) for name, _ in members for parent in PurePosixPath(name).parents}
    seen: set[str] = set()
    for name, is_regular in members:
        if not is_regular:
            yield f"{name!r} is a link, a device, a folder or a sparse file; expected regular files"
        elif not is_output(name, stage):
            yield f"{name!r} is no output of firelib {stage}"
        elif _spell_alike(name) in seen | folders:
            yield f"{name!r} is twice in the archive on a file system that ignores case or Unicode normalization"
        elif not _can_write(project, name):
            yield f"{name!r} would replace something that is no regular file"
        seen.add(_spell_alike(name))


def _spell_alike(name: str) -> str:
    """The same text for all spellings of a name that some file systems take for one."""
    return unicodedata.normalize("NFC", name).casefold()


def _can_write(project: Path, name: str) -> bool:
    """Whether a path is free or a regular file, in folders that exist or can be created."""
    path = project / name
    parents = [project / parent for parent in PurePosixPath(name).parents]
    is_free = path.is_file() or not (path.exists() or path.is_symlink())
    return is_free and all(parent.is_dir() or not (parent.exists() or parent.is_symlink()) for parent in parents)


def read_outputs(uri: str) -> IO[bytes]:
    """Download an archive of outputs.

    Raises:
        FirelibError: The archive is larger than all outputs may be.
        FileNotFoundError: There is no archive.
    """
    folder, _, name = uri.rpartition("/")
    size = storage.sizes(folder, [name]).get(name) or 0
    if size > MAX_BYTES:
        raise FirelibError(
            f"the archive of outputs has {size / MIB:.0f} MiB, the limit is {MAX_BYTES // MIB} MiB",
            where=uri,
            remedy="check who can write to the job's storage root; nothing was downloaded",
        )
    return io.BytesIO(storage.read_bytes(uri))


def download_outputs(uri: str, project: Path, stage: str) -> list[str]:
    """Download an archive of outputs, and the large files beside it, into a project.

    Args:
        uri: URI of the archive.
        project: The project's folder.
        stage: The stage that wrote the outputs.

    Returns:
        Paths relative to the project.

    Raises:
        FirelibError: The archive is refused, or the storage cannot be read.
        FileNotFoundError: There is no archive.
    """
    return unpack_outputs(read_outputs(uri), project, stage, large_folder(uri))


def fetch_outputs(spec: JobSpec) -> list[str]:
    """Download a job's outputs into the project that submitted it.

    Returns:
        Paths relative to the project.

    Raises:
        FirelibError: The job has uploaded no outputs, the storage cannot be read, or the archive is refused.
    """
    uri = outputs_uri(spec.storage_root or "", spec.job_id)
    try:
        return download_outputs(uri, Path(spec.project), spec.stage)
    except FileNotFoundError:
        raise FirelibError(
            "the job has uploaded no outputs (yet)", where=uri, remedy=f"read firelib logs {spec.job_id}"
        ) from None
