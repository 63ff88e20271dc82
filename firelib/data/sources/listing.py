"""The files of a source: one, those of a folder, or those that match a pattern."""

import glob
import itertools
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

import fsspec
from fsspec.utils import glob_translate

from firelib import storage
from firelib.data.sources.package import find_in_package
from firelib.errors import FirelibError
from firelib.recipe import Source
from firelib.storage.retry import retry_transient

_BUCKETS = ("s3", "gs", "gcs")
_LOCAL = ("", "file")
_MAGIC = "*?["


@dataclass(frozen=True)
class SourceFile:
    """One file of a source.

    Attributes:
        uri: The file.
        name: Its path below the folder that the source names; of a single file, its name.
        sha256: Its declared hash.
        state: What tells its content apart, if the listing knows it: size and ETag of an object.
        is_listed: Whether it was found in a folder or by a pattern.
    """

    uri: str
    name: str
    sha256: str | None = None
    state: str = ""
    is_listed: bool = False


def list_files(source: Source, project: Path | None = None) -> list[SourceFile]:
    """The files of a source in the order of its rows: sorted by path within each URI.

    A single file is not looked up: it may be missing. Hidden files, and files whose name begins with `_`, as in
    `_SUCCESS`, are no data. Links to files and folders are followed.

    Args:
        source: The source.
        project: Folder that relative paths start from; by default the working directory.

    Raises:
        FirelibError: A folder or pattern has no files, or cannot be listed; or several URIs name the same file.

    Example:
        >>> list_files(Source("rows.csv"))[0].name
        'rows.csv'
    """
    hashes = source.sha256 if isinstance(source.sha256, tuple) else [source.sha256] * len(source.uris)
    if isinstance(source.uri, tuple) and isinstance(source.sha256, str):
        hashes = [None] * len(source.uris)  # the hash is that of all files together
    found: list[SourceFile] = []
    project = project or Path()
    for uri, sha256 in zip(source.uris, hashes, strict=True):
        found.extend(_list_uri(uri, sha256, project, source))
    if len(source.uris) > 1:
        found = [SourceFile(file.uri, file.name, file.sha256, file.state, is_listed=True) for file in found]
        _refuse_twice([project / (local_path(file.uri) or file.uri) for file in found], source)
    return found


def _refuse_twice(paths: Sequence[Path], source: Source) -> None:
    twice = [path for path, count in Counter(os.path.normpath(path) for path in paths).items() if count > 1]
    if twice:
        raise FirelibError(
            f"{len(twice)} files are named by several URIs, so that their rows would be there twice: {twice[0]}",
            where=f"source {source}",
            remedy="name each file once",
        )


def split_scheme(uri: str) -> tuple[str, str]:
    """The scheme of a URI, empty for a path, and the rest."""
    scheme, separator, rest = uri.partition("://")
    return (scheme, rest) if separator else ("", uri)


def is_bucket(uri: str) -> bool:
    """Whether a URI names objects of a bucket."""
    return split_scheme(uri)[0] in _BUCKETS


def is_on_this_machine(uri: str) -> bool:
    """Whether a URI is a path, or names something in a package, which may be missing."""
    return split_scheme(uri)[0] in (*_LOCAL, "pkg")


def local_path(uri: str) -> Path | None:
    """The path that a URI of a local file, folder or pattern, or of one in a package, stands for; None for others."""
    scheme, rest = split_scheme(uri)
    if scheme in _LOCAL:
        return Path(rest)
    return find_in_package(uri) if scheme == "pkg" else None


def _list_uri(uri: str, sha256: str | None, project: Path, source: Source) -> list[SourceFile]:
    scheme, _ = split_scheme(uri)
    path = local_path(uri)
    if path is not None:
        found = _list_local(project / path)
    elif scheme in _BUCKETS:
        found = _list_bucket(uri)
    else:
        _refuse_pattern(uri)
        found = None
    if found is None:
        given = str(path) if scheme == "pkg" else uri
        is_url = path is None and scheme not in _BUCKETS  # in the name of an object, `?` and `#` are letters
        return [SourceFile(given, PurePosixPath(urlsplit(uri).path if is_url else str(path or uri)).name, sha256)]
    if not found:
        raise _empty(uri, source)
    return sorted(found, key=lambda file: file.name)


def _refuse_pattern(uri: str) -> None:
    if uri.startswith(("http://", "https://")) and "*" in uri:
        raise FirelibError(
            "web servers do not list their files, so a pattern finds none",
            where=f"source {uri}",
            remedy="name each file: Source(('https://…', 'https://…'), sha256=('…', '…'))",
        )


