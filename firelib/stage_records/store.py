"""The records of a project, one small file each in `.firelib/stages/<recipe>/`, which git ignores.

A run that measured a rate has a file of its own, since a plan is made from many. Another one replaces the last such run
of its stage. A record that came back from a job is named by the job, so that it is one record however often the job's
outputs are fetched.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

from pydantic import ValidationError

from firelib import storage
from firelib.errors import FirelibError
from firelib.project_layout import make_private_folder
from firelib.stage_records.earlier_versions import list_earlier_files, upgrade
from firelib.stage_records.stage_record import VERSION, Stage, StageRecord

#: Folder of the records, relative to the project.
RECORDS = Path(".firelib", "stages")

_KEPT = 20  # newest of each kind and stage
_CALIBRATION = "calibration-"
_OF_JOB = re.compile(rf"\.firelib/stages/\w+/job-[a-z][a-z0-9-]*-({'|'.join(get_args(Stage))})\.json", re.ASCII)


@dataclass(frozen=True)
class StoredRecords:
    """What a project has recorded.

    Attributes:
        records: The records, in the order in which the runs began.
        problems: Why other files are no records that can be read.
    """

    records: list[StageRecord]
    problems: list[FirelibError]


def write_record(project: Path, recipe: str, record: StageRecord) -> Path:
    """Keep a record, and remove the oldest runs of its stage.

    Args:
        project: The project's folder.
        recipe: The recipe's name.
        record: The record.

    Returns:
        The file.
    """
    folder = make_private_folder(project, RECORDS.name, recipe)
    path = folder / f"{_choose_name(record)}.json"
    storage.write_bytes(str(path), storage.to_json(record.model_dump(mode="json")))
    prefix = f"{_CALIBRATION}{record.stage}" if record.origin == "calibration" else record.stage
    _keep_newest(sorted(folder.glob(f"{prefix}-*.json")))
    return path


def _keep_newest(files: Sequence[Path]) -> None:
    """Remove all files but the last ones."""
    for old in files[:-_KEPT]:
        with suppress(FileNotFoundError):  # another command may remove it, too
            old.unlink()


def prune_job_records(project: Path) -> None:
    """Remove the oldest records of jobs, of each recipe and stage.

    Args:
        project: The project's folder.
    """
    by_stage = defaultdict[tuple[Path, str], list[Path]](list)
    for file in find_job_records(project):
        by_stage[file.parent, file.stem.rpartition("-")[2]].append(file)
    for files in by_stage.values():
        _keep_newest(sorted(files, key=lambda file: file.stat().st_mtime_ns))


def _choose_name(record: StageRecord) -> str:
    if record.origin == "job":
        return f"job-{record.job}-{record.stage}"
    if not record.measures_rate:
        return record.stage
    order = record.begun.replace(":", "").replace("+", "_")
    prefix = _CALIBRATION if record.origin == "calibration" else ""
    return f"{prefix}{record.stage}-{order}-{uuid4().hex[:8]}"


def is_record_of_job(name: str) -> bool:
    """Whether a path is that of a record that a job sends back.

    Args:
        name: Path relative to the project, with `/`.
    """
    return _OF_JOB.fullmatch(name) is not None


def find_job_records(project: Path) -> list[Path]:
    """List the records that jobs have written into a folder, of all recipes."""
    return sorted((project / RECORDS).glob("*/job-*.json"))


def read_records(project: Path, recipe: str) -> StoredRecords:
    """Read the records of a recipe, also those of earlier versions of firelib.

    Args:
        project: The project's folder.
        recipe: The recipe's name.
    """
    records, problems = list[StageRecord](), list[FirelibError]()
    for file in _list_files(project, recipe):
        try:
            records.append(_read(file))
        except FirelibError as error:
            problems.append(error)
        except OSError as error:
            what, remedy = f"cannot be read: {error.strerror}", "correct its rights, or remove it"
            problems.append(FirelibError(what, where=str(file), remedy=remedy))
    return StoredRecords(sorted(records, key=lambda record: record.begun), problems)


def _list_files(project: Path, recipe: str) -> Iterator[Path]:
    yield from sorted((project / RECORDS / recipe).glob("*.json"))
    yield from list_earlier_files(project, recipe)


def _read(file: Path) -> StageRecord:
    raw: Any = storage.read_json(str(file))
    version = raw.get("version", 1) if isinstance(raw, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise FirelibError(
            f"a record of version {version}; this firelib reads versions up to {VERSION}",
            where=str(file),
            remedy="upgrade firelib, or remove the file",
        )
    try:
        return StageRecord.model_validate(upgrade(raw))
    except ValidationError as error:
        first = error.errors()[0]
        raise FirelibError(
            f"not a record of a stage: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            where=str(file),
            remedy="remove the file; the next run of the stage writes it again",
        ) from None
