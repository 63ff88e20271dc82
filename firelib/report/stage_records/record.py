"""The record of a stage: written when it ends, read by reports. It is no output of DVC, since it holds times."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from firelib import storage
from firelib.console import note
from firelib.errors import FirelibError
from firelib.project_layout import Paths, make_private_folder
from firelib.report.stage_records.ray_activity import Node, Task, TaskTotal, read_activity

#: Folder of the records, relative to the project.
RECORDS = Path(".firelib", "stages")


@dataclass(frozen=True)
class StageRecord:
    """What a stage did.

    Attributes:
        stage: Name of the stage.
        begun: When it began, UTC, ISO 8601.
        seconds: How long it took, from the connection to Ray to its end.
        nodes: Nodes of Ray; none if the stage does not use Ray.
        totals: Tasks by name.
        tasks: The longest tasks, in the order of their start.
    """

    stage: str
    begun: str
    seconds: float
    nodes: tuple[Node, ...] = ()
    totals: tuple[TaskTotal, ...] = ()
    tasks: tuple[Task, ...] = ()


_ADAPTER = TypeAdapter(StageRecord)


@contextmanager
def record_stage(stage: str, paths: Paths) -> Iterator[None]:
    """Record what the block did, if it succeeds. A job in an ephemeral copy of the project leaves no record.

    Args:
        stage: Name of the stage.
        paths: The project.
    """
    begun, started = datetime.now(UTC), time.perf_counter()
    yield
    if paths.elsewhere:
        return
    seconds = time.perf_counter() - started
    try:
        nodes, totals, tasks = read_activity(begun.timestamp())
        record = StageRecord(stage, begun.isoformat(timespec="seconds"), round(seconds, 2), nodes, totals, tasks)
        make_private_folder(paths.project)
        storage.write_bytes(str(record_file(paths, stage)), storage.to_json(asdict(record)))
    except Exception as error:  # noqa: BLE001  the stage has succeeded, and Ray raises whatever its client does
        note(f"note: no record of stage {stage} for firelib report: {type(error).__name__}: {error}")


def record_file(paths: Paths, stage: str) -> Path:
    """The file of a stage's record."""
    return paths.project / RECORDS / paths.recipe / f"{stage}.json"


def read_records(paths: Paths) -> list[StageRecord]:
    """The records of all stages of a recipe, in the order in which they began.

    Raises:
        FirelibError: A record is not valid.
    """
    files = sorted((paths.project / RECORDS / paths.recipe).glob("*.json"))
    return sorted((_read(file) for file in files), key=lambda record: record.begun)


def _read(file: Path) -> StageRecord:
    try:
        return _ADAPTER.validate_python(storage.read_json(str(file)))
    except ValidationError as error:
        first = error.errors()[0]
        raise FirelibError(
            f"not a record of a stage: {'.'.join(map(str, first['loc']))}: {first['msg']}",
            where=str(file),
            remedy="remove the file; the next run of the stage writes it again",
        ) from None
