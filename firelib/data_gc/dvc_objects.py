"""Contents that DVC has stored, by their MD5: from the caches of the working trees, otherwise from the remote."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.errors import FirelibError
from firelib.extras import require_modules

_PACKAGES = {"s3": {"dvc-s3": ["dvc_s3"]}, "gs": {"dvc-gs": ["dvc_gs"]}}  # scheme of a remote → extra → module
_FOLDER = ".dir"  # suffix of the hash of a folder, whose content lists its files


class DvcObjects:
    """Reads contents from the caches of a project's working trees, and from its default remote.

    Args:
        repo: DVC's repository.
        others: Those of other working trees.

    Raises:
        FirelibError: The package for the remote is missing.
    """

    def __init__(self, repo: Any, others: Sequence[Any] = ()) -> None:
        self._stores = [each.cache.local for each in (repo, *others)]
        if remote := repo.config.get("core", {}).get("remote"):
            _require_package(str(repo.config.get("remote", {}).get(remote, {}).get("url")))
            self._stores.append(repo.cloud.get_remote_odb())

    def read(self, md5: str) -> bytes | None:
        """A content; None if no cache and no remote has it.

        Raises:
            FirelibError: The bucket of the remote cannot be used.
        """
        for store in self._stores:
            path = store.oid_to_path(md5)
            with suppress(FileNotFoundError), storage.explain_storage(str(store.fs.unstrip_protocol(path))):
                content: bytes = store.fs.cat_file(path)
                return content
        return None

    def read_from_folder(self, md5: str, name: str) -> bytes | None:
        """A file of a folder; None if it cannot be read.

        Args:
            md5: Hash of the folder, which ends with `.dir`.
            name: Path of the file in the folder.
        """
        listing = self.read(md5) if md5.endswith(_FOLDER) else None
        found = _find_file(listing, name) if listing else None
        return self.read(found) if found else None


def _find_file(listing: bytes, name: str) -> str | None:
    """The MD5 of a file of a folder; None if the folder lacks it, or the listing is damaged."""
    try:
        return next((str(entry["md5"]) for entry in json.loads(listing) if entry["relpath"] == name), None)
    except (ValueError, TypeError, KeyError):
        return None


def _require_package(url: str) -> None:
    require_modules(_PACKAGES.get(url.partition("://")[0], {}), "DVC's remote", url)


@contextmanager
def open_dvc(projects: Sequence[Path]) -> Iterator[DvcObjects]:
    """Open the DVC repositories of a project's working trees.

    Args:
        projects: The folder of the project in each working tree. Those after the first may have no DVC repository.

    Raises:
        FirelibError: The first one has none, its configuration is invalid, or its remote cannot be used.
    """
    from dvc.exceptions import DvcException
    from dvc.fs import RemoteMissingDepsError
    from dvc.repo import Repo

    with ExitStack() as stack:
        try:
            repo, others = stack.enter_context(Repo(str(projects[0]))), []
            for each in projects[1:]:
                with suppress(DvcException):  # then what only its cache has is not known, and nothing goes
                    others.append(stack.enter_context(Repo(str(each))))
            objects = DvcObjects(repo, others)
        except (DvcException, RemoteMissingDepsError) as error:
            raise FirelibError(
                f"DVC: {error}",
                where=str(projects[0]),
                remedy="correct .dvc/config, run dvc init, or install the package that DVC names",
            ) from error
        yield objects
