import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.data.sources.row_sets import hash_rows, sort_rows

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("text", pa.string()),
        ("data", pa.binary()),
        ("x", pa.float64()),
        ("list", pa.list_(pa.int64())),
        (".flag", pa.bool_()),
    ]
)
ROW = st.fixed_dictionaries(
    {
        "id": st.none() | st.integers(0, 2),
        "text": st.none() | st.sampled_from(["", "a", "ü"]),
        "data": st.none() | st.binary(max_size=2),
        "x": st.none() | st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf")]),
        "list": st.none() | st.lists(st.integers(0, 2), max_size=2),
        ".flag": st.none() | st.booleans(),
    }
)


@given(st.lists(ROW, max_size=8), st.randoms(use_true_random=False))
@settings(max_examples=50)
def test_the_order_and_the_hash_do_not_depend_on_the_order_of_the_rows(rows, random):
    table = sort_rows(pa.Table.from_pylist(rows, SCHEMA), ("x",))
    shuffled = random.sample(rows, len(rows))
    again = sort_rows(pa.Table.from_pylist(shuffled, SCHEMA), ("x",))
    assert hash_rows(again) == hash_rows(table)
    assert repr(again.to_pylist()) == repr(table.to_pylist())


def test_the_key_comes_first():
    table = sort_rows(pa.table({"a": [1, 2, 3], "b": [2, 1, 1]}), ("b", "gone"))
    assert table["a"].to_pylist() == [2, 3, 1]


def test_the_hash_does_not_depend_on_metadata():
    field = pa.field("x", pa.int64(), metadata={"driver": "2"})
    kinds = [pa.int64(), pa.struct([field]), pa.list_(field), pa.map_(pa.string(), field)]
    values = [[1], [{"x": 1}], [[1]], [[("a", 1)]]]
    names = list("abcd")
    with_metadata = pa.schema(
        [
            pa.field(name, kind, nullable=False, metadata={"driver": "1"})
            for name, kind in zip(names, kinds, strict=True)
        ],
        metadata={"driver": "3"},
    )
    table = pa.table([pa.array(each, kind) for each, kind in zip(values, kinds, strict=True)], schema=with_metadata)
    plain = pa.schema(
        [
            ("a", pa.int64()),
            ("b", pa.struct([("x", pa.int64())])),
            ("c", pa.list_(pa.int64())),
            ("d", pa.map_(pa.string(), pa.int64())),
        ]
    )
    assert hash_rows(table) == hash_rows(
        pa.table(
            [pa.array(each) for each in values[:1]]
            + [pa.array(v, k.type) for v, k in zip(values[1:], list(plain)[1:], strict=True)],
            schema=plain,
        )
    )
