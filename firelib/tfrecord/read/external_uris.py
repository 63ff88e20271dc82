"""Find TFRecord files of other writers: a file, a folder, a pattern, or a list of these."""

import glob
import posixpath
from collections.abc import Sequence

from firelib import storage
from firelib.errors import FirelibError
from firelib.tfrecord.format.manifest import MANIFEST_NAME

_SEPARATOR = "://"


def find_external_files(uri: str) -> tuple[str, list[str]] | None:
    """Find the files of one file, folder or pattern.

    Args:
        uri: A file; a folder whose files are all taken, except hidden files and indexes; or a pattern.

    Returns:
        The URI of a folder and the sorted names of the files below it; None if the URI does not exist or holds a
        manifest.

    Raises:
        FirelibError: The folder has neither a manifest nor other files, or the pattern has no files.
    """
    found = None if uri.endswith((".json", "/")) else _list_path(uri)
    if found is None and glob.has_magic(uri):
        found = _match(uri)
    return None if found is None else _relative(found)


def list_external_files(uris: Sequence[str]) -> tuple[str, list[str]]:
    """Find the files of several files, folders and patterns, in the given order; each file is taken once.

    Args:
        uris: The files, folders and patterns.

    Returns:
        The URI of a folder and the names of the files below it.

    Raises:
        FirelibError: There are no files, or one of the URIs has none, or the files lie in several storages.
    """
    if not uris:
        raise FirelibError("the list of files is empty", where="open_dataset", remedy="pass one file or more")
    files: list[str] = []
    for uri in uris:
        found = _list_path(uri)
        if found is None and glob.has_magic(uri):
            found = _match(uri)
        if found is None:
            raise _missing(uri)
        files += found
    return _relative(list(dict.fromkeys(files)))


def _list_path(uri: str) -> list[str] | None:
    """The files of a file or a folder; None if it does not exist, or holds a manifest."""
    fs, path = storage.filesystem(uri)
    if fs.isfile(path):
        return [uri]
    if not fs.isdir(path) or storage.exists(storage.join(uri, MANIFEST_NAME)):
        return None
    files = [entry["name"] for entry in fs.ls(path, detail=True) if entry["type"] == "file"]
    names = sorted(name for name in (file.rpartition("/")[2] for file in files) if _is_data(name))
    if not names:
        raise FirelibError(
            "the folder holds neither a manifest nor TFRecord files", where=uri, remedy="check the folder's name"
        )
    return [storage.join(uri, name) for name in names]


def _match(pattern: str) -> list[str]:
    fs, path = storage.filesystem(pattern)
    infos = fs.glob(path, detail=True)
    files = sorted(
        name for name, info in infos.items() if info["type"] == "file" and _is_data(posixpath.basename(name))
    )
    if not files:
        raise FirelibError(
            "the pattern has no files", where=pattern, remedy="check it; hidden files, _files and indexes are left out"
        )
    return files if storage.is_local(pattern) else [fs.unstrip_protocol(name) for name in files]


def _is_data(name: str) -> bool:
    return not name.startswith((".", "_")) and not name.endswith(".index")


def _relative(files: Sequence[str]) -> tuple[str, list[str]]:
    """The folder that holds all files, and the path of each below it."""
    schemes = {file.partition(_SEPARATOR)[0] if _SEPARATOR in file else "" for file in files}
    paths = [file.partition(_SEPARATOR)[2] if _SEPARATOR in file else file for file in files]
    folder = posixpath.commonpath([posixpath.dirname(path) for path in paths]) if len(schemes) == 1 else ""
    if not folder:
        raise FirelibError(
            "the files lie in several storages",
            where=", ".join(files[:3]),
            remedy="open the files of each on their own",
        )
    scheme = schemes.pop()
    names = [posixpath.relpath(path, folder) for path in paths]
    return (f"{scheme}{_SEPARATOR}{folder}" if scheme else folder), names


def _missing(uri: str) -> FirelibError:
    return FirelibError(
        "there are no TFRecord files of another writer",
        where=uri,
        remedy="check the path; a dataset with a manifest is opened on its own, without a list",
    )
