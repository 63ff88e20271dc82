"""The same raw file gives the same values and the same refusals in a dataset and in a prediction."""

import gzip
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firelib import storage
from firelib.data.extract import extract
from firelib.data.row_validation import validate_rows
from firelib.data.tables import read_table
from firelib.errors import FirelibError
from firelib.evaluate.input_rows.read import read_rows
from firelib.evaluate.input_rows.validation import validate
from firelib.project_layout import Paths
from firelib.recipe import Feature, Source
from firelib.tfrecord.format.arrow_columns import to_columns
from tests.data.arrow_tables import Column, tables
from tests.evaluate.scored import Scored
from tests.examples import examples

ID = Feature("id", "int64")
CELLS = [
    *("", "NA", "-", "nan", "NaN", "inf", "-INF", "1e39", "1e-400", "0", "1", "-0", "2", "1.0", "1.5", "1.10", "3E2"),
    *("007", " 1", "1_0", "0x1F", "true", "False", "TRUE", "yes", "99999999999999999999", "9223372036854775808"),
    *(
        "2024-01-01",
        "2024-01-01 10:00:00",
        "2024-06-01T10:00:00Z",
        "10:00:00",
        "ü",
        "\U0001f600",
        '"a,b"',
        '"NA"',
        '""',
    ),
]
FEATURES = [
    Feature("x", "float32", nullable=True),
    Feature("x", "float64"),
    Feature("x", "int16", nullable=True, missing=-1),
    Feature("x", "uint64", optional=True),
    Feature("x", "bool", optional=True),
    Feature("x", "string", max_length=8, nullable=True),
    Feature("x", "string"),
    Feature("x", "bytes", optional=True),
]
TYPES: list[dict[str, str]] = [
    *({}, {}, {"x": "string"}, {"x": "float32"}, {"x": "int64"}, {"x": "bool"}, {"x": "date"}, {"x": "timestamp"}),
    *({"x": "timestamp(Europe/Berlin)"}, {"x": "decimal(20, 2)"}, {"x": "bytes"}, {"x": "uint64"}),
]


@examples(30)
@given(
    st.lists(st.sampled_from(CELLS), min_size=1, max_size=4),
    st.sampled_from(FEATURES),
    st.sampled_from(TYPES),
    st.sampled_from([("", "NA"), ("",), ("", "-", "nan")]),
    st.booleans(),
    st.booleans(),
)
def test_csv(
    cells: list[str], feature: Feature, types: dict[str, str], nulls: tuple[str, ...], mark: bool, packed: bool
) -> None:
    lines = ["id,x,other", *(f"{index},{cell},{cell}" for index, cell in enumerate(cells))]
    content = ("\ufeff" if mark else "").encode() + "\n".join(lines).encode() + b"\n"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.csv.gz" if packed else "rows.csv")
        path.write_bytes(gzip.compress(content) if packed else content)
        check(path, Scored(feature, sources={"rows": Source(str(path), null_values=nulls, types=types)}, label=ID))


@examples(15)
@given(tables())
def test_parquet(drawn: tuple[pa.Table, dict[str, Column]]) -> None:
    table, columns = drawn
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.parquet")
        pq.write_table(table, path)
        features = [column.feature for column in columns.values() if column.feature]
        check(path, Scored(*features, sources={"rows": Source(str(path))}, label=ID))


@pytest.mark.parametrize(
    ("column", "kind", "feature"),
    [
        (pa.array([2**64 - 1, 1], pa.uint64()), "string", Feature("x", "string")),
        (pa.array([1, 1001], pa.time64("ns")), "string", Feature("x", "string")),
        (pa.array([Decimal(10) ** 50, None], pa.decimal256(60, 0)), "float64", Feature("x", "float64", optional=True)),
        (pa.array([1, None], pa.int8()), "bool", Feature("x", "bool", optional=True)),
    ],
    ids=str,
)
def test_declared_types_make_a_file_readable(tmp_path: Path, column: pa.Array, kind: str, feature: Feature) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"id": [0, 1], "x": column}), path)
    recipe = Scored(feature, sources={"rows": Source(str(path), types={"x": kind})}, label=ID)
    assert isinstance(check(path, recipe), dict)


def check(path: Path, recipe: Scored) -> Any:
    made = outcome(lambda: transformed(path.parent, recipe))
    assert outcome(lambda: validate(read_rows(str(path), recipe), recipe.features)) == made
    return made


def outcome(make: Any) -> Any:
    """The columns with their types, bit for bit, or that they are refused.

    Whether the offsets of strings have 32 or 64 bits depends on the reader, and changes no byte of a record.
    """
    try:
        columns = make()
    except FirelibError as error:
        return "refused" if error.where and error.remedy else error
    return {
        name: (str(column.type).replace("large_", ""), repr(column.to_pylist()))
        if isinstance(column, pa.Array)
        else _bits(column)
        for name, column in columns.items()
    }


def _bits(column: np.ndarray) -> tuple[str, bytes]:
    missing = np.isnan(column) if column.dtype.kind == "f" else np.zeros(column.shape, bool)
    return str(column.dtype), np.where(missing, np.zeros((), column.dtype), column).tobytes() + missing.tobytes()


def transformed(folder: Path, recipe: Scored) -> dict[str, Any]:
    """The columns that the writer gets for a recipe that changes nothing. A prediction refuses what it sets aside."""
    paths = Paths("scored", str(folder / "storage"), folder)
    extract(recipe, paths)
    rows = validate_rows(read_table(storage.join(paths.lake, "rows"), 0).compute(scheduler="synchronous"), recipe)
    if rows.set_aside.num_rows:
        raise FirelibError("set aside", where="rows", remedy="correct them")
    return to_columns(rows.valid, recipe.features)
