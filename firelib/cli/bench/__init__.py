"""The command that runs the benchmarks of a checkout."""
