"""The sample from the files of the first pass is that of the rows, whatever decides the split."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from firelib import storage
from firelib.data.prepare import prepare_partition
from firelib.data.quality.trained_sample import keep_sample, measure_drift_since_training, read_sample
from firelib.data.split.position import HASH, HASH_SPACE, split_ranges
from firelib.data.versions.feature_sample import sample_partition
from firelib.project_layout import Paths
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


def test_features_that_the_model_did_not_have_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = Paths("small", str(tmp_path / "root"), tmp_path)
    keep_sample(pa.table({"x": [1.0, 2.0], "y": ["a", "b"], "gone": [0.5, 0.5]}), "0123", paths)
    storage.write_bytes(str(paths.model / "lineage.json"), storage.to_json({"data": {"manifest_sha256": "0123"}}))
    drift = measure_drift_since_training(pa.table({"x": [1.0, 2.0], "y": [1.0, 2.0], "z": ["a", None]}), paths)
    assert drift == {"x": 0.0}
    assert "not checked of y, z:" in capsys.readouterr().err
