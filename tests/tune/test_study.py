"""Three tiny trials with the real Ray Tune and Ray Train, one at a time: each uses both CPUs."""

import pytest

from firelib.config import Params, parse_params
from firelib.storage import filesystem
from firelib.train.driver.train_stage import train
from firelib.tune.space import apply_values
from firelib.tune.study import tune
from tests.errors import refused
from tests.train.toy import UNTRACKED, Toy, toy_params, write_toy

pytestmark = pytest.mark.usefixtures("ray_cluster")


def params_with(lrs, trials=3, workers=1, epochs=2, seed=11, **tune) -> Params:
    raw = toy_params(workers=workers, epochs=epochs, train={"cpus_per_worker": 2.0}).model_dump()
    raw["tune"] = {"trials": trials, "reduction": 2, "seed": seed, "space": {"train.lr": {"choice": lrs}}, **tune}
    return parse_params(raw, "params.yaml")


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    paths = write_toy(tmp_path_factory.mktemp("tuned"))
    params = params_with([0.05, 0.000001, 1e38])
    return paths, params, tune(Toy(), params, UNTRACKED, paths)


@pytest.mark.integration
@pytest.mark.slow  # a minute a trial
def test_trials_are_ranked_and_a_failure_is_named(tuned):
    _, params, trials = tuned
    good, slow, failed = trials
    assert [trial.values["train.lr"] for trial in trials] == [0.05, 0.000001, 1e38]
    assert (good.epochs, good.error) == (params.train.epochs, "")
    assert (slow.epochs, slow.error) == (1, ""), "stopped after the first epoch, since it was worse"
    assert good.score < slow.score
    assert "loss is" in failed.error


@pytest.mark.integration
@pytest.mark.slow
def test_training_with_the_best_values_reuses_the_run(tuned, capfd):
    paths, params, trials = tuned
    progress = train(Toy(), apply_values(params, trials[0].values), UNTRACKED, paths)
    assert progress.validation[-1]["val_loss"] == pytest.approx(trials[0].score)
    assert "starting" not in capfd.readouterr().err
    assert (paths.model / "model.keras").exists()


@pytest.mark.integration
@pytest.mark.slow
def test_finished_study_trains_nothing(tuned):
    paths, params, trials = tuned
    runs = filesystem(paths.runs)[0].find(paths.runs, detail=True)
    again = tune(Toy(), params, UNTRACKED, paths)
    assert again == trials
    assert filesystem(paths.runs)[0].find(paths.runs, detail=True) == runs


def test_trial_that_needs_too_many_cpus_is_refused(tmp_path):
    with refused(what=[198, 2], where="train.workers"):
        tune(Toy(), params_with([0.1], workers=99), UNTRACKED, write_toy(tmp_path))
