"""Entry point `python -m firelib.launch.pipeline_stage` of pipelines; see `launch.runtime.pipeline_component`."""

import sys

from firelib.launch.runtime.pipeline_component import run

if __name__ == "__main__":
    sys.exit(run())
