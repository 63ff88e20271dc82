"""Former name of `TrialLogger`: Ray Tune pickles it with a study, and a study from that time must still resume."""

from firelib.tune.trial_logger import TrialLogger as Notes

__all__ = ["Notes"]
