"""Outputs that are too large for the archive: files of their own beside it, which the archive lists.

So a model of any size comes back, and no finished job fails because its outputs are large.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.launch.transfer.bounded_archive import MAX_BYTES, MAX_FILES, MIB

#: Name of the archive's list of the large files. No stage writes such a path.
LISTING = "large_outputs.json"

# Half of what a reader accepts: files that cannot be compressed become larger in an archive.
_MOST_BYTES, _MOST_FILES = MAX_BYTES // 2, MAX_FILES // 2


@dataclass(frozen=True)
class LargeOutput:
    """A file beside the archive.

    Attributes:
        name: Path relative to the project.
        bytes: Its size.
        sha256: Hash of its content.
    """

    name: str
    bytes: int
    sha256: str


_LISTED = TypeAdapter(list[LargeOutput])


def large_folder(archive: str) -> str:
    """Return the URI of the folder for the large files of an archive.

    Args:
        archive: URI of the archive.
    """
    return archive.removesuffix(".tar.gz")


def choose_large(sizes: Mapping[str, int]) -> list[str]:
    """Return the files that do not fit into an archive, the largest first.

    Args:
        sizes: Path → size in bytes.
    """
    left, total, large = len(sizes), sum(sizes.values()), []
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        if total <= _MOST_BYTES and left <= _MOST_FILES:
            break
        large.append(name)
        left, total = left - 1, total - sizes[name]
    return large


def upload_large(project: Path, names: Iterable[str], folder: str) -> list[LargeOutput]:
    """Copy large outputs beside the archive.

    Args:
        project: The project's folder.
        names: Paths relative to the project.
        folder: URI of the folder for them.

    Returns:
        What the archive lists.
    """
    outputs = []
    for name in names:
        file, uri = project / name, storage.join(folder, name)
        if storage.is_local(folder):
            storage.make_folder(uri.rpartition("/")[0])
        storage.upload_file(file, uri)
        outputs.append(LargeOutput(name, file.stat().st_size, storage.sha256_file(file)))
        note(f"{name} ({file.stat().st_size / MIB:.0f} MiB) is in {uri}")
    return outputs


def format_listing(outputs: list[LargeOutput]) -> bytes:
    """Return the archive's list of the large files."""
    return _LISTED.dump_json(outputs)


def parse_listing(content: bytes, where: str) -> list[LargeOutput]:
    """Return the large files that an archive lists.

    Args:
        content: Content of the list, which someone else may have written.
        where: Origin of the archive, for errors.

    Raises:
        FirelibError: It is no such list.
    """
    try:
        return _LISTED.validate_json(content)
    except ValidationError:
        remedy = "check who can write to the job's storage root; nothing was unpacked"
        raise FirelibError(f"{LISTING} is no list of files", where=where, remedy=remedy) from None


def download_large(project: Path, outputs: Iterable[LargeOutput], folder: str | None) -> list[str]:
    """Copy large outputs into a project. Those that cannot be reached from here are named and stay where they are.

    Args:
        project: The project's folder.
        outputs: What the archive lists; the paths have been checked.
        folder: URI of the folder with the files; None if it is not known here.

    Returns:
        Paths of the files that are in the project now.

    Raises:
        FirelibError: The disk is full, the bucket cannot be used, a file is damaged, or gone, or an older one is here.
    """
    fetched, lost = [], []
    for output in outputs:
        uri = storage.join(folder or "STORAGE_ROOT/jobs/ID/outputs", output.name)
        if folder is not None and storage.exists(uri):
            _download(output, uri, project / output.name)
            fetched.append(output.name)
        else:
            note(f"not fetched, cannot be read from here: {uri} ({output.bytes / MIB:.0f} MiB)")
            lost += [output.name] if _is_lost(output, project / output.name, folder) else []
    if lost:
        raise FirelibError(
            f"the job's {', '.join(lost)} did not arrive; what the project has under this name is older, or nothing",
            where=folder,
            remedy="copy it from the storage root named above into the project; if it is gone, run the job again",
        )
    return fetched


def _is_lost(output: LargeOutput, file: Path, folder: str | None) -> bool:
    """Whether later stages would use an older file, or a bucket no longer has this one."""
    is_older = file.is_file() and storage.sha256_file(file) != output.sha256
    return is_older or (folder is not None and not storage.is_local(folder))


def _download(output: LargeOutput, uri: str, file: Path) -> None:
    temporary = file.with_name(f".{file.name}.part")
    try:
        storage.download_file(uri, temporary)
        if storage.sha256_file(temporary) != output.sha256:
            raise FirelibError(
                f"{output.name} has another content than the job has written",
                where=uri,
                remedy="check who can write to the job's storage root, then fetch the job again",
            )
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
