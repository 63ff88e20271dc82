"""What a job's stage has made, as one archive that goes back to whoever sent the job: small files, never shards."""

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
    """Where the archive of a job lies."""
    return storage.join(root, "jobs", job_id, _NAME)


def outputs_there(project: Path) -> dict[str, tuple[int, int]]:
    """File → when it was changed, and its size: of all that a stage may make."""
    stats = {name: (project / name).stat() for name in _files(project)}
    return {name: (stat.st_mtime_ns, stat.st_size) for name, stat in stats.items()}


def pack_outputs(project: Path, before: Mapping[str, tuple[int, int]]) -> bytes:
    """An archive of the outputs that are new or other than before.

    Args:
        project: The project's folder.
        before: What was there before the stage (`outputs_there`).

    Raises:
        FirelibError: They are too large to go back.
    """
    names = sorted(name for name, state in outputs_there(project).items() if before.get(name) != state)
    size = sum((project / name).stat().st_size for name in names)
    if size > _LIMIT_MIB * _MIB:
        raise FirelibError(
            f"what the stage has made is {size / _MIB:.0f} MiB, more than {_LIMIT_MIB} MiB",
            where=str(project),
            remedy="the model is kept in storage.root/runs/*/export: take it from there",
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
    """Put the files of an archive into a project; each is written whole or not at all.

    Returns:
        Their names.

    Raises:
        FirelibError: The archive names places outside of a stage's outputs.
    """
    names = []
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as archive:
        members = archive.getmembers()
        _refuse_strange(members)
        for member in members:
            file = archive.extractfile(member)
            assert file is not None, "only files are in it"
            storage.write_bytes(str(project / member.name), file.read())
            names.append(member.name)
    return names


def fetch_outputs(spec: JobSpec) -> list[str]:
    """Bring what a job's stage has made back into the project that sent it.

    Returns:
        Names of the files, relative to the project.

    Raises:
        FirelibError: The job left nothing, or the storage cannot be read.
    """
    uri = outputs_uri(spec.storage_root or "", spec.job_id)
    try:
        return unpack_outputs(storage.read_bytes(uri), Path(spec.project))
    except FileNotFoundError:
        raise FirelibError("the job has left nothing (yet)", where=uri, remedy=f"firelib logs {spec.job_id}") from None


def _refuse_strange(members: list[tarfile.TarInfo]) -> None:
    for member in members:
        parts = Path(member.name).parts
        ours = parts[0] in _FOLDERS or parts[-1] == "params.yaml"
        if not member.isfile() or not ours or ".." in parts or Path(member.name).is_absolute():
            raise FirelibError(
                f"the job's outputs name {member.name!r}, which is no output of a stage",
                where=_NAME,
                remedy="nothing was written from there on; look at the job's storage root",
            )
