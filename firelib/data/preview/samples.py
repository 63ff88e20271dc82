"""The first rows of a recipe's sources, transformed and validated on this process."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from firelib.data.preview.preview_source import preview_source
from firelib.data.row_validation import ValidatedRows, validate_rows
from firelib.project_layout import Paths
from firelib.recipe import Recipe


def preview_samples(recipe: Recipe, project: Path, rows: int = 50) -> ValidatedRows:
    """Transform the first rows of each source, with Dask in this process.

    Rows of tables that are joined may not meet each other in so few rows; then there are missing values.

    Args:
        recipe: Names the sources, and joins their tables in its `transform`.
        project: The project's folder.
        rows: Number of rows of each source.

    Returns:
        The rows that become samples, and those that are set aside.

    Raises:
        FirelibError: A source cannot be read, or the transform's rows break the recipe's declarations.
    """
    import dask
    import dask.dataframe as dd

    paths = Paths(recipe.name, str(project / "storage"), project)
    tables = {
        name: dd.from_pandas(_to_frame(preview_source(source, paths, recipe, name, rows)), npartitions=1)
        for name, source in recipe.sources.items()
    }
    with dask.config.set(scheduler="synchronous", **{"dataframe.convert-string": False}):
        frame: Any = recipe.transform(tables)
        return validate_rows(frame.compute(), recipe)


def _to_frame(table: pa.Table) -> pd.DataFrame:
    """Rows in the dtypes of the lake's tables."""
    checks = (pa.types.is_decimal, pa.types.is_date, pa.types.is_binary, pa.types.is_large_binary, pa.types.is_nested)
    frame: pd.DataFrame = table.to_pandas(
        types_mapper=lambda kind: pd.ArrowDtype(kind) if any(check(kind) for check in checks) else None
    )
    return frame
