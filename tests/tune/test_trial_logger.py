from types import SimpleNamespace

import pytest

from firelib.tune.notes import Notes
from firelib.tune.trial_logger import TrialLogger

TRIAL = SimpleNamespace(config={"values": {"train.lr": 0.1}}, last_result={"epoch": 2.0, "val_loss": 0.25, "pid": 1})


def test_a_line_per_event(capsys: pytest.CaptureFixture[str]) -> None:
    logger = TrialLogger(3)
    logger.on_trial_start(0, [], TRIAL)
    logger.on_trial_complete(0, [], TRIAL)
    logger.on_trial_start(0, [], TRIAL)
    logger.on_trial_error(0, [], TRIAL)
    assert capsys.readouterr().err.splitlines() == [
        "trial 1 of 3: train.lr=0.1",
        "  after epoch 2: val_loss=0.2500",
        "trial 2 of 3: train.lr=0.1",
        "  failed",
    ]


def test_logger_of_a_study_from_before_the_renaming(capsys: pytest.CaptureFixture[str]) -> None:
    logger = Notes.__new__(Notes)
    logger.__dict__.update(_trials=3, _begun=1)  # the state that Ray Tune has pickled
    logger.on_trial_start(0, [], TRIAL)
    assert "of 3" in capsys.readouterr().err
