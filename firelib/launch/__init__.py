"""Where a stage runs: on this machine, in containers, on a Ray cluster, in a cloud; the program is always the same."""
