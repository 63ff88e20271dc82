"""The hashes of the lake: of each data file of each table, and of the rows that lake.json pins."""

import hashlib
from collections.abc import Iterator

from firelib import storage
from firelib.data.delta_tables import matches_record, read_file_hashes
from firelib.report.project import ReportedProject
from firelib.report.verify.check import Check, hash_stored, leave_out


def check_lake(project: ReportedProject) -> Iterator[Check]:
    """Compare the data files of the lake with the hashes in Delta's log, and the log with lake.json.

    Tables that are not on this machine are left out: only `firelib transform` needs them, and extracts them again.

    Raises:
        FirelibError: lake.json or a table's log is not valid.
    """
    if project.lake is None:
        return
    remedy = f"remove the table's folder; {project.command('firelib extract')} writes it again"
    pins = project.locate(project.paths.lake_json)
    for name, record in project.lake.tables.items():
        uri = storage.join(project.paths.lake, name)
        if not storage.exists(uri):
            yield leave_out("table", f"table {name} of the lake", "not on this machine")
            continue
        shown = project.locate(uri)
        found = record.sha256 if matches_record(uri, record) else "other versions"
        yield Check("table", shown, record.sha256, found, pins, remedy)
        for file, expected in read_file_hashes(uri, record.version).items():
            if expected is not None:
                where = f"{shown}/{file.rpartition('/')[2]}"
                found = hash_stored(file, hashlib.sha256())
                yield Check("lake", where, expected, found, f"{shown}/_delta_log", remedy)
