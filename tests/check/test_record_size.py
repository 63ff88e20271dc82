"""Texts with far more room than they need."""

import pyarrow as pa
import pytest

from firelib.check.record_size import check_record_size
from firelib.check.rows import CheckedRows
from firelib.recipe import Feature
from tests.evaluate.scored import Scored


@pytest.mark.parametrize(
    ("texts", "max_length", "found"),
    [
        (["short"] * 9 + ["long" * 2000], 8192 * 8, ["65536"]),
        (["short"] * 9 + ["long" * 2000], None, []),
        (["long" * 200] * 9, 1024, []),
        (["short", None], 100, []),
        ([None, None], 1024, ["1024"]),
    ],
)
def test_room_of_texts(texts: list[str | None], max_length: int | None, found: list[str]) -> None:
    feature = Feature("notes", "string", nullable=True, max_length=max_length)
    rows = pa.table({"notes": pa.array(texts, pa.string())})
    findings = check_record_size(CheckedRows(rows, True), Scored(feature), None)
    assert [finding.value for finding in findings] == found
