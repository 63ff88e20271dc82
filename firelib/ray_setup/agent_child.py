"""Run one of the raylet's agents, and end with the raylet: `python -P agent_child.py SCRIPT ARGUMENT …`.

An agent notices after two seconds that its raylet was killed, but then tries for a minute to report it to the GCS,
which has ended as well. If it is faster than the kernel, all drivers print the end of the raylet's log on standard
output: `watch_for_loss` has said it in one error.
"""

import ctypes
import os
import runpy
import signal
import sys

from ray._private import process_watcher

_DASHBOARD_AGENT = "/dashboard/agent.py"
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Run the script that the arguments name."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() == 1:  # the raylet has ended before the call
        sys.exit(1)
    process_watcher.report_raylet_error_logs = lambda *_: None
    del sys.argv[0]
    if sys.argv[0].endswith(_DASHBOARD_AGENT):
        _load_no_modules()
    runpy.run_path(sys.argv[0], run_name="__main__")


def _load_no_modules() -> None:
    """Do without the agent's modules, which serve the dashboard: even the minimal agent would import all of them."""
    from ray.dashboard import utils

    utils.get_all_modules = lambda _: []


if __name__ == "__main__":
    main()
