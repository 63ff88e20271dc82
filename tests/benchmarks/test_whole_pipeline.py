from collections import Counter

import pytest

from benchmarks.whole_pipeline import _compare, _set_version, assign_days, warm_up
from firelib.config import load_params
from tests.project import ROOT

METRICS = {"roc_auc": 0.7, "log_loss": 0.5}


def test_days_are_split_as_firelib_splits_them():
    days = assign_days()
    assert len(days) == 365
    assert Counter(days.values())["test"] == 37, "as the README says"


@pytest.mark.integration
def test_libraries_and_tables_are_read_before_the_first_round():
    assert warm_up() > 1 << 20


def test_metrics_may_differ_by_noise_only():
    names = ("model", "boosted_trees", "class_prior")
    ours = dict.fromkeys(names, METRICS)
    assert max(_compare(ours, ours).values()) == 0
    with pytest.raises(RuntimeError, match="boosted_trees: roc_auc"):
        _compare(ours, {**ours, "boosted_trees": {**METRICS, "roc_auc": 0.6}})


def test_version_is_the_only_parameter_that_changes(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text((ROOT / "params.yaml").read_text())
    _set_version(path, 10)
    changed, before = load_params(path), load_params(ROOT / "params.yaml")
    assert changed.data.version == 10
    assert changed.model_copy(update={"data": before.data}) == before
