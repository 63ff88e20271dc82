"""Entry point `python -m firelib.launch.bootstrap` of images and requests; see `launch.runtime.entrypoint`."""

import sys

from firelib.launch.runtime.entrypoint import run

if __name__ == "__main__":
    sys.exit(run())
