"""The archive of a stage's outputs, which goes back to the project that submitted the job. It never holds shards."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from firelib import storage
from firelib.errors import FirelibError
from firelib.launch.job_spec import JobSpec

_FOLDERS = ("data", "models", "metrics", "plots")
_NAME = "outputs.tar.gz"
_LIMIT_MIB = 200
_MIB = 2**20


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
        FirelibError: The outputs are too large to go back.
    """
    names = sorted(name for name, state in snapshot_outputs(project).items() if before.get(name) != state)
    size = sum((project / name).stat().st_size for name in names)
    if size > _LIMIT_MIB * _MIB:
        raise FirelibError(
            f"the outputs of the stage have {size / _MIB:.0f} MiB, the limit is {_LIMIT_MIB} MiB",
            where=str(project),
            remedy="copy the model from storage.root/runs/*/export",
        )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in names:
            archive.add(project / name, arcname=name, recursive=False)
    return packed.getvalue()


def _files(project: Path) -> Iterator[str]:
    for folder in _FOLDERS:
        for path in (project / folder).rglob("*"):
            if path.is_file() and not path.is_symlink() and ".tfrecord" not in path.name:
                yield str(path.relative_to(project))
    yield from (str(path.relative_to(project)) for path in project.glob("params.yaml"))
    yield from (str(path.relative_to(project)) for path in project.glob("pipelines/*/params.yaml"))


def unpack_outputs(packed: bytes, project: Path) -> list[str]:
    """Unpack an archive of outputs into a project; each file is written whole or not at all.

    Args:
        packed: The archive from `pack_outputs`.
        project: The project's folder.

    Returns:
        Paths relative to the project.

    Raises:
        FirelibError: The archive contains a path that no stage writes.
    """
    names = []
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        members = archive.getmembers()
        _validate_members(members)
        for member in members:
            file = archive.extractfile(member)
            assert file is not None, "the archive contains files only"
            storage.write_bytes(str(project / member.name), file.read())
            names.append(member.name)
    return names


def fetch_outputs(spec: JobSpec) -> list[str]:
    """Download a job's outputs into the project that submitted it.

    Returns:
        Paths relative to the project.

    Raises:
        FirelibError: The job has uploaded no outputs, or the storage cannot be read.
    """
    uri = outputs_uri(spec.storage_root or "", spec.job_id)
    try:
        return unpack_outputs(storage.read_bytes(uri), Path(spec.project))
    except FileNotFoundError:
        raise FirelibError(
            "the job has uploaded no outputs (yet)", where=uri, remedy=f"read firelib logs {spec.job_id}"
        ) from None


def _validate_members(members: list[tarfile.TarInfo]) -> None:
    for member in members:
        parts = Path(member.name).parts
        ours = parts[0] in _FOLDERS or parts[-1] == "params.yaml"
        if not member.isfile() or not ours or ".." in parts or Path(member.name).is_absolute():
            raise FirelibError(
                f"the archive of outputs contains {member.name!r}, which no stage writes",
                where=_NAME,
                remedy="check who can write to the job's storage root; nothing was unpacked",
            )
