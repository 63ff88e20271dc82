"""`ray start --block` for a node of a job: `python -m firelib.launch.runtime.ray_start --address=HEAD:6379 …`.

Ray's own command aborts the node if its agents take more than 15 seconds to start, as on a busy machine. `lean_start`
prevents this, and leaves out what no job uses: the agents' services, the API server, the autoscaler.
"""

import sys

from firelib.ray_setup.lean_start import lean_start


def main() -> None:
    """Start a node, and run until it ends."""
    from ray.scripts.scripts import cli

    with lean_start(log_monitor=True):  # the driver shows the output of workers on all nodes
        cli(["start", "--block", "--disable-usage-stats", *sys.argv[1:]])


if __name__ == "__main__":
    main()
