from firelib.data.lake import TableRecord
from firelib.data.versions.schema_changes import ColumnChange, compare_schemas


def record(**columns: str) -> TableRecord:
    return TableRecord(source="t.csv", sha256="", columns=columns, rows=0, version=0, commits=())


def test_columns_that_differ_are_listed() -> None:
    before = record(same="int64", other="int64", gone="string")
    after = record(same="int64", other="double", new="bool")
    assert compare_schemas("t", before, after) == [
        ColumnChange("t", "other", "int64", "double"),
        ColumnChange("t", "gone", "string", None),
        ColumnChange("t", "new", None, "bool"),
    ]


def test_objects_and_other_values_are_of_different_types() -> None:
    """Also an object without fields, and a column that is called like a field."""
    one, other = (
        {"o": "struct<a: int64>", "o.a": "int64", "e": "struct<>"},
        {"o": "string", "o.a": "string", "e": "string"},
    )
    for first, second in ((one, other), (other, one)):
        assert compare_schemas("t", record(**first), record(**second)) == [
            ColumnChange("t", name, first[name], second[name]) for name in first
        ]


def test_fields_of_objects_are_compared() -> None:
    before = record(o="struct<a: int64, at: struct<x: double, t: list<item: string>>>", m="map<string, int64>")
    after = record(
        o="struct<a: int64, at: struct<x: string, t: list<item: string>>, b: decimal128(5, 2)>", m="map<string, int64>"
    )
    assert compare_schemas("t", before, after) == [
        ColumnChange("t", "o.at.x", "double", "string"),
        ColumnChange("t", "o.b", None, "decimal128(5, 2)"),
    ]
