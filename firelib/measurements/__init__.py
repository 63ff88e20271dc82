"""What the stages of a project took on a machine: recorded by each run, read by `firelib plan --rows`."""
