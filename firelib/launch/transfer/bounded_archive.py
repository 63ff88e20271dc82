"""Reading of archives that someone else may have written, within limits."""

import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from firelib.errors import FirelibError

MIB = 2**20
#: Largest size of all files in an archive, in bytes, and their largest number.
MAX_BYTES = 200 * MIB
MAX_FILES = 10_000
#: The same for an archive of code: what `write_package` accepts, and more files than any project has.
MAX_CODE_BYTES = 20 * 1024 * MIB
MAX_CODE_FILES = 100_000
_OVERHEAD = 2048 * MAX_FILES  # headers and padding
_MAX_RATIO = 500
_SMALL = 32 * MIB  # below this size, no ratio is suspect

_DAMAGED = (tarfile.TarError, zlib.error, EOFError, OSError, ValueError, OverflowError)


def read_members(archive: IO[bytes], where: str) -> Iterator[tuple[tarfile.TarInfo, IO[bytes] | None]]:
    """Yield the members of an archive from its beginning, each with its content.

    Args:
        archive: The archive, which can seek.
        where: Origin of the archive, for errors.

    Yields:
        Header and content of each member; the content is None unless the member is a regular file. It has to be read
        before the next member is requested.

    Raises:
        FirelibError: The archive is damaged, or larger than the limits.
    """
    compressed = archive.seek(0, 2)
    archive.seek(0)
    try:
        stream = _BoundedReader(gzip.GzipFile(fileobj=archive), compressed, where)
        with tarfile.open(fileobj=cast("IO[bytes]", stream), mode="r|") as members:  # it calls only `read`
            for number, member in enumerate(members):
                if number >= MAX_FILES:
                    raise _unacceptable(f"the archive has more than {MAX_FILES} files", where)
                if not 0 <= member.size <= stream.limit:  # tarfile would look for its end for hours
                    raise _unacceptable(f"a file of the archive claims {member.size:.3g} bytes", where)
                yield member, members.extractfile(member) if _is_regular(member) else None
        while stream.read(MIB):  # to the end, where gzip compares the checksum
            pass
    except _DAMAGED as error:
        raise _unacceptable(f"the archive is damaged: {type(error).__name__}: {error}", where) from None


def unpack_zip(archive: Path, folder: Path, where: str) -> None:
    """Unpack a ZIP archive. Every member stays inside the folder, and has at most the size that the archive states.

    Args:
        archive: The archive.
        folder: The folder to unpack into.
        where: Origin of the archive, for errors.

    Raises:
        FirelibError: The archive is damaged, or states more bytes or files than the limits; nothing is unpacked then.
    """
    try:
        with zipfile.ZipFile(archive) as package:
            members = package.infolist()
            total = sum(member.file_size for member in members)
            if total > MAX_CODE_BYTES:
                limit = f"at most {MAX_CODE_BYTES // MIB:,} MiB are allowed"
                raise _refused_code(f"the job's code unpacks to {total // MIB:,} MiB, {limit}", where)
            if len(members) > MAX_CODE_FILES:
                limit = f"at most {MAX_CODE_FILES:,} are allowed"
                raise _refused_code(f"the job's code has {len(members):,} files, {limit}", where)
            package.extractall(folder)  # noqa: S202  zipfile keeps every member inside the folder
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise _refused_code(f"the job's code is damaged: {error}", where) from None


def _refused_code(what: str, where: str) -> FirelibError:
    return FirelibError(what, where=where, remedy="submit the job again; check who can write to its storage root")


def _is_regular(member: tarfile.TarInfo) -> bool:
    """Whether a member is a plain file; a sparse one can claim any size."""
    return member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()


class _BoundedReader:
    """A stream that refuses to give more bytes than an archive of its size may have."""

    def __init__(self, stream: gzip.GzipFile, compressed: int, where: str) -> None:
        self._stream, self._where, self._given = stream, where, 0
        self.limit = min(MAX_BYTES + _OVERHEAD, max(_SMALL, _MAX_RATIO * compressed))

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._given += len(data)
        if self._given > self.limit:
            limits = f"{MAX_BYTES // MIB} MiB and {_MAX_RATIO} times the archive's size"
            raise _unacceptable(
                f"the archive unpacks to more than {self.limit // MIB} MiB; limits: {limits}", self._where
            )
        return data


def _unacceptable(what: str, where: str) -> FirelibError:
    return FirelibError(
        what, where=where, remedy="check who can write to the job's storage root; nothing was unpacked, fetch it again"
    )
