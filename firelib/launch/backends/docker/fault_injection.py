"""A drill that kills a container and starts it again.

`python -m firelib.launch.backends.docker.fault_injection CONTAINER SECONDS FOLDER`
"""

import sys
import time
from pathlib import Path

from firelib.launch.backends.docker.cleanup import KILLING
from firelib.launch.backends.docker.cli import docker

_AWAY_SECONDS = 5.0


def kill_replica(container: str, seconds: float, folder: Path) -> None:
    """Kill a container once, without a word to what runs in it, and start it again a little later."""
    time.sleep(seconds)
    (folder / KILLING).touch()
    try:
        docker("kill", container)
        time.sleep(_AWAY_SECONDS)
        docker("start", container)
    finally:
        (folder / KILLING).unlink()


if __name__ == "__main__":
    kill_replica(sys.argv[1], float(sys.argv[2]), Path(sys.argv[3]))
