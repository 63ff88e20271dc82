"""Files of one table whose columns differ, such as monthly ones of which the later have a column more."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from firelib.data.file_sets.combine import DifferentColumnsError
from firelib.scaffold.data.data_source import DataSource, read_data

_MOST_LINES = 12


def read_files(data: DataSource, scratch: Path) -> tuple[DataSource, pa.Table, bool]:
    """Read the rows, as `read_data` does; files may have different columns.

    Args:
        data: The data.
        scratch: Folder for downloads.

    Returns:
        The data, with `Source.union` if their files differ; the rows; and whether there are more.

    Raises:
        FirelibError: The data cannot be read, or a column has types that no common one holds.
    """
    try:
        table, is_sample = read_data(data, scratch)
    except DifferentColumnsError as error:
        union = replace(data.source, union=True)
        data = replace(
            data, source=union, arguments={**data.arguments, "union": True}, differences=tuple(error.problems)
        )
        table, is_sample = read_data(data, scratch)
    return data, table, is_sample


def describe_files(data: DataSource) -> Iterator[str]:
    """Say in what the files differ: a line each, if they do.

    Args:
        data: The data.
    """
    if data.differences:
        yield "files: their columns differ, which union=True accepts: values of a column that a file lacks are missing"
    yield from (f"files: {problem}" for problem in data.differences[:_MOST_LINES])
    if len(data.differences) > _MOST_LINES:
        yield f"files: and {len(data.differences) - _MOST_LINES} more differences"