def _list_local(path: Path) -> list[SourceFile] | None:
    """The files of a folder or pattern; None for a single file, also for a missing one."""
    if path.is_dir():
        root = path
        names = list(_walk(path))
    elif path.exists() or not _has_magic(str(path)):
        return None
    else:
        root = Path(fixed_part(path.as_posix()))
        names = list(_match(path, root))
    relative = ((name, Path(name).relative_to(root).as_posix()) for name in names)
    return [SourceFile(name, inside, is_listed=True) for name, inside in relative if is_data(inside)]


def _match(pattern: Path, root: Path) -> Iterator[str]:
    """The files below a folder that match a pattern, each once. Python's `**` would follow links without end."""
    if "**" in pattern.parts:
        inside = re.compile(glob_translate(pattern.relative_to(root).as_posix()))
        yield from (name for name in _walk(root) if inside.match(Path(name).relative_to(root).as_posix()))
        return
    found = glob.glob(str(pattern))  # noqa: PTH207  a pattern may be absolute
    loops = {folder: _is_in_loop(folder, root) for folder in {Path(name).parent for name in found}}
    yield from (name for name in found if not (loops[Path(name).parent] or Path(name).is_dir()))


def _walk(root: Path) -> Iterator[str]:
    """The files below a folder, also in linked folders; but not in a link to a folder above it, which has no end."""
    for folder, subfolders, files in os.walk(root, followlinks=True):
        subfolders[:] = [name for name in subfolders if not _is_in_loop(Path(folder, name), root)]
        yield from (os.path.join(folder, name) for name in files)  # noqa: PTH118


def _is_in_loop(folder: Path, root: Path) -> bool:
    """Whether a folder, or one above it and below the root, is a link to a folder above itself."""
    below = itertools.takewhile(lambda each: each != root, (folder, *folder.parents))
    return any(
        each.is_symlink() and each.resolve() in (above.resolve() for above in each.absolute().parents) for each in below
    )


def _list_bucket(uri: str) -> list[SourceFile] | None:
    """The objects of a folder or pattern; None for a single object."""
    fs, path = storage.filesystem(uri)
    try:
        with storage.explain_storage(uri):
            is_pattern = _has_magic(path) and not fs.exists(path)
            if not (is_pattern or uri.endswith("/")) and fs.info(path)["type"] == "file":
                return None
            found = _find_objects(fs, path, is_pattern)
    except FileNotFoundError:
        return []
    scheme, root = split_scheme(uri)[0], fixed_part(path) if is_pattern else path.rstrip("/")
    files = ((name, info, posixpath.relpath(name, root)) for name, info in found.items() if info["type"] == "file")
    return [
        SourceFile(f"{scheme}://{name}", inside, state=object_state(info), is_listed=True)
        for name, info, inside in files
        if is_data(inside)
    ]


@retry_transient
def _find_objects(fs: fsspec.AbstractFileSystem, path: str, is_pattern: bool) -> dict[str, dict[str, object]]:
    return dict(fs.glob(path, detail=True) if is_pattern else fs.find(path, detail=True))


def _has_magic(path: str) -> bool:
    return any(letter in path for letter in _MAGIC)


def object_state(info: dict[str, object]) -> str:
    """What tells the content of an object: its ETag or hash, or else when it was written, and its size."""
    names = ("ETag", "etag", "md5Hash", "generation", "LastModified", "updated", "mtime")
    tag = next((str(info[name]) for name in names if info.get(name)), "")
    return f"{tag} {info.get('size')}"


def fixed_part(pattern: str) -> str:
    """The folder that all matches of a pattern are below."""
    parts = pattern.split("/")
    index = next(number for number, part in enumerate(parts) if _has_magic(part))
    return "/".join(parts[:index]) or ("/" if pattern.startswith("/") else ".")


def is_data(name: str) -> bool:
    """Whether a file of a folder holds data: neither it nor a folder above it is hidden or begins with `_`.

    Folders of partitions such as `_year=2013` hold data.
    """
    return not any(part.startswith(".") or (part.startswith("_") and "=" not in part) for part in _parts(name))


def _parts(name: str) -> Iterator[str]:
    yield from name.split("/")


def _empty(uri: str, source: Source) -> FirelibError:
    path = local_path(uri)
    kind = "pattern" if _has_magic(uri) else "folder"
    missing = kind == "folder" and path is not None and not path.is_dir()
    what = f"the {kind} {uri} does not exist" if missing else f"the {kind} {uri} has no files"
    return FirelibError(what, where=f"source {source}", remedy="check the path; hidden files and _files are no data")
