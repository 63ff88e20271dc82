"""The sample from the files of the first pass is that of the rows, whatever decides the split."""

from pathlib import Path

import pandas as pd
import pytest

from firelib.data.prepare import prepare_partition
from firelib.data.quality.trained_sample import read_sample
from firelib.data.split.position import HASH, HASH_SPACE, split_ranges
from firelib.data.versions.feature_sample import sample_partition
from firelib.recipe import Recipe, find_split_rule
from tests.data.synthetic.test_scaled_recipe import SHARES, ByShop, ByState, Kept, LastDay, scale


def sort(table: object) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()  # type: ignore[attr-defined]
    return frame.sort_values(list(frame.columns), ignore_index=True)


@pytest.mark.parametrize("kind", [Kept, ByShop, ByState, LastDay])
@pytest.mark.parametrize("share", [1, 3, 10**6])
def test_the_sample_has_the_rows_whose_keys_have_the_smallest_hashes(
    tmp_path: Path, kind: type[Recipe], share: int
) -> None:
    recipe, frame = scale(kind, copies=1)
    rows, limit = frame.compute(scheduler="sync"), HASH_SPACE // share
    ranges = split_ranges(SHARES, find_split_rule(recipe))
    parts = [prepare_partition(part, recipe, ranges, str(tmp_path), SHARES) for part in (rows[:200], rows[200:])]
    sample = read_sample([part.file for part in parts if part.file], recipe, limit).drop_columns([HASH])
    pd.testing.assert_frame_equal(sort(sample), sort(sample_partition(rows, recipe, limit)))
    assert sample.num_rows == {1: sum(part.splits.total() for part in parts), 10**6: 0}.get(share, sample.num_rows)
