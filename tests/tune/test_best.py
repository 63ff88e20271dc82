import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from firelib.tune.best import write_best
from tests.errors import refused
from tests.project import ROOT


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    return path


def test_changes_only_the_lines_of_the_values(file):
    before = file.read_text().splitlines()
    write_best(file, {"train.lr": 0.00021, "model.hidden": [32]})
    changed = [(old, new) for old, new in zip(before, file.read_text().splitlines(), strict=True) if old != new]
    (old_lr, new_lr), (old_hidden, new_hidden) = changed
    assert old_lr.strip().startswith("lr: ")
    assert new_lr == "  lr: 0.00021"
    assert old_hidden.strip().startswith("hidden: ")
    assert new_hidden.split("#")[0].rstrip() == "  hidden: [32]"


def test_adds_a_section(file):
    write_best(file, {"train.schedule.kind": "cosine"})
    assert yaml.safe_load(file.read_text())["train"]["schedule"] == {"kind": "cosine"}


@given(value=st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text("abc1.e-") | st.booleans())
def test_written_values_are_read_again(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("best") / "params.yaml"
    path.write_text("# first\ntrain:\n  lr: 0.1  # rate\n  none: null\n")
    write_best(path, {"train.lr": value})
    assert yaml.safe_load(path.read_text()) == {"train": {"lr": value, "none": None}}
    assert "# first" in path.read_text()
    assert "# rate" in path.read_text()


def test_unwritable_value_leaves_the_file_unchanged(tmp_path):
    path = tmp_path / "params.yaml"
    path.write_text("train:\n  lr: 0.1\n")
    with refused(what="train.lr", where=path):
        write_best(path, {"train.lr": float("nan")})
    assert path.read_text() == "train:\n  lr: 0.1\n"
