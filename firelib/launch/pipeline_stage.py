"""`python -m firelib.launch.pipeline_stage`: what compiled pipelines call; the code is `runtime.pipeline_component`."""

import sys

from firelib.launch.runtime.pipeline_component import run

if __name__ == "__main__":
    sys.exit(run())
