"""The environment variables of benchmarks: settings of the user's own project do not reach what is measured."""

import os
from collections.abc import MutableMapping, Sequence
from itertools import pairwise

#: Variable with the folder that `firelib bench` collects a benchmark's results from.
RESULTS_VARIABLE = "BENCH_RESULTS"

_set_aside: dict[str, str] = {}


def is_user_setting(name: str) -> bool:
    """Whether a variable changes what firelib does, or leads to the user's bucket, cluster or account."""
    return name.startswith("FIRELIB_") or name in {"RAY_ADDRESS", "WANDB_API_KEY"}


def set_user_settings_aside(variables: MutableMapping[str, str]) -> None:
    """Remove the user's settings; `user_settings` still knows them.

    Args:
        variables: `os.environ`, or a copy of it.
    """
    for name in filter(is_user_setting, list(variables)):
        _set_aside[name] = variables.pop(name)


def user_settings() -> dict[str, str]:
    """The user's settings, for what runs on the user's own machines on request."""
    return {**_set_aside, **{name: value for name, value in os.environ.items() if is_user_setting(name)}}


def benchmark_variables() -> dict[str, str]:
    """The variables of this process without the user's settings."""
    return {name: value for name, value in os.environ.items() if not is_user_setting(name)}


def is_run_by_hand(argv: Sequence[str], questions: Sequence[str]) -> bool:
    """Whether a process runs a question itself, not one of the modules that questions start with variables of theirs.

    Args:
        argv: The interpreter's own command line, as in `sys.orig_argv`: python -m benchmarks.QUESTION.
        questions: Names of the questions.
    """
    modules = [after for option, after in pairwise(argv) if option == "-m"]
    return bool(modules) and modules[0] in {f"benchmarks.{name}" for name in questions}
