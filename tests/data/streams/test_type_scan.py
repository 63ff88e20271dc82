from itertools import pairwise

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from firelib.data.formats.declared_types import infer_exact, infer_type
from firelib.data.streams.type_scan import TypeScan

TEXTS = (
    "1|0|01|-5|1.5|1.50|3E2|true|False|2013-01-01|2013-01-01 00:00:00|2013-01-01T00:00:00.123Z|12:30:00| 1|a||nan|"
    "12345678901234567|123456789012345678901"
)
VALUES = st.none() | st.sampled_from(TEXTS.split("|"))


@given(st.lists(VALUES, max_size=8), st.lists(st.integers(0, 8), max_size=3), st.booleans())
@settings(max_examples=300)
def test_batches_have_the_type_of_all_values(texts: list[str | None], cuts: list[int], merged: bool) -> None:
    whole = pa.chunked_array([texts], pa.string())
    scan = TypeScan()
    edges = sorted({0, len(texts), *(cut for cut in cuts if cut < len(texts))})
    for start, stop in pairwise(edges):
        other = TypeScan() if merged else scan
        other.add(whole.slice(start, stop - start))
        if merged:
            scan.merge(other)
    assert scan.inferred == infer_type(whole)
    assert scan.exact == (None if pa.types.is_string(infer_exact(whole).type) else infer_exact(whole).type)
