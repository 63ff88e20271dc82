"""Records of the runs of stages: written by each run, read by `firelib report` and by `firelib plan --rows`."""
