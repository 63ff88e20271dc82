"""The hashes of the lake: of each data file of each table, and of the rows that lake.json pins."""

import hashlib
from collections.abc import Iterator

from firelib import storage
from firelib.data.delta_tables import matches_record, read_file_hashes
from firelib.report.project import ReportedProject
from firelib.report.verify.check import MISSING, Check

_CHUNK_BYTES = 1 << 20
_REMEDY = "remove the table's folder; firelib extract writes it again"


def check_lake(project: ReportedProject) -> Iterator[Check]:
    """Compare the data files of the lake with the hashes in Delta's log, and the log with lake.json.

    Tables that are not on this machine are left out: only `firelib transform` needs them, and extracts them again.

    Raises:
        FirelibError: lake.json or a table's log is not valid.
    """
    if project.lake is None:
        return
    pins = project.shown(project.paths.lake_json)
    for name, record in project.lake.tables.items():
        uri = storage.join(project.paths.lake, name)
        if not storage.exists(uri):
            continue
        shown = project.shown(uri)
        found = record.sha256 if matches_record(uri, record) else "other versions"
        yield Check("table", shown, record.sha256, found, pins, _REMEDY)
        for file, expected in read_file_hashes(uri, record.version).items():
            if expected is not None:
                where = f"{shown}/{file.rpartition('/')[2]}"
                yield Check("lake", where, expected, _hash(file), f"{shown}/_delta_log", _REMEDY)


def list_absent(project: ReportedProject) -> list[str]:
    """Tables of the lake that are not on this machine."""
    tables = project.lake.tables if project.lake else {}
    return [name for name in tables if not storage.exists(storage.join(project.paths.lake, name))]


def _hash(uri: str) -> str:
    digest = hashlib.sha256()
    fs, path = storage.filesystem(uri)
    try:
        with fs.open(path, "rb") as file:
            while block := file.read(_CHUNK_BYTES):
                digest.update(block)
    except FileNotFoundError:
        return MISSING
    return digest.hexdigest()
