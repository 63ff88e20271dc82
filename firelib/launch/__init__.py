"""Where a stage runs: this machine, containers, a Ray cluster or a cloud. The program is the same everywhere."""
