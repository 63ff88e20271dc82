"""Contents that DVC has stored, by their MD5: from its cache, otherwise from its default remote."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firelib.errors import FirelibError

_FOLDER = ".dir"  # suffix of the hash of a folder, whose content lists its files


class DvcObjects:
    """Reads contents from a project's cache and remote.

    Args:
        repo: DVC's repository.
    """

    def __init__(self, repo: Any) -> None:
        self._stores = [repo.cache.local]
        if repo.config.get("core", {}).get("remote"):
            self._stores.append(repo.cloud.get_remote_odb())

    def read(self, md5: str) -> bytes | None:
        """A content; None if neither has it."""
        for store in self._stores:
            try:
                content: bytes = store.fs.cat_file(store.oid_to_path(md5))
            except FileNotFoundError:
                continue
            return content
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


@contextmanager
def open_dvc(project: Path) -> Iterator[DvcObjects]:
    """Open the DVC repository of a project.

    Raises:
        FirelibError: There is none, or its configuration is invalid.
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
