"""The first rows of a recipe's sources, transformed and validated on this process."""

from pathlib import Path

from firelib.data.frames.pandas_frames import preview_frame
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

    from firelib.data.frames.conversion import to_dask
    from firelib.data.joined_table import call_transform

    paths = Paths(recipe.name, str(project / "storage"), project)
    tables = {
        name: to_dask(preview_frame(preview_source(source, paths, recipe, name, rows)), name)
        for name, source in recipe.sources.items()
    }
    with dask.config.set(scheduler="synchronous", **{"dataframe.convert-string": False}):
        return validate_rows(call_transform(recipe, tables).compute(), recipe)
