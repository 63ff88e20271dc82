"""lake.json: the pinned versions of the tables in the lake.

lake.json depends on the sources alone. DVC tracks it instead of the lake, because Delta's own files contain times and
random names.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, ValidationError, model_serializer

from firelib import storage
from firelib.config import explain_validation_error
from firelib.errors import FirelibError


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Commit(_Record):
    """One version of a table.

    Attributes:
        version: Delta's version.
        rows: Rows of the table at this version.
        group: Values of `commit_by` in the added rows.
        sha256: Hash of the added rows.
    """

    version: int
    rows: int
    group: dict[str, int | str]
    sha256: str


class TableRecord(_Record):
    """One table of the lake.

    Attributes:
        source: URI of the source.
        sha256: Hash of the source's content.
        columns: Column → Arrow type.
        rows: Rows of the newest version.
        version: Newest version.
        commits: All versions, oldest first.
        raw_types: Column → Arrow type in the raw file, for columns that have another type in the lake. For a column of
            a CSV file that stays text because of a feature or the key, the type that would be inferred.
        source_version: Version of the source, if it is a Delta table.
        set_aside: Number of rows of the source that cannot be used: broken pictures.
    """

    source: str
    sha256: str
    columns: dict[str, str]
    rows: int
    version: int
    commits: tuple[Commit, ...]
    raw_types: dict[str, str] = {}
    source_version: int | None = None
    set_aside: int = 0

    @model_serializer(mode="wrap")
    def _omit_defaults(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Tables that these members tell nothing about have the entry that earlier versions of firelib wrote."""
        members: dict[str, Any] = serialize(self)
        if not self.raw_types:
            del members["raw_types"]
        if self.source_version is None:
            del members["source_version"]
        if not self.set_aside:
            del members["set_aside"]
        return members

    def is_same_data(self, other: "TableRecord | None") -> bool:
        """Whether another record pins the same rows and types, whatever it says about the source."""
        if other is None:
            return False
        about_source = {name: getattr(other, name) for name in ("raw_types", "source_version", "set_aside")}
        return self.model_copy(update=about_source) == other


class Lake(_Record):
    """The content of lake.json.

    Attributes:
        format: Version of the file format.
        recipe: Name of the recipe.
        tables: Table name → its versions.
    """

    format: int = 1
    recipe: str
    tables: dict[str, TableRecord]

    def write(self, path: Path) -> None:
        """Write lake.json."""
        storage.write_bytes(str(path), storage.to_json(self.model_dump(mode="json")))

    def resolve_versions(self, wanted: int | None) -> dict[str, int]:
        """The version to read of each table.

        Args:
            wanted: Version of the tables that have several versions; None is the newest.

        Returns:
            Table name → version.

        Raises:
            FirelibError: A table does not have the version, or all tables have only one version.
        """
        if wanted and all(len(record.commits) == 1 for record in self.tables.values()):
            raise FirelibError(
                f"data.version is {wanted}, but every table of {self.recipe!r} has only version 0",
                where="params.yaml: data.version",
                remedy="set data.version to null, or give a table versions with Source.commit_by",
            )
        return {name: self.resolve_version(name, wanted) for name in self.tables}

    def resolve_version(self, table: str, wanted: int | None) -> int:
        """The version to read of one table.

        Args:
            table: Name of the table.
            wanted: Version of a table with several versions; None is the newest.

        Raises:
            FirelibError: The table does not have the version.
        """
        record = self.tables[table]
        if wanted is None or len(record.commits) == 1:
            return record.version
        if wanted > record.version:
            raise FirelibError(
                f"table {table!r} has versions 0 to {record.version}, but data.version is {wanted}",
                where="params.yaml: data.version",
                remedy="choose a version that firelib data log lists, or null for the newest",
            )
        return wanted


def read_lake(path: Path) -> Lake:
    """The validated content of lake.json.

    Raises:
        FirelibError: The file does not exist or is not a lake.json.
    """
    try:
        return Lake.model_validate(storage.read_json(str(path)))
    except ValidationError as error:
        raise FirelibError(
            f"the file is not a valid lake.json:\n{explain_validation_error(error, Lake)}",
            where=str(path),
            remedy="run firelib extract to write it again",
        ) from None
