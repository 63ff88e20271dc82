"""`python -m firelib.launch.bootstrap`: what images and requests call. The code is `launch.runtime.entrypoint`."""

import sys

from firelib.launch.runtime.entrypoint import run

if __name__ == "__main__":
    sys.exit(run())
