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
from firelib.launch.transfer.bounded_archive import MAX_BYTES, MAX_FILES, MIB, read_members
from firelib.launch.transfer.output_paths import OUTPUT_FOLDERS, is_output

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


def pack_outputs(project: Path, before: Mapping[str, tuple[int, int]]) -> bytes:
    """Pack the outputs that are new or changed.

    Args:
        project: The project's folder.
        before: The state before the stage, from `snapshot_outputs`.

    Returns:
        A gzipped tar archive.

    Raises:
        FirelibError: The outputs are too large, or too many, to go back.
    """
    names = sorted(name for name, state in snapshot_outputs(project).items() if before.get(name) != state)
    size = sum((project / name).stat().st_size for name in names)
    if size > MAX_BYTES or len(names) > MAX_FILES:
        raise FirelibError(
            f"the outputs of the stage have {size / MIB:.0f} MiB in {len(names)} files, the limits are "
            f"{MAX_BYTES // MIB} MiB and {MAX_FILES} files",
            where=str(project),
            remedy="copy the model from storage.root/runs/*/export",
        )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in names:
            archive.add(project / name, arcname=name, recursive=False)
    return packed.getvalue()


def _files(project: Path) -> Iterator[str]:
    paths = (path for folder in OUTPUT_FOLDERS for path in (project / folder).rglob("*"))
    for path in (*paths, *project.glob("params.yaml"), *project.glob("pipelines/*/params.yaml")):
        name = str(path.relative_to(project))
        if is_output(name, "tune") and path.is_file() and not path.is_symlink():
            yield name


def unpack_outputs(archive: IO[bytes], project: Path, stage: str) -> list[str]:
    """Unpack an archive of outputs into a project. All members are checked before the first file is written.

    Args:
        archive: The archive from `pack_outputs`; it is read twice, as a stream.
        project: The project's folder.
        stage: The stage that wrote the outputs.

    Returns:
        Paths relative to the project.

    Raises:
        FirelibError: The archive is damaged or too large, or it contains something that the stage does not write; the
            error names all such members.
    """
    members = [(member.name, content is not None) for member, content in read_members(archive, _NAME)]
    problems = [*_find_problems(members, project, stage)]
    if problems:
        more = [f"and {len(problems) - _SHOWN} more"] if len(problems) > _SHOWN else []
        raise FirelibError(
            "\n".join([*problems[:_SHOWN], *more]),
            where=_NAME,
            remedy="check who can write to the job's storage root; nothing was unpacked",
        )
    for member, content in read_members(archive, _NAME):
        assert content is not None, "the problems above include members without content"
        storage.write_bytes(str(project / member.name), content.read())
    return [name for name, _ in members]


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


def fetch_outputs(spec: JobSpec) -> list[str]:
    """Download a job's outputs into the project that submitted it.

    Returns:
        Paths relative to the project.

    Raises:
        FirelibError: The job has uploaded no outputs, the storage cannot be read, or the archive is refused.
    """
    uri = outputs_uri(spec.storage_root or "", spec.job_id)
    try:
        archive = read_outputs(uri)
    except FileNotFoundError:
        raise FirelibError(
            "the job has uploaded no outputs (yet)", where=uri, remedy=f"read firelib logs {spec.job_id}"
        ) from None
    return unpack_outputs(archive, Path(spec.project), spec.stage)
