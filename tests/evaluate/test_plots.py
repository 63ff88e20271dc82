import numpy as np
import pytest

from firelib.evaluate import plots
from firelib.evaluate.tasks import curve_plots
from firelib.evaluate.tasks.binary import Binary
from firelib.project_layout import Paths


@pytest.fixture
def drawn(monkeypatch):
    """Name of a PNG → its axes."""
    found = {}
    for module in (plots, curve_plots):
        monkeypatch.setattr(module, "save", lambda figure, path: found.update({path.name: figure.axes[0]}))
    return found


def test_curves_tell_data_areas_and_prevalence(drawn, tmp_path):
    labels = np.array([0, 0, 0, 1])
    score = np.stack([1 - labels, labels], axis=1) * 0.8 + 0.1
    Binary().write(
        labels, {"model": score, "boosted_trees": None, "class_prior": score}, {}, Paths("mine", "", tmp_path)
    )
    assert {axes.get_title() for axes in drawn.values()} == {
        "mine: roc, 4 test rows",
        "mine: precision-recall, 4 test rows",
        "mine: calibration, 4 test rows",
    }
    legends = {name: drawn[name].get_legend_handles_labels()[1] for name in drawn}
    assert legends["roc.png"] == ["model (AUC 1.000)"]
    assert legends["precision_recall.png"] == ["prevalence 0.250", "model (AP 1.000)"]
    assert legends["calibration.png"] == ["model"]


@pytest.mark.parametrize(("rows", "expected"), [("100", 0.75), ("1", 0.505)])
def test_short_last_batch_counts_as_its_rows(drawn, tmp_path, rows, expected):
    lines = [f"{step},{loss},{size}" for step, (loss, size) in enumerate([("0.5", "100"), ("1", rows)] * 100, 1)]
    (tmp_path / "training.csv").write_text("\n".join(["step,loss,rows", *lines]))
    (tmp_path / "validation.csv").write_text("epoch,val_loss\n1,0.5\n")
    plots.draw_training(tmp_path, "mine")
    training, _ = drawn["training.png"].get_lines()
    np.testing.assert_allclose(training.get_ydata(), expected, atol=1e-3)
    assert drawn["training.png"].get_title() == "mine"


def test_curve_of_an_earlier_version_counts_each_step_once(drawn, tmp_path):
    (tmp_path / "training.csv").write_text("step,loss\n1,0.5\n2,1\n")
    (tmp_path / "validation.csv").write_text("epoch,val_loss\n1,0.5\n")
    plots.draw_training(tmp_path, "mine")
    assert drawn["training.png"].get_lines()[0].get_ydata().tolist() == [0.5, 1]
