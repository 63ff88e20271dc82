"""Kill a container once and start it again, as a cloud does when it preempts a machine.

`python -m firelib.launch.backends.docker.fault_injection CONTAINER SECONDS FOLDER`
"""

import sys
import time
from pathlib import Path

from firelib.launch.backends.docker.cleanup import KILLING
from firelib.launch.backends.docker.command import docker

_DOWN_SECONDS = 5.0


def kill_replica(container: str, seconds: float, folder: Path) -> None:
    """Kill a container with SIGKILL after a delay and restart it a few seconds later.

    Args:
        container: Its name.
        seconds: Delay before the kill.
        folder: Folder of the job; a marker file in it says that the replica will be back.
    """
    time.sleep(seconds)
    (folder / KILLING).touch()
    try:
        docker("kill", container)
        time.sleep(_DOWN_SECONDS)
        docker("start", container)
    finally:
        (folder / KILLING).unlink()


if __name__ == "__main__":
    kill_replica(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
