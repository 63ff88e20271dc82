"""Benchmarks: one file per question; `report` summarizes the results.

A question that runs by hand sets the user's settings aside before its module is imported, as `firelib bench` does.
"""

import os
import sys

from benchmarks.harness.variables import is_run_by_hand, set_user_settings_aside
from benchmarks.questions import QUESTIONS

if is_run_by_hand(sys.orig_argv, [question.name for question in QUESTIONS]):
    set_user_settings_aside(os.environ)
