"""Synthetic copies of a dataset's rows, for benchmarks and trials of a cluster (`data.scale`)."""
