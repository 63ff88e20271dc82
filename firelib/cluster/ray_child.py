"""Run one of Ray's commands as a child of firelib: `python -m firelib.cluster.ray_child PROGRAM ARGUMENT …`.

Ray's command starts ssh, which would outlive both. So this process waits for the end of its standard input, a pipe from
firelib, and then kills everything below itself: also if firelib was killed.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import psutil

_KILLED = 128 + signal.SIGKILL


def main() -> int:
    """Run the command that the arguments of this process name.

    Returns:
        The command's exit code.
    """
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL) as process:  # noqa: S603  chosen by firelib
        # These reach the whole process group: firelib decides, and closes the pipe.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        ending = threading.Lock()
        threading.Thread(target=_end_with_parent, args=(ending,), daemon=True).start()
        code = process.wait()
        with ending:  # otherwise this process could end while its other children are being killed
            return code


def _end_with_parent(ending: threading.Lock) -> None:
    os.read(sys.stdin.fileno(), 1)  # nothing is ever written
    ending.acquire()
    with suppress(psutil.Error):
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.kill()
    os._exit(_KILLED)


if __name__ == "__main__":
    sys.exit(main())
