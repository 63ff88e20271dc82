"""The sample depends on the rows alone."""

import pandas as pd
import pyarrow as pa

from firelib.data.split.position import HASH_SPACE
from firelib.data.versions.feature_sample import sample_limit, sample_partition
from tests.recipes.tiny import Tiny, derive, order_rows

ROWS = derive(pd.DataFrame(order_rows(2000))).assign(
    city="Rome",
    amount=lambda rows: pd.to_numeric(rows["amount"], errors="coerce"),
    items=lambda rows: pd.to_numeric(rows["items"], errors="coerce").astype("Int64"),
)


def sort(table: pa.Table) -> list[dict[str, object]]:
    return sorted(table.to_pylist(), key=lambda row: row["window"])


def test_partitions_do_not_change_the_sample() -> None:
    limit = HASH_SPACE // 4
    whole = sample_partition(ROWS, Tiny(), limit)
    parts = [sample_partition(part, Tiny(), limit) for part in (ROWS.iloc[:700], ROWS.iloc[700:])]
    assert sort(pa.concat_tables(parts)) == sort(whole)
    valid = (ROWS["state"] == "paid").sum()
    assert abs(whole.num_rows - valid / 4) < 5 * (valid / 4) ** 0.5


def test_a_sample_of_few_rows_is_all_valid_ones() -> None:
    sample = sample_partition(ROWS, Tiny(), sample_limit(len(ROWS)))
    assert sample.num_rows == (ROWS["state"] == "paid").sum()
    assert sample.column_names == [*(feature.name for feature in Tiny.features), "big"]


def test_the_limit_gives_a_hundred_thousand_rows() -> None:
    assert sample_limit(100_000) == HASH_SPACE
    assert abs(sample_limit(10**7) / HASH_SPACE - 0.01) < 1e-9
