import pyarrow as pa

from firelib.data.row_order import sort_rows


def test_sorts_by_columns_whose_names_look_like_paths() -> None:
    rows = pa.table({".a": [2, 1, 2, None], "[0]": ["x", "y", "w", "z"]})
    assert sort_rows(rows, [".a", "[0]", ".a"])["[0]"].to_pylist() == ["y", "w", "x", "z"]
