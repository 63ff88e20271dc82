"""Typed parameters: params.yaml and the `FIRELIB_*` environment variables, validated."""

from firelib.config.environment import Environment, Tracking, load_environment
from firelib.config.evaluate import Evaluate
from firelib.config.model_params import model_params
from firelib.config.params import PARTITION_BYTES, Data, Params, Storage, load_params, parse_params
from firelib.config.split import Cut, Split
from firelib.config.split_check import check_split, declare_splits
from firelib.config.train import Checkpoint, EarlyStopping, Schedule, Train
from firelib.config.tune import Distribution, Tune
from firelib.config.validation_errors import explain_validation_error
from firelib.config.yaml_file import read_yaml_mapping

__all__ = [
    "PARTITION_BYTES",
    "Checkpoint",
    "Cut",
    "Data",
    "Distribution",
    "EarlyStopping",
    "Environment",
    "Evaluate",
    "Params",
    "Schedule",
    "Split",
    "Storage",
    "Tracking",
    "Train",
    "Tune",
    "check_split",
    "declare_splits",
    "explain_validation_error",
    "load_environment",
    "load_params",
    "model_params",
    "parse_params",
    "read_yaml_mapping",
]
