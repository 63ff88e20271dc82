"""The generated test of a project works with every table that `transform` may return."""

from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from firelib.data.preview import preview_samples
from firelib.recipe import Feature, Recipe, Source


class Numbers(Recipe):
    name = "numbers"
    key = ("id",)
    features = (Feature("x", "float32"),)
    label = Feature("y", "int64", range=(0, 1))


@pytest.mark.parametrize("convert", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
def test_tables_of_other_libraries(tmp_path: Path, convert: Any) -> None:
    (tmp_path / "rows.csv").write_text("id,x,y,n\n1,2.5,0,\n2,3.5,1,7\n")
    recipe = Numbers()
    recipe.sources = {"rows": Source(str(tmp_path / "rows.csv"))}  # type: ignore[misc]
    dtypes = []

    def transform(tables: Any) -> Any:
        rows = tables["rows"].compute()
        dtypes.append(str(rows["n"].dtype))
        return convert(rows)

    recipe.transform = transform  # type: ignore[method-assign]
    assert preview_samples(recipe, tmp_path).valid.num_rows == 2
    assert dtypes == ["Int64"]  # as in the lake
