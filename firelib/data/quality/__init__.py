"""Whether the statistics of a dataset are what its recipe expects."""
