"""Contents that DVC has stored, by their MD5: from its cache, otherwise from its default remote."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from firelib import storage
from firelib.errors import FirelibError
from firelib.extras import require_modules

_PACKAGES = {"s3": {"dvc-s3": ["dvc_s3"]}, "gs": {"dvc-gs": ["dvc_gs"]}}  # scheme of a remote → extra → module
_FOLDER = ".dir"  # suffix of the hash of a folder, whose content lists its files


class DvcObjects:
    """Reads contents from a project's cache and remote.

    Args:
        repo: DVC's repository.

    Raises:
        FirelibError: The package for the remote is missing.
    """

    def __init__(self, repo: Any) -> None:
        self._stores = [repo.cache.local]
        if remote := repo.config.get("core", {}).get("remote"):
            _require_package(str(repo.config.get("remote", {}).get(remote, {}).get("url")))
            self._stores.append(repo.cloud.get_remote_odb())

    def read(self, md5: str) -> bytes | None:
        """A content; None if neither has it.

        Raises:
            FirelibError: The remote is in a bucket that cannot be used.
        """
        for store in self._stores:
            path = store.oid_to_path(md5)
            with suppress(FileNotFoundError), storage.explain_storage(f"{store.fs.protocol}://{path}"):
                return bytes(store.fs.cat_file(path))
        return None

    def read_from_folder(self, md5: str, name: str) -> bytes | None:
        """A file of a folder; None if it cannot be read.

        Args:
            md5: Hash of the folder, which ends with `.dir`.
            name: Path of the file in the folder.
        """
        listing = self.read(md5) if md5.endswith(_FOLDER) else None
        entries = json.loads(listing) if listing else []
        found = next((entry["md5"] for entry in entries if entry["relpath"] == name), None)
        return self.read(found) if found else None


def _require_package(url: str) -> None:
    require_modules(_PACKAGES.get(url.partition("://")[0], {}), "DVC's remote", url)


@contextmanager
def open_dvc(project: Path) -> Iterator[DvcObjects]:
    """Open the DVC repository of a project.

    Raises:
        FirelibError: There is none, its configuration is invalid, or the package for its remote is missing.
    """
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(str(project)) as repo:
            yield DvcObjects(repo)
    except DvcException as error:
        raise FirelibError(
            f"DVC: {error}", where=str(project), remedy="correct .dvc/config, or run dvc init"
        ) from error
